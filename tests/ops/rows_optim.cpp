// Rows of the optimizers' updates (engine/ops/optim.h).
#include <cmath>

#include "engine/ops/optim.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

// The state of a group: its options, zeros up to 8 of which the last is `skip`, then the steps of
// each parameter.
Tensor group_state(std::vector<double> options, const std::vector<double>& steps) {
  options.resize(8);
  options.insert(options.end(), steps.begin(), steps.end());
  return from(options, {static_cast<std::int64_t>(options.size())});
}

// The options of a step that is to be skipped.
std::vector<double> skipped(std::vector<double> options) {
  options.resize(8);
  options[7] = 1;
  return options;
}

// A parameter's tensors: averages of squares are above the squares of the other moments.
Tensors parameter_tensors(const Shape& shape, const MomentNames& moments, std::uint64_t seed,
                          bool gradient = true) {
  Tensors out{values(shape, seed), gradient ? values(shape, seed + 1) : Tensor()};
  for (std::size_t m = 0; m < moments.size(); ++m) {
    const bool square = moments[m].find("sq") != std::string_view::npos;
    out.push_back(values(shape, seed + 2 + m, square ? 4.5 : -2, square ? 9 : 2));
  }
  return out;
}

template <class Op>
Sample group_sample(std::string label, const Op& op, const std::vector<double>& options,
                    const std::vector<double>& steps, const std::vector<Shape>& shapes,
                    int without_gradient = -1) {
  Tensors in{group_state(options, steps)};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const bool gradient = static_cast<int>(i) != without_gradient;
    for (const Tensor& t : parameter_tensors(shapes[i], op.moments(), 10 * i, gradient)) {
      in.push_back(t);
    }
  }
  Sample made = sample(std::move(label), op, std::move(in));
  made.keeps_f64 = {true};
  return made;
}

// One element's update: its options, the number of the step, p, g and the moments.
template <class Op>
using Rule = void (*)(const Op&, const Values& state, double step, double& p, double g,
                      std::vector<double>& m);

template <class Op>
std::function<Tensors(const Sample&)> naive_group(Rule<Op> rule) {
  return naive<Op>([rule](const Op& op, const Tensors& in) {
    Values state(in[0]);
    Tensors out{Tensor()};
    const std::size_t moments = op.moments().size(), each = 2 + moments;
    for (std::size_t k = 0; 1 + k * each < in.size(); ++k) {
      std::vector<Values> written{Values(in[1 + k * each])};
      for (std::size_t m = 0; m < moments; ++m) written.emplace_back(in[3 + k * each + m]);
      const Tensor& gradient = in[2 + k * each];
      if (gradient.defined() && state[7] == 0) {
        const Values g(gradient);
        const double step = state[8 + static_cast<std::int64_t>(k)] += 1;
        for (std::int64_t i = 0; i < g.numel(); ++i) {
          std::vector<double> m;
          for (std::size_t n = 0; n < moments; ++n) m.push_back(written[1 + n][i]);
          rule(op, state, step, written[0][i], op.maximize ? -g[i] : g[i], m);
          for (std::size_t n = 0; n < moments; ++n) written[1 + n][i] = m[n];
        }
      }
      for (const Values& v : written) out.push_back(v.tensor());
    }
    out[0] = state.tensor();
    return out;
  });
}

// What every op of a group refuses. `op` has at least one moment, `each` tensors per parameter.
template <class Op>
std::vector<WrongInput> group_refusals(const Op& op) {
  const MomentNames moments = op.moments();
  const std::string first(moments[0]);
  const Shape shape{2, 3};
  const auto inputs = [&](const Tensor& state, std::size_t at = 0, const Tensor& instead = {}) {
    Tensors in{state};
    for (const Tensor& t : parameter_tensors(shape, moments, 0)) in.push_back(t);
    if (at > 0) in[at] = instead;
    return in;
  };
  const Tensor good = group_state({}, {0}), y = values({3, 2});
  Tensors short_of_one = inputs(good);
  short_of_one.pop_back();
  Tensors whole = inputs(good);
  for (std::size_t i = 1; i < whole.size(); ++i) whole[i] = integers({2});
  return {
      wrong(op, {},
            cat("needs the state and ", 2 + moments.size(), " tensors for each parameter, got 0")),
      wrong(op, short_of_one, cat("tensors for each parameter, got ", short_of_one.size())),
      wrong(op, inputs(group_state({}, {0, 0})), "state must be [9] f64, got [10] f64"),
      wrong(op, inputs(good, 1, Tensor()), "parameter 0 is undefined"),
      wrong(op, inputs(good, 2, y), "gradient [3,2] f64 does not match parameter 0 [2,3] f64"),
      wrong(op, inputs(good, 3, y), first + " [3,2] f64 does not match"),
      wrong(op, inputs(good, 3, Tensor()), "the " + first + " of parameter 0 is undefined"),
      wrong(op, whole, "needs floating-point tensors"),
  };
}

void sgd_rule(const Sgd& op, const Values& s, double step, double& p, double g,
              std::vector<double>& m) {
  const double lr = s[0], momentum = s[1], dampening = s[2], decay = s[3];
  g += decay * p;
  if (op.has_momentum) {
    m[0] = step == 1 ? g : momentum * m[0] + (1 - dampening) * g;
    g = op.nesterov ? g + momentum * m[0] : m[0];
  }
  p -= lr * g;
}

Row sgd_row() {
  const Sgd plain, moving{true};
  Row row{.op = "sgd"};
  row.samples = {
      group_sample("plain", plain, {0.1}, {0}, {{3, 5}}),
      group_sample("decay", plain, {0.1, 0, 0, 0.01}, {4}, {{7}}),
      group_sample("first step", moving, {0.1, 0.9, 0.5}, {0}, {{7}}),
      group_sample("momentum", moving, {0.1, 0.9, 0.25, 0.01}, {3}, {{7}}),
      group_sample("nesterov", Sgd{true, true}, {0.1, 0.9, 0, 0.01}, {3}, {{7}}),
      group_sample("maximize", Sgd{true, false, true}, {0.1, 0.9, 0.5, 0.01}, {3}, {{7}}),
      group_sample("two, one without gradient", moving, {0.1, 0.9, 0, 0.01}, {3, 0}, {{7}, {2, 2}},
                   0),
      group_sample("two without momentum", plain, {0.1}, {0, 2}, {{1}, {0, 2}}),
      group_sample("many", moving, {0.1, 0.9, 0, 0.01}, {1}, {{50001}}),
      group_sample("skipped", moving, skipped({0.1, 0.9, 0, 0.01}), {0, 3}, {{7}, {2, 2}}),
      group_sample("skipped, plain", plain, skipped({0.1}), {4}, {{5001}}),
  };
  row.samples[0].flops = 15 * 4;
  row.reference = naive_group<Sgd>(sgd_rule);
  row.wrong = group_refusals(moving);
  const Tensor x = values({2, 3});
  row.wrong.push_back(wrong(plain, {group_state({}, {0}), x},
                            "needs the state and 2 tensors for each parameter, got 2"));
  return row;
}

void adam_rule(const Adam& op, const Values& s, double step, double& p, double g,
               std::vector<double>& m) {
  const double lr = s[0], beta1 = s[1], beta2 = s[2], eps = s[3], decay = s[4];
  if (op.decoupled_weight_decay)
    p -= lr * decay * p;
  else
    g += decay * p;
  m[0] = beta1 * m[0] + (1 - beta1) * g;
  m[1] = beta2 * m[1] + (1 - beta2) * g * g;
  double v = m[1];
  if (op.amsgrad) v = m[2] = std::max(m[2], m[1]);
  const double mean = m[0] / (1 - std::pow(beta1, step));
  p -= lr * mean / (std::sqrt(v / (1 - std::pow(beta2, step))) + eps);
}

Row adam_row() {
  const Adam plain, ams{true}, decoupled{false, true};
  const std::vector<double> usual{0.1, 0.9, 0.99, 1e-3, 0}, decay{0.1, 0.8, 0.9, 1e-2, 0.3};
  Row row{.op = "adam"};
  row.samples = {
      group_sample("plain", plain, usual, {0}, {{3, 5}}),
      group_sample("decay", plain, decay, {4}, {{7}}),
      group_sample("decoupled", decoupled, decay, {4}, {{7}}),
      group_sample("amsgrad", ams, decay, {11}, {{7}}),
      group_sample("maximize", Adam{true, true, true}, decay, {11}, {{7}}),
      group_sample("no memory", plain, {0.1, 0, 0, 1e-2, 0}, {3}, {{7}}),
      group_sample("two, one without gradient", plain, usual, {3, 0}, {{7}, {2, 2}}, 0),
      group_sample("two, one empty", ams, usual, {0, 2}, {{1}, {0, 2}}),
      group_sample("many", plain, decay, {1}, {{50001}}),
      group_sample("many, amsgrad", ams, decay, {1}, {{50001}}),
      group_sample("skipped", plain, skipped(decay), {0, 3}, {{7}, {2, 2}}),
      group_sample("skipped, amsgrad", ams, skipped(decay), {4}, {{5001}}),
  };
  row.samples[0].flops = 15 * 15;
  row.reference = naive_group<Adam>(adam_rule);
  row.wrong = group_refusals(ams);
  return row;
}

void rmsprop_rule(const RmsProp& op, const Values& s, double, double& p, double g,
                  std::vector<double>& m) {
  const double lr = s[0], alpha = s[1], eps = s[2], decay = s[3], momentum = s[4];
  g += decay * p;
  m[0] = alpha * m[0] + (1 - alpha) * g * g;
  double v = m[0];
  if (op.centered) {
    double& mean = m.back();
    mean = alpha * mean + (1 - alpha) * g;
    v -= mean * mean;
  }
  double step = g / (std::sqrt(v) + eps);
  if (op.has_momentum) step = m[1] = momentum * m[1] + step;
  p -= lr * step;
}

Row rmsprop_row() {
  const RmsProp plain, moving{true}, centered{false, true}, both{true, true};
  const std::vector<double> usual{0.1, 0.9, 1e-3, 0, 0}, all{0.1, 0.8, 1e-2, 0.3, 0.7};
  Row row{.op = "rmsprop"};
  row.samples = {
      group_sample("plain", plain, usual, {0}, {{3, 5}}),
      group_sample("decay", plain, all, {4}, {{7}}),
      group_sample("momentum", moving, all, {4}, {{7}}),
      group_sample("centered", centered, all, {4}, {{7}}),
      group_sample("both", both, all, {4}, {{7}}),
      group_sample("maximize", RmsProp{true, true, true}, all, {4}, {{7}}),
      group_sample("two, one without gradient", moving, all, {3, 0}, {{7}, {2, 2}}, 0),
      group_sample("two, one empty", centered, usual, {0, 2}, {{1}, {0, 2}}),
      group_sample("many", plain, all, {1}, {{50001}}),
      group_sample("many, both", both, all, {1}, {{50001}}),
      group_sample("skipped", plain, skipped(all), {0, 3}, {{7}, {2, 2}}),
      group_sample("skipped, both", both, skipped(all), {4}, {{5001}}),
  };
  row.samples[0].flops = 15 * 11;
  row.reference = naive_group<RmsProp>(rmsprop_rule);
  row.wrong = group_refusals(both);
  return row;
}

}  // namespace

std::vector<Row> optim_rows() { return {sgd_row(), adam_row(), rmsprop_row()}; }

}  // namespace glassbox::test
