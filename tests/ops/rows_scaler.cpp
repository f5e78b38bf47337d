// Rows of loss scaling (engine/ops/scaler.h).
#include <cmath>

#include "engine/ops/scaler.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

constexpr double infinity = std::numeric_limits<double>::infinity();

Tensor scaler_state(double scale, double tracker = 0, double found = 0) {
  return from<double>({scale, tracker, found, 0}, {4});
}
// Of an optimizer's group with as many parameters.
Tensor group_state(std::int64_t parameters, double skip = 0) {
  std::vector<double> state(static_cast<std::size_t>(8 + parameters), 3);
  state[7] = skip;
  return from(state, {8 + parameters});
}

template <class Op>
Sample scaler_sample(std::string label, const Op& op, Tensors in, std::size_t states) {
  Sample made = sample(std::move(label), op, std::move(in));
  made.keeps_f64.assign(states, true);
  return made;
}

Tensors naive_unscale(const UnscaleGrads& op, const Tensors& in) {
  Values state(in[0]);
  bool found = false;
  Tensors gradients;
  for (std::size_t k = static_cast<std::size_t>(1 + op.groups); k < in.size(); ++k) {
    Values g(in[k]);
    for (std::int64_t i = 0; i < g.numel(); ++i) {
      found = found || !std::isfinite(g[i]);
      g[i] /= state[0];
    }
    gradients.push_back(g.tensor());
  }
  if (found) state[2] = 1;
  Tensors out{state.tensor()};
  for (std::int64_t k = 1; k <= op.groups; ++k) {
    Values group(in[static_cast<std::size_t>(k)]);
    group[7] = found;
    out.push_back(group.tensor());
  }
  out.insert(out.end(), gradients.begin(), gradients.end());
  return out;
}

Row unscale_row() {
  Row row{.op = "unscale_grads"};
  const Tensor g = values({3, 5}), bad = from<double>({1, infinity, 2}, {3}),
               worse = from<double>({NAN, -infinity}, {2});
  Tensors many{scaler_state(4)};  // more groups than a launch of the kernel takes
  for (int k = 0; k < 40; ++k) many.push_back(group_state(1, 1));
  many.push_back(bad);
  row.samples = {
      scaler_sample("one", UnscaleGrads{}, {scaler_state(8), group_state(1), g}, 2),
      scaler_sample("not a power of two", UnscaleGrads{}, {scaler_state(3, 5), group_state(1), g},
                    2),
      scaler_sample("infinite", UnscaleGrads{},
                    {scaler_state(8), group_state(3), g, bad, values({7}, 1)}, 2),
      scaler_sample("infinite and NaN, two groups", UnscaleGrads{2},
                    {scaler_state(4, 1), group_state(1), group_state(1), bad, worse}, 3),
      scaler_sample("an earlier note stays", UnscaleGrads{},
                    {scaler_state(4, 1, 1), group_state(1, 1), g}, 2),
      scaler_sample("no gradient", UnscaleGrads{}, {scaler_state(4), group_state(1, 1)}, 2),
      scaler_sample("no group, an empty gradient", UnscaleGrads{0},
                    {scaler_state(4), values({0, 2})}, 1),
      scaler_sample("40 groups", UnscaleGrads{40}, many, 41),
      scaler_sample(
          "many", UnscaleGrads{},
          {scaler_state(64), group_state(3), values({50001}), values({}, 1), values({3, 17001}, 2)},
          2),
  };
  row.samples[0].flops = 15;
  row.reference = naive<UnscaleGrads>(naive_unscale);
  const Tensor state = scaler_state(8), group = group_state(1);
  row.wrong = {
      wrong(UnscaleGrads{-1}, {state, group, g}, "groups -1 is negative"),
      wrong(UnscaleGrads{2}, {state, group},
            "needs the states of the scaler and of 2 groups, got 2 operands"),
      wrong(UnscaleGrads{}, {values({3}), group, g},
            "the scaler's state must be [4] f64, got [3] f64"),
      wrong(UnscaleGrads{}, {integers({4}), group, g},
            "the scaler's state must be [4] f64, got [4] i64"),
      wrong(UnscaleGrads{}, {state, values({7}), g},
            "the state of group 0 must be f64 of at least 8 elements, got [7] f64"),
      wrong(UnscaleGrads{}, {state, group, g, Tensor()}, "operand 3 is undefined"),
      wrong(UnscaleGrads{}, {state, group, integers({2})}, "needs floating-point tensors"),
  };
  return row;
}

Tensors naive_update(const ScalerUpdate& op, const Tensors& in) {
  Values state(in[0]);
  if (state[2] == 1) {
    state[0] *= op.backoff_factor;
    state[1] = 0;
  } else {
    state[1] += 1;
    if (state[1] >= static_cast<double>(op.growth_interval)) {
      if (state[0] * op.growth_factor < 3.41e38) state[0] *= op.growth_factor;
      state[1] = 0;
    }
  }
  state[2] = 0;
  Tensors out{state.tensor()};
  for (std::size_t k = 1; k < in.size(); ++k) {
    Values group(in[k]);
    group[7] = 0;
    out.push_back(group.tensor());
  }
  return out;
}

Row update_row() {
  Row row{.op = "scaler_update"};
  row.threads_from = 0;
  const ScalerUpdate usual, quick{.growth_factor = 3, .backoff_factor = 0.25, .growth_interval = 3};
  Tensors many{scaler_state(8, 2)};
  for (int k = 0; k < 40; ++k) many.push_back(group_state(2, 1));
  row.samples = {
      scaler_sample("a good step", usual, {scaler_state(65536, 7), group_state(1)}, 2),
      scaler_sample("a bad step", usual, {scaler_state(65536, 7, 1), group_state(1, 1)}, 2),
      scaler_sample("grows by default", usual, {scaler_state(65536, 1999), group_state(1)}, 2),
      scaler_sample("not yet", quick, {scaler_state(8, 1), group_state(1)}, 2),
      scaler_sample("grows", quick, {scaler_state(8, 2), group_state(1)}, 2),
      scaler_sample("a bad step where it would grow", quick,
                    {scaler_state(8, 2, 1), group_state(1, 1), group_state(2, 0)}, 3),
      scaler_sample("no further than f32", quick, {scaler_state(2e38, 2), group_state(1)}, 2),
      scaler_sample("alone", quick, {scaler_state(8, 0)}, 1),
      scaler_sample("40 groups", quick, many, 41),
  };
  row.samples[0].flops = 2;
  row.reference = naive<ScalerUpdate>(naive_update);
  const Tensor state = scaler_state(8);
  row.wrong = {
      wrong(ScalerUpdate{.growth_factor = 1}, {state}, "growth_factor 1 is not above 1 and finite"),
      wrong(ScalerUpdate{.growth_factor = infinity}, {state}, "growth_factor inf is not above 1"),
      wrong(ScalerUpdate{.backoff_factor = 1}, {state}, "backoff_factor 1 is not between 0 and 1"),
      wrong(ScalerUpdate{.backoff_factor = NAN}, {state}, "backoff_factor nan is not between"),
      wrong(ScalerUpdate{.growth_interval = 0}, {state}, "growth_interval 0 is not above 0"),
      wrong(usual, {}, "needs the scaler's state"),
      wrong(usual, {values({5})}, "the scaler's state must be [4] f64, got [5] f64"),
      wrong(usual, {state, integers({9})},
            "the state of group 0 must be f64 of at least 8 elements, got [9] i64"),
  };
  return row;
}

}  // namespace

std::vector<Row> scaler_rows() { return {unscale_row(), update_row()}; }

}  // namespace glassbox::test
