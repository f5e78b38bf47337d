// Rows of the norm family (engine/ops/norm.h).
#include <cmath>

#include "engine/ops/norm.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

// Calls f(channel, flat index) for every element.
template <class F>
void each(const Shape& x, const F& f) {
  const std::int64_t plane = x.product(2, x.rank());
  for (std::int64_t i = 0; i < x.numel(); ++i) f(plane ? i / plane % x[1] : 0, i);
}

double per_channel(const Shape& x) { return static_cast<double>(x[1] ? x.numel() / x[1] : 0); }

// An absent operand's values.
Values optional(const Tensor& t, std::int64_t channels, double value) {
  return t.defined() ? Values(t) : Values(Shape{channels}, value);
}

Tensors reference(const ops::BatchNorm& op, const Tensors& in) {
  const Values x(in[0]);
  const std::int64_t channels = x.size(1);
  const Values w = optional(in[1], channels, 1), b = optional(in[2], channels, 0);
  Values mean = optional(in[3], channels, 0), var = optional(in[4], channels, 0), y(x.shape());
  if (op.training && x.numel() > 0) {
    const double n = per_channel(x.shape());
    each(x.shape(), [&](std::int64_t c, std::int64_t i) { mean[c] += x[i] / n; });
    each(x.shape(), [&](std::int64_t c, std::int64_t i) {
      var[c] += (x[i] - mean[c]) * (x[i] - mean[c]) / n;
    });
  }
  each(x.shape(), [&](std::int64_t c, std::int64_t i) {
    y[i] = (x[i] - mean[c]) / std::sqrt(var[c] + op.eps) * w[c] + b[c];
  });
  if (!op.training) return {y.tensor()};
  return {y.tensor(), mean.tensor(), var.tensor()};
}

Tensors reference_grad(const ops::BatchNormGrad& op, const Tensors& in) {
  const Values dy(in[0]), mean(in[3]), var(in[4]);
  const std::int64_t channels = dy.size(1);
  const Values w = optional(in[2], channels, 1);
  const Values x = in[1].defined() ? Values(in[1]) : Values(Shape{});
  const double n = per_channel(dy.shape());
  Values dw(mean.shape()), db(mean.shape()), dx(dy.shape()), normal(dy.shape());
  each(dy.shape(), [&](std::int64_t c, std::int64_t i) {
    if (in[1].defined()) normal[i] = (x[i] - mean[c]) / std::sqrt(var[c] + op.eps);
    dw[c] += dy[i] * normal[i];
    db[c] += dy[i];
  });
  each(dy.shape(), [&](std::int64_t c, std::int64_t i) {
    const double centred = op.training ? dy[i] - db[c] / n - normal[i] * dw[c] / n : dy[i];
    dx[i] = centred * w[c] / std::sqrt(var[c] + op.eps);
  });
  return {dx.tensor(), dw.tensor(), db.tensor()};
}

Tensors reference_update(const ops::BatchNormUpdate& op, const Tensors& in) {
  Values mean(in[0]), var(in[1]), batches(in[2]);
  const Values new_mean(in[3]), new_var(in[4]);
  batches[0] += 1;
  const double m = op.cumulative ? 1 / batches[0] : op.momentum;
  const double n = static_cast<double>(op.count), unbias = n > 1 ? n / (n - 1) : 1;
  for (std::int64_t c = 0; op.count > 0 && c < mean.numel(); ++c) {
    mean[c] = (1 - m) * mean[c] + m * new_mean[c];
    var[c] = (1 - m) * var[c] + m * unbias * new_var[c];
  }
  return {mean.tensor(), var.tensor(), batches.tensor(DType::i64)};
}

Tensor positive(std::int64_t channels, std::uint64_t seed) {
  return values({channels}, seed, 0.25, 2);
}

// x, then weight and bias or none, then running statistics where the op reads them.
Tensors operands(const Shape& x, bool weight, bool bias, bool running) {
  const std::int64_t c = x[1];
  return {values(x), weight ? values({c}, 1) : Tensor(), bias ? values({c}, 2) : Tensor(),
          running ? values({c}, 3) : Tensor(), running ? positive(c, 4) : Tensor()};
}

std::vector<WrongInput> wrong_inputs() {
  using Op = ops::BatchNorm;
  const Op training{.training = true};
  const Tensor x = values({2, 3, 4, 4}), three = values({3}), two = values({2});
  return {
      wrong(training, {values({5}), {}, {}, {}, {}}, "x must be [N,C] or [N,C,...], got [5] f64"),
      wrong(training, {integers({2, 3}), {}, {}, {}, {}}, "needs floating-point tensors"),
      wrong(training, {x, two, three, {}, {}},
            "weight must be [3] f64 for x [2,3,4,4] f64, got [2] f64"),
      wrong(training, {x, three, two, {}, {}}, "bias must be [3] f64"),
      wrong(training, {x, filled({3}, DType::f32, [](auto) { return 1.0; }), {}, {}, {}},
            "weight must be [3] f64 for x [2,3,4,4] f64, got [3] f32"),
      wrong(Op{}, {x, three, three, two, three}, "running mean must be [3] f64"),
      wrong(Op{}, {x, three, three, three, two}, "running variance must be [3] f64"),
      wrong(Op{}, {x, three, three, {}, three}, "running mean is undefined"),
      wrong(training, {values({1, 3}), three, three, {}, {}},
            "training needs more than one value per channel, got x [1,3] f64"),
      wrong(training, {values({1, 3, 1, 1}), {}, {}, {}, {}}, "more than one value per channel"),
      wrong(Op{.training = true, .eps = -1}, {x, {}, {}, {}, {}}, "eps -1 must be at least 0")};
}

Row forward_row() {
  using Op = ops::BatchNorm;
  Row row{.op = "batch_norm",
          .reference = naive<Op>(reference),
          .wrong = wrong_inputs(),
          .batched = true};
  row.bytes = [](const AnyOp& op, Specs in, Specs out) {
    const Cost all = streaming_cost(0, in, out);
    // In training x is read for the statistics and again for y.
    const auto again = op.as<Op>()->training ? static_cast<std::int64_t>(in[0].bytes()) : 0;
    return std::pair(all.bytes_read + again, all.bytes_written);
  };
  const auto train = [&](std::string label, const Shape& x, bool weight = true, bool bias = true,
                         double eps = 1e-5) {
    row.samples.push_back(
        sample(std::move(label), Op{true, eps}, operands(x, weight, bias, false)));
  };
  const auto evaluate = [&](std::string label, const Shape& x, bool weight = true, bool bias = true,
                            double eps = 1e-5) {
    row.samples.push_back(
        sample(std::move(label), Op{false, eps}, operands(x, weight, bias, true)));
    row.samples.back().differentiable = {true, weight, bias, false, false};
  };
  train("training", {3, 4, 5, 3});
  train("training, [N,C]", {6, 5});
  train("training, [N,C,L]", {3, 4, 7});
  train("training, [N,C,D,H,W]", {2, 3, 2, 3, 2});
  train("training, eps", {3, 2, 3, 3}, true, true, 1e-2);
  train("training, weight alone", {3, 2, 3, 3}, true, false);
  train("training, bias alone", {3, 2, 3, 3}, false, true);
  train("training, neither", {3, 2, 3, 3}, false, false);
  train("training, batch 1", {1, 3, 4, 5});
  train("training, two values", {2, 3});
  row.samples.back().tolerance_f32 = 1e-4;
  train("training, empty batch", {0, 3, 4, 4});
  train("training, one channel", {300, 1, 1, 3});
  train("training, threads", {9, 6, 25, 31});
  train("training, threads, [N,C]", {1200, 17});
  evaluate("evaluation", {3, 4, 5, 3});
  evaluate("evaluation, [N,C]", {6, 5});
  evaluate("evaluation, one value", {1, 3});
  evaluate("evaluation, eps", {2, 3, 2, 2}, true, true, 1e-2);
  evaluate("evaluation, weight alone", {2, 3, 2, 2}, true, false);
  evaluate("evaluation, bias alone", {2, 3, 2, 2}, false, true);
  evaluate("evaluation, neither", {2, 3, 2, 2}, false, false);
  evaluate("evaluation, empty batch", {0, 3, 4, 4});
  // Far from zero E[x^2] - E[x]^2 would lose the variance altogether.
  Sample far = sample("training, far from zero", Op{.training = true},
                      {values({4, 2, 9, 9}, 0, 1000, 1001), {}, {}, {}, {}});
  far.tolerance_f64 = 1e-9;
  far.tolerance_f32 = 2e-5;
  far.differentiable = {false};
  row.samples.push_back(far);
  for (Sample& s : row.samples) s.gradcheck_tolerance = 1e-6;
  return row;
}

Row grad_row() {
  using Op = ops::BatchNormGrad;
  Row row{.op = "batch_norm_grad", .reference = naive<Op>(reference_grad), .batched = true};
  row.bytes = [](const AnyOp& op, Specs in, Specs out) {
    const Cost all = streaming_cost(0, in, out);
    // dy, and in training x, are read for the sums and again for dx.
    const std::size_t again = in[0].bytes() + (op.as<Op>()->training ? in[1].bytes() : 0);
    return std::pair(all.bytes_read + static_cast<std::int64_t>(again), all.bytes_written);
  };
  const auto add = [&](std::string label, const Op& op, const Shape& x, bool weight = true,
                       bool reads_x = true) {
    const std::int64_t c = x[1];
    row.samples.push_back(
        sample(std::move(label), op,
               {values(x, 5), reads_x ? values(x) : Tensor(), weight ? values({c}, 1) : Tensor(),
                values({c}, 3), positive(c, 4)}));
    row.samples.back().tolerance_f32 = 1e-4;
  };
  for (bool training : {true, false}) {
    const std::string when = training ? "training" : "evaluation";
    add(when, {training}, {3, 4, 5, 3});
    add(when + ", [N,C]", {training}, {6, 5});
    add(when + ", [N,C,L]", {training}, {3, 4, 7});
    add(when + ", no weight, eps", {training, 1e-2}, {3, 2, 3, 3}, false);
    add(when + ", batch 1", {training}, {1, 3, 4, 5});
    add(when + ", empty batch", {training}, {0, 3, 4, 4});
    add(when + ", threads", {training}, {3, 6, 25, 31});
    add(when + ", threads, [N,C]", {training}, {1200, 17});
  }
  add("evaluation, without x", {false}, {3, 4, 5, 3}, true, false);
  const Tensor x = values({2, 3, 4, 4}), three = values({3});
  row.wrong = {wrong(Op{}, {values({3}), x, three, three, three}, "x must be [N,C] or [N,C,...]"),
               wrong(Op{}, {x, values({2, 3, 4, 5}), three, three, three},
                     "dy [2,3,4,4] f64 does not match x [2,3,4,5] f64"),
               wrong(Op{}, {x, x, values({2}), three, three}, "weight must be [3] f64"),
               wrong(Op{}, {x, x, three, values({2}), three}, "mean must be [3] f64"),
               wrong(Op{}, {x, x, three, three, {}}, "variance is undefined")};
  return row;
}

Row update_row() {
  using Op = ops::BatchNormUpdate;
  Row row{.op = "batch_norm_update", .reference = naive<Op>(reference_update), .threads_from = 0};
  const auto add = [&](std::string label, const Op& op, std::int64_t batches) {
    const Tensor count = filled({}, DType::i64, [&](auto) { return double(batches); });
    row.samples.push_back(
        sample(std::move(label), op,
               {values({5}, 1), positive(5, 2), count, values({5}, 3), positive(5, 4)}));
  };
  add("momentum 0.1", {.count = 12}, 0);
  add("momentum 0.3", {.momentum = 0.3, .count = 7}, 41);
  add("momentum 1", {.momentum = 1, .count = 2}, 3);
  add("first of an average", {.cumulative = true, .count = 9}, 0);
  add("fifth of an average", {.cumulative = true, .count = 9}, 4);
  add("empty batch", {.count = 0}, 4);
  const Tensor three = values({3}), count = filled({}, DType::i64, [](auto) { return 0.0; });
  row.wrong = {wrong(Op{.count = 4}, {three, three, count, values({2}), three},
                     "operand 3 [2] f64 does not match the running mean [3] f64"),
               wrong(Op{.count = 4}, {three, three, three, three, three},
                     "num_batches_tracked must be [] i64, got [3] f64"),
               wrong(Op{.momentum = 1.5, .count = 4}, {three, three, count, three, three},
                     "momentum 1.5 is not in [0, 1]")};
  return row;
}

}  // namespace

std::vector<Row> norm_rows() { return {forward_row(), grad_row(), update_row()}; }

}  // namespace glassbox::test
