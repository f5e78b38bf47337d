// Rows of layer normalisation (engine/ops/layer_norm.h).
#include <cmath>

#include "engine/ops/layer_norm.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

Values or_constant(const Tensor& t, const Shape& shape, double value) {
  return t.defined() ? Values(t) : Values(shape, value);
}

Shape rows_of(const Shape& x, const Shape& tail) {
  return Shape(std::span<const std::int64_t>(x.begin(), x.end() - tail.rank()));
}

Tensors reference(const ops::LayerNorm& op, const Tensors& in) {
  const Values x(in[0]);
  const std::int64_t n = op.normalized_shape.numel();
  const Values w = or_constant(in[1], op.normalized_shape, 1);
  const Values b = or_constant(in[2], op.normalized_shape, 0);
  const Shape rows = rows_of(x.shape(), op.normalized_shape);
  Values y(x.shape()), mean(rows), rstd(rows);
  for (std::int64_t r = 0; r < rows.numel(); ++r) {
    double var = 0;
    for (std::int64_t i = 0; i < n; ++i) mean[r] += x[r * n + i] / static_cast<double>(n);
    for (std::int64_t i = 0; i < n; ++i) {
      var += (x[r * n + i] - mean[r]) * (x[r * n + i] - mean[r]) / static_cast<double>(n);
    }
    rstd[r] = 1 / std::sqrt(var + op.eps);
    for (std::int64_t i = 0; i < n; ++i) {
      y[r * n + i] = (x[r * n + i] - mean[r]) * rstd[r] * w[i] + b[i];
    }
  }
  return {y.tensor(), mean.tensor(), rstd.tensor()};
}

Tensors reference_grad(const ops::LayerNormGrad& op, const Tensors& in) {
  const Values dy(in[0]), x(in[1]), mean(in[3]), rstd(in[4]);
  const std::int64_t n = op.normalized_shape.numel();
  const Values w = or_constant(in[2], op.normalized_shape, 1);
  Values dx(dy.shape()), dw(op.normalized_shape), db(op.normalized_shape);
  for (std::int64_t r = 0; r < mean.numel(); ++r) {
    double of_g = 0, of_gu = 0;
    const auto u = [&](std::int64_t i) { return (x[r * n + i] - mean[r]) * rstd[r]; };
    for (std::int64_t i = 0; i < n; ++i) {
      of_g += dy[r * n + i] * w[i] / static_cast<double>(n);
      of_gu += dy[r * n + i] * w[i] * u(i) / static_cast<double>(n);
      dw[i] += dy[r * n + i] * u(i);
      db[i] += dy[r * n + i];
    }
    for (std::int64_t i = 0; i < n; ++i) {
      dx[r * n + i] = rstd[r] * (dy[r * n + i] * w[i] - of_g - u(i) * of_gu);
    }
  }
  return {dx.tensor(), dw.tensor(), db.tensor()};
}

Row forward_row() {
  using Op = ops::LayerNorm;
  Row row{.op = "layer_norm", .reference = naive<Op>(reference), .batched = true};
  const auto add = [&](std::string label, const Shape& x, const Shape& tail, bool weight = true,
                       bool bias = true, double eps = 1e-5) {
    row.samples.push_back(sample(
        std::move(label), Op{tail, eps},
        {values(x), weight ? values(tail, 1) : Tensor(), bias ? values(tail, 2) : Tensor()}));
  };
  add("last dimension", {3, 4, 5}, {5});
  row.samples[0].flops = 3 * 4 * 5 * 8;
  add("no weight and no bias", {4, 7}, {7}, false, false);
  row.samples[1].flops = 4 * 7 * 6;
  add("weight alone", {4, 7}, {7}, true, false);
  add("bias alone", {4, 7}, {7}, false, true);
  add("two dimensions, eps", {2, 3, 5}, {3, 5}, true, true, 1e-2);
  add("all dimensions", {3, 5}, {3, 5});
  add("one row", {1, 33}, {33});
  add("one row, a vector", {19}, {19});
  add("empty batch", {0, 4, 5}, {5});
  add("pairs", {6, 2}, {2});
  row.samples.back().tolerance_f32 = 1e-4;
  row.samples.back().differentiable = {false, true, true};  // y is a step of width sqrt(eps)
  add("threads", {300, 129}, {129});
  add("long rows", {3, 16411}, {16411});
  // Far from zero E[x^2] - E[x]^2 would lose the variance altogether.
  Sample far = sample("far from zero", Op{{31}}, {values({9, 31}, 0, 1000, 1001), {}, {}});
  far.tolerance_f64 = 1e-9;
  far.tolerance_f32 = 1e-3;
  row.samples.push_back(far);
  for (Sample& s : row.samples) s.gradcheck_tolerance = 1e-6;
  row.samples.back().gradcheck_step = 1e-8;  // relative to x, which is 1000 times its deviation
  const Tensor x = values({2, 3, 5}), five = values({5}), three = values({3});
  row.wrong = {
      wrong(Op{{4}}, {x, {}, {}}, "x must end in normalized_shape [4], got [2,3,5]"),
      wrong(Op{{1, 2, 3, 5}}, {x, {}, {}}, "x must end in normalized_shape [1,2,3,5]"),
      wrong(Op{}, {x, {}, {}}, "normalized_shape needs at least 1 dimension, got []"),
      wrong(Op{{5}}, {x, three, {}}, "weight must be [5] f64 for x [2,3,5] f64, got [3] f64"),
      wrong(Op{{5}}, {x, five, three}, "bias must be [5] f64 for x [2,3,5] f64, got [3] f64"),
      wrong(Op{{5}}, {x, five.to(DType::f32), {}}, "weight must be [5] f64"),
      wrong(Op{{5}, -1}, {x, {}, {}}, "eps -1 must be at least 0"),
      wrong(Op{{3}}, {integers({2, 3}), {}, {}}, "needs floating-point tensors"),
      wrong(Op{{3}}, {Tensor(), {}, {}}, "operand 0 is undefined"),
  };
  return row;
}

Row grad_row() {
  using Op = ops::LayerNormGrad;
  Row row{.op = "layer_norm_grad", .reference = naive<Op>(reference_grad), .batched = true};
  const auto add = [&](std::string label, const Shape& x, const Shape& tail, bool weight = true) {
    const Shape rows = rows_of(x, tail);
    row.samples.push_back(sample(std::move(label), Op{tail},
                                 {values(x, 5), values(x), weight ? values(tail, 1) : Tensor(),
                                  values(rows, 3), values(rows, 4, 0.25, 2)}));
    row.samples.back().keeps_f64 = {false, false, false, true, true};
    row.samples.back().tolerance_f32 = 1e-4;
  };
  add("last dimension", {3, 4, 5}, {5});
  row.samples[0].flops = 3 * 4 * 5 * 14;
  add("two dimensions, no weight", {2, 3, 5}, {3, 5}, false);
  add("one row", {1, 33}, {33});
  add("empty batch", {0, 4, 5}, {5});
  add("more rows than chunks", {300, 17}, {17});
  add("threads", {150, 257}, {257});
  const Tensor x = values({2, 5}), five = values({5}), two = values({2});
  row.wrong = {
      wrong(Op{{4}}, {x, x, {}, two, two}, "x must end in normalized_shape [4]"),
      wrong(Op{{5}}, {x, values({3, 5}), {}, two, two}, "dy [2,5] f64 does not match x [3,5] f64"),
      wrong(Op{{5}}, {x, x, two, two, two}, "weight must be [5] f64"),
      wrong(Op{{5}}, {x, x, five, five, two}, "mean and rstd must be [2] f64, got [5] f64"),
      wrong(Op{{5}}, {x, x, five, two, {}}, "mean and rstd must be [2] f64"),
      wrong(Op{{5}}, {x, {}, five, two, two}, "operand 1 is undefined"),
  };
  return row;
}

}  // namespace

std::vector<Row> layer_norm_rows() { return {forward_row(), grad_row()}; }

}  // namespace glassbox::test
