// Rows of the ops that write state (engine/ops/update.h, engine/ops/ema.h).
#include <cmath>

#include "engine/ops/ema.h"
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

Tensors naive_ema(const Ema&, const Tensors& in) {
  Values state(in[0]);
  Tensors out{Tensor()};
  for (std::size_t i = 1; i < in.size(); i += 2) {
    Values average(in[i]);
    const Values x(in[i + 1]);
    for (std::int64_t k = 0; k < x.numel(); ++k) {
      const double mixed = state[0] * average[k] + (1 - state[0]) * x[k];
      average[k] = state[1] == 0 ? x[k] : is_floating(in[i].dtype()) ? mixed : std::trunc(mixed);
    }
    out.push_back(average.tensor(in[i].dtype()));
  }
  state[1] += 1;
  out[0] = state.tensor();
  return out;
}

Row ema_row() {
  const auto state = [](double decay, double updates) {
    return from<double>({decay, updates}, {2});
  };
  Row row{.op = "ema"};
  row.samples = {
      sample("first", Ema{}, {state(0.9, 0), values({3, 5}), values({3, 5}, 1)}),
      sample("later", Ema{}, {state(0.9, 2), values({3, 5}), values({3, 5}, 1)}),
      sample("two", Ema{},
             {state(0.3, 1), values({7}), values({7}, 1), values({}, 2), values({}, 3)}),
      sample("integers", Ema{},
             {state(0.75, 1), integers({7}, 0, 100), integers({7}, 0, 100, 1), values({0, 3}),
              values({0, 3})}),
      sample("many", Ema{}, {state(0.9, 1), values({50001}), values({50001}, 1)}),
  };
  row.samples[1].flops = 15 * 3;
  for (Sample& s : row.samples) s.keeps_f64 = {true};
  row.reference = naive<Ema>(naive_ema);
  const Tensor good = state(0.9, 0), x = values({2, 3}), y = values({3, 2});
  row.wrong = {
      wrong(Ema{}, {good, x}, "needs the state and 2 tensors for each average, got 2"),
      wrong(Ema{}, {values({3}), x, x}, "state must be [2] f64, got [3] f64"),
      wrong(Ema{}, {good, x, y}, "average 0 [2,3] f64 does not match its tensor [3,2] f64"),
      wrong(Ema{}, {good, x, Tensor()}, "operand 2 is undefined"),
      wrong(Ema{}, {good, x, integers({2, 3})}, "does not match its tensor [2,3] i64"),
  };
  return row;
}

}  // namespace

std::vector<Row> update_rows() { return {assign_row(), add_to_row(), ema_row()}; }

}  // namespace glassbox::test
