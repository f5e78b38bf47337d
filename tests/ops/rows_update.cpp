// Rows of the ops that write state (engine/ops/update.h, engine/ops/optim.h).
#include "engine/ops/optim.h"
#include "engine/ops/update.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

template <class Op>
std::vector<WrongInput> two_operands_wrong() {
  return {
      wrong(Op{}, {values({2, 3}), values({3, 2})},
            "destination [2,3] f64 does not match source [3,2] f64"),
      wrong(Op{}, {values({2, 3}), values({3})}, "does not match source [3] f64"),
      wrong(Op{}, {values({2}), filled({2}, DType::f32, [](std::int64_t) { return 1; })},
            "destination [2] f64 does not match source [2] f32"),
  };
}

Row assign_row() {
  Row row{.op = "assign"};
  row.samples = {
      sample("matrix", Assign{}, {values({3, 5}), values({3, 5}, 1)}),
      sample("one", Assign{}, {values({1}), values({1}, 1)}),
      sample("no dimensions", Assign{}, {values({}), values({}, 1)}),
      sample("empty", Assign{}, {values({0, 3}), values({0, 3}, 1)}),
      sample("i64", Assign{}, {integers({7}), integers({7}, 0, 9, 1)}),
      sample("bool", Assign{}, {booleans({7}), booleans({7}, 1)}),
      sample("many", Assign{}, {values({3, 17001}), values({3, 17001}, 1)}),
  };
  row.reference = naive<Assign>([](const Assign&, const Tensors& in) -> Tensors {
    return {Values(in[1]).tensor(in[0].dtype())};
  });
  row.wrong = two_operands_wrong<Assign>();
  row.batched = true;
  row.bytes = [](const AnyOp&, Specs in, Specs out) {
    return std::pair(static_cast<std::int64_t>(in[1].bytes()),
                     static_cast<std::int64_t>(out[0].bytes()));
  };
  return row;
}

Row add_to_row() {
  Row row{.op = "add_to"};
  row.samples = {
      sample("matrix", AddTo{}, {values({3, 5}), values({3, 5}, 1)}),
      sample("one", AddTo{}, {values({1}), values({1}, 1)}),
      sample("no dimensions", AddTo{}, {values({}), values({}, 1)}),
      sample("empty", AddTo{}, {values({0, 3}), values({0, 3}, 1)}),
      sample("many", AddTo{}, {values({3, 17001}), values({3, 17001}, 1)}),
  };
  row.samples[0].flops = 15;
  row.reference = naive<AddTo>([](const AddTo&, const Tensors& in) -> Tensors {
    Values y(in[0]);
    const Values x(in[1]);
    for (std::int64_t i = 0; i < y.numel(); ++i) y[i] += x[i];
    return {y.tensor()};
  });
  row.wrong = two_operands_wrong<AddTo>();
  row.wrong.push_back(
      wrong(AddTo{}, {integers({2}), integers({2})}, "needs floating-point tensors"));
  row.batched = true;
  return row;
}

// The state of a group: lr, momentum, dampening, weight decay, four unused, then steps taken.
Tensor sgd_state(double lr, double momentum, double dampening, double decay,
                 const std::vector<double>& steps) {
  std::vector<double> state{lr, momentum, dampening, decay, 0, 0, 0, 0};
  state.insert(state.end(), steps.begin(), steps.end());
  return from(state, {static_cast<std::int64_t>(state.size())});
}

Tensors naive_sgd(const Sgd& op, const Tensors& in) {
  Values state(in[0]);
  const double lr = state[0], momentum = state[1], dampening = state[2], decay = state[3];
  Tensors out{Tensor()};
  const std::size_t each = op.has_momentum ? 3 : 2;
  for (std::size_t k = 0; 1 + k * each < in.size(); ++k) {
    Values p(in[1 + k * each]);
    Tensor moment = op.has_momentum ? in[3 + k * each] : Tensor();
    if (const Tensor& gradient = in[2 + k * each]; gradient.defined()) {
      const Values g(gradient);
      Values m = op.has_momentum ? Values(moment) : Values(p.shape());
      double& steps = state[8 + static_cast<std::int64_t>(k)];
      for (std::int64_t i = 0; i < p.numel(); ++i) {
        double step = g[i] + decay * p[i];
        if (op.has_momentum) {
          m[i] = steps == 0 ? step : momentum * m[i] + (1 - dampening) * step;
          step = op.nesterov ? step + momentum * m[i] : m[i];
        }
        p[i] -= lr * step;
      }
      steps += 1;
      if (op.has_momentum) moment = m.tensor();
    }
    out.push_back(p.tensor());
    if (op.has_momentum) out.push_back(moment);
  }
  out[0] = state.tensor();
  return out;
}

Row sgd_row() {
  const Tensor none;
  Row row{.op = "sgd"};
  row.samples = {
      sample("plain", Sgd{}, {sgd_state(0.1, 0, 0, 0, {0}), values({3, 5}), values({3, 5}, 1)}),
      sample("decay", Sgd{}, {sgd_state(0.1, 0, 0, 0.01, {4}), values({7}), values({7}, 1)}),
      sample("first step", Sgd{true},
             {sgd_state(0.1, 0.9, 0.5, 0, {0}), values({7}), values({7}, 1), values({7}, 2)}),
      sample("momentum", Sgd{true},
             {sgd_state(0.1, 0.9, 0.25, 0.01, {3}), values({7}), values({7}, 1), values({7}, 2)}),
      sample("nesterov", Sgd{true, true},
             {sgd_state(0.1, 0.9, 0, 0.01, {3}), values({7}), values({7}, 1), values({7}, 2)}),
      sample("two, one without gradient", Sgd{true},
             {sgd_state(0.1, 0.9, 0, 0.01, {3, 0}), values({7}), none, values({7}, 2),
              values({2, 2}, 3), values({2, 2}, 4), values({2, 2}, 5)}),
      sample("two without momentum", Sgd{},
             {sgd_state(0.1, 0, 0, 0, {0, 2}), values({1}), values({1}, 1), values({0, 2}),
              values({0, 2}, 3)}),
      sample("many", Sgd{true},
             {sgd_state(0.1, 0.9, 0, 0.01, {1}), values({50001}), values({50001}, 1),
              values({50001}, 2)}),
  };
  for (Sample& s : row.samples) s.keeps_f64 = {true};
  row.reference = naive<Sgd>(naive_sgd);
  const Tensor x = values({2, 3}), y = values({3, 2});
  row.wrong = {
      wrong(Sgd{}, {}, "needs the state and 2 tensors for each parameter, got 0"),
      wrong(Sgd{true}, {sgd_state(0, 0, 0, 0, {0}), x, x},
            "and 3 tensors for each parameter, got 3"),
      wrong(Sgd{}, {sgd_state(0, 0, 0, 0, {0, 0}), x, x}, "state must be [9] f64, got [10] f64"),
      wrong(Sgd{}, {sgd_state(0, 0, 0, 0, {0}), x, y},
            "gradient [3,2] f64 does not match parameter 0 [2,3] f64"),
      wrong(Sgd{true}, {sgd_state(0, 0, 0, 0, {0}), x, x, y}, "momentum [3,2] f64 does not match"),
      wrong(Sgd{true}, {sgd_state(0, 0, 0, 0, {0}), x, x, Tensor()},
            "the momentum of parameter 0 is undefined"),
      wrong(Sgd{}, {sgd_state(0, 0, 0, 0, {0}), Tensor(), x}, "parameter 0 is undefined"),
      wrong(Sgd{}, {sgd_state(0, 0, 0, 0, {0}), integers({2}), integers({2})},
            "needs floating-point tensors"),
  };
  return row;
}

}  // namespace

std::vector<Row> update_rows() { return {assign_row(), add_to_row(), sgd_row()}; }

}  // namespace glassbox::test
