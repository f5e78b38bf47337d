// Rows of group normalisation (engine/ops/group_norm.h).
#include <cmath>

#include "engine/ops/group_norm.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using Op = ops::GroupNorm;
using Grad = ops::GroupNormGrad;

// Calls f(row, channel, flat index) for every element; a row is one group of one image.
template <class F>
void each(const Shape& x, int groups, const F& f) {
  const std::int64_t plane = x.product(2, x.rank());
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const std::int64_t image = i / plane / x[1], channel = i / plane % x[1];
    f(image * groups + channel / (x[1] / groups), channel, i);
  }
}

double values_of_row(const Shape& x, int groups) {
  return static_cast<double>(x[1] / groups * x.product(2, x.rank()));
}

// An absent operand's values.
Values optional(const Tensor& t, std::int64_t channels, double value) {
  return t.defined() ? Values(t) : Values(Shape{channels}, value);
}

Tensors reference(const Op& op, const Tensors& in) {
  const Values x(in[0]), w = optional(in[1], x.size(1), 1), b = optional(in[2], x.size(1), 0);
  const double n = values_of_row(x.shape(), op.groups);
  Values y(x.shape()), mean({x.size(0), op.groups}), var(mean.shape()), rstd(mean.shape());
  each(x.shape(), op.groups, [&](auto row, auto, auto i) { mean[row] += x[i] / n; });
  each(x.shape(), op.groups,
       [&](auto row, auto, auto i) { var[row] += (x[i] - mean[row]) * (x[i] - mean[row]) / n; });
  for (std::int64_t row = 0; row < var.numel(); ++row) rstd[row] = 1 / std::sqrt(var[row] + op.eps);
  each(x.shape(), op.groups, [&](auto row, auto channel, auto i) {
    y[i] = (x[i] - mean[row]) * rstd[row] * w[channel] + b[channel];
  });
  return {y.tensor(), mean.tensor(), rstd.tensor()};
}

Tensors reference_grad(const Grad& op, const Tensors& in) {
  const Values dy(in[0]), x(in[1]), mean(in[3]), rstd(in[4]);
  const Values w = optional(in[2], x.size(1), 1);
  const double n = values_of_row(x.shape(), op.groups);
  Values dx(x.shape()), dw({x.size(1)}), db({x.size(1)}), normal(x.shape());
  Values sum(mean.shape()), product(mean.shape());
  each(x.shape(), op.groups, [&](auto row, auto channel, auto i) {
    normal[i] = (x[i] - mean[row]) * rstd[row];
    dw[channel] += dy[i] * normal[i];
    db[channel] += dy[i];
    sum[row] += dy[i] * w[channel];
    product[row] += dy[i] * w[channel] * normal[i];
  });
  each(x.shape(), op.groups, [&](auto row, auto channel, auto i) {
    dx[i] = rstd[row] * (dy[i] * w[channel] - sum[row] / n - normal[i] * product[row] / n);
  });
  return {dx.tensor(), dw.tensor(), db.tensor()};
}

Row forward_row() {
  Row row{.op = "group_norm", .batched = true};
  row.reference = [](const Sample& s) {
    Tensors out = naive<Op>(reference)(s);
    if (s.differentiable == std::vector<bool>{false}) out.resize(1);  // then y is all there is
    return out;
  };
  row.bytes = [](const AnyOp&, Specs in, Specs out) {
    const Cost all = streaming_cost(0, in, out);
    // x is read for the statistics and again for y.
    return std::pair(all.bytes_read + static_cast<std::int64_t>(in[0].bytes()), all.bytes_written);
  };
  const auto add = [&](std::string label, const Op& op, const Shape& x, bool weight = true,
                       bool bias = true) {
    row.samples.push_back(sample(
        std::move(label), op,
        {values(x), weight ? values({x[1]}, 1) : Tensor(), bias ? values({x[1]}, 2) : Tensor()}));
    row.samples.back().gradcheck_tolerance = 1e-6;
  };
  add("one group", {}, {3, 4, 5, 3});
  row.samples.back().flops = 6 * 3 * 4 * 5 * 3;
  add("two groups", {.groups = 2}, {3, 4, 5, 3});
  add("a group for each channel", {.groups = 4}, {3, 4, 5, 3});
  add("[N,C]", {.groups = 2}, {5, 6});
  add("[N,C,L]", {.groups = 3}, {3, 6, 7});
  add("[N,C,D,H,W]", {.groups = 3}, {2, 3, 2, 3, 2});
  add("eps", {.groups = 2, .eps = 1e-2}, {3, 2, 3, 3});
  add("weight alone", {.groups = 2}, {3, 4, 3, 3}, true, false);
  add("bias alone", {.groups = 2}, {3, 4, 3, 3}, false, true);
  add("neither", {.groups = 2}, {3, 4, 3, 3}, false, false);
  add("batch 1", {.groups = 3}, {1, 6, 4, 5});
  add("empty batch", {.groups = 2}, {0, 4, 4, 4});
  add("threads", {.groups = 3}, {9, 6, 25, 31});
  add("threads, a group in parts", {}, {1, 3, 119, 121});
  add("threads, [N,C]", {.groups = 17}, {600, 85});
  // One value in a group: the difference from its mean is 0.
  add("groups of one value", {.groups = 3}, {2, 3});
  row.samples.back().differentiable = {false, true, true};
  // Far from zero E[x^2] - E[x]^2 would lose the variance altogether.
  add("far from zero", {.groups = 2}, {4, 2, 9, 9}, false, false);
  Sample& far = row.samples.back();
  far.inputs[0] = values({4, 2, 9, 9}, 0, 1000, 1001);
  far.tolerance_f64 = 1e-9;
  far.tolerance_f32 = 2e-5;
  far.differentiable = {false};
  const Tensor x = values({2, 4, 3, 3}), four = values({4});
  row.wrong = {
      wrong(Op{}, {{}, {}, {}}, "x is undefined"),
      wrong(Op{}, {values({4}), {}, {}}, "x must be [N,C] or [N,C,...], got [4] f64"),
      wrong(Op{}, {integers({2, 4}), {}, {}}, "needs floating-point tensors"),
      wrong(Op{.groups = 3}, {x, {}, {}},
            "the 4 channels of x [2,4,3,3] do not divide into 3 groups"),
      wrong(Op{.groups = 0}, {x, {}, {}}, "groups 0 must be at least 1"),
      wrong(Op{}, {x, values({3}), {}}, "weight must be [4] f64 for x [2,4,3,3] f64, got [3] f64"),
      wrong(Op{}, {x, four, values({4, 1})}, "bias must be [4] f64"),
      wrong(Op{.eps = -1}, {x, {}, {}}, "eps -1 must be at least 0"),
      wrong(Op{.groups = 4}, {values({1, 4, 1, 1}), {}, {}},
            "needs more than one value in a group, got x [1,4,1,1] f64 in 4 groups"),
  };
  return row;
}

Row grad_row() {
  Row row{.op = "group_norm_grad", .reference = naive<Grad>(reference_grad), .batched = true};
  row.bytes = [](const AnyOp&, Specs in, Specs out) {
    const Cost all = streaming_cost(0, in, out);
    // dy and x are read for the sums and again for dx.
    const std::size_t again = in[0].bytes() + in[1].bytes();
    return std::pair(all.bytes_read + static_cast<std::int64_t>(again), all.bytes_written);
  };
  const auto add = [&](std::string label, int groups, const Shape& x, bool weight = true) {
    row.samples.push_back(sample(std::move(label), Grad{groups},
                                 {values(x, 5), values(x), weight ? values({x[1]}, 1) : Tensor(),
                                  values({x[0], groups}, 3), values({x[0], groups}, 4, 0.5, 2)}));
    row.samples.back().keeps_f64 = {false, false, false, true, true};
    row.samples.back().tolerance_f32 = 1e-4;
  };
  add("one group", 1, {3, 4, 5, 3});
  add("two groups", 2, {3, 4, 5, 3});
  add("no weight", 2, {3, 4, 5, 3}, false);
  add("[N,C]", 2, {5, 6});
  add("[N,C,L]", 3, {3, 6, 7});
  add("batch 1", 3, {1, 6, 4, 5});
  add("empty batch", 2, {0, 4, 4, 4});
  add("threads", 3, {3, 6, 25, 31});
  add("threads, large planes", 1, {1, 3, 119, 121});
  add("threads, [N,C]", 17, {600, 85});
  const Tensor x = values({2, 4, 3, 3}), four = values({4}), each_group = values({2, 2});
  const Grad two{2};
  row.wrong = {
      wrong(two, {{}, x, four, each_group, each_group}, "dy is undefined"),
      wrong(two, {x, {}, four, each_group, each_group}, "x is undefined"),
      wrong(two, {x, values({2, 4, 3, 4}), four, each_group, each_group},
            "dy [2,4,3,3] f64 does not match x [2,4,3,4] f64"),
      wrong(two, {x, x, values({2}), each_group, each_group}, "weight must be [4] f64"),
      wrong(two, {x, x, four, values({4}), each_group}, "mean must be [2,2] f64, got [4] f64"),
      wrong(two, {x, x, four, each_group, {}}, "1/std must be [2,2] f64"),
      wrong(Grad{3}, {x, x, four, each_group, each_group},
            "the 4 channels of dy [2,4,3,3] do not divide into 3 groups"),
  };
  return row;
}

}  // namespace

std::vector<Row> group_norm_rows() { return {forward_row(), grad_row()}; }

}  // namespace glassbox::test
