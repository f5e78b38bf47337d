// Layer normalisation: a block for a row, which stays in the cache between its sums and its result.
#include "engine/cuda/columns.h"
#include "engine/cuda/rows.h"
#include "engine/ops/layer_norm.h"
#include "engine/ops/math.h"

namespace glassbox {
namespace cuda {
namespace {

// (x - mean) * rstd. Why the rest: far from zero a rounded mean is off by more than eps deviations.
template <class C>
struct Normal {
  C mean, rstd, rest;
  __device__ Normal(double m, double r)
      : mean(static_cast<C>(m)),
        rstd(static_cast<C>(r)),
        rest(static_cast<C>((static_cast<double>(mean) - m) * r)) {}
  __device__ C operator()(C x) const { return math::fma(x - mean, rstd, rest); }
};

template <class T>
struct NormalizeRow {
  std::int64_t n;
  double eps;
  const T *x, *weight, *bias;
  T* y;
  double *means, *rstds;  // null without a gradient
  __device__ void operator()(std::int64_t row) const {
    using C = Compute<T>;
    const BlockTeam team;
    const auto value = [&](std::int64_t i) { return load(x[row * n + i]); };
    const double mean = team.sum(n, value) / static_cast<double>(n);
    const double squares = team.sum(n, [&](std::int64_t i) {
      const double d = static_cast<double>(value(i)) - mean;
      return d * d;
    });
    const double rstd = 1 / math::sqrt(squares / static_cast<double>(n) + eps);
    const Normal<C> normal(mean, rstd);
    team.each(n, [&](std::int64_t i) {
      C out = normal(value(i));
      if (weight) out *= load(weight[i]);
      if (bias) out += load(bias[i]);
      y[row * n + i] = store<T>(out);
    });
    if (!team.leads()) return;
    if (means) means[row] = mean;
    if (rstds) rstds[row] = rstd;
  }
};

// With g = dy weight and u = (x - mean) rstd: dx = rstd (g - mean(g) - u mean(g u)).
template <class T>
struct GradientRow {
  std::int64_t n;
  const T *dy, *x, *weight;
  const double *means, *rstds;
  T* dx;
  __device__ void operator()(std::int64_t row) const {
    using C = Compute<T>;
    const BlockTeam team;
    const Normal<C> normal(means[row], rstds[row]);
    const auto g = [&](std::int64_t i) {
      const C d = load(dy[row * n + i]);
      return weight ? d * load(weight[i]) : d;
    };
    const auto u = [&](std::int64_t i) { return normal(load(x[row * n + i])); };
    const double count = static_cast<double>(n);
    const C mean_g = static_cast<C>(team.sum(n, g) / count);
    const C mean_gu =
        static_cast<C>(team.sum(n, [&](std::int64_t i) { return g(i) * u(i); }) / count);
    team.each(n, [&](std::int64_t i) {
      dx[row * n + i] = store<T>((g(i) - mean_g - u(i) * mean_gu) * normal.rstd);
    });
  }
};

// An element's part of dweight and dbias.
template <class T>
struct ParameterTerms {
  std::int64_t n;
  const T *dy, *x;
  const double *means, *rstds;
  __device__ void operator()(std::int64_t row, std::int64_t i, double (&sums)[2]) const {
    const double d = static_cast<double>(load(dy[row * n + i]));
    sums[0] += d * (static_cast<double>(load(x[row * n + i])) - means[row]) * rstds[row];
    sums[1] += d;
  }
};

std::int64_t row_count(const Shape& x, const Shape& normalized_shape) {
  return x.product(0, x.rank() - normalized_shape.rank());
}

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::LayerNorm& op, Context& ctx, Ins in, Outs out) {
  const std::int64_t n = op.normalized_shape.numel();
  const bool grad = out.size() > 1;
  dispatch_floating(ctx, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_rows(ctx, row_count(in[0].shape(), op.normalized_shape), n,
             NormalizeRow<T>{n, op.eps, in_ptr<T>(in[0]), in_ptr<T>(in[1]), in_ptr<T>(in[2]),
                             out_ptr<T>(out[0]), grad ? out_ptr<double>(out[1]) : nullptr,
                             grad ? out_ptr<double>(out[2]) : nullptr});
  });
}

std::size_t scratch(const ops::LayerNormGrad& op, const Context&, Specs in, Specs) {
  const Shape& shape = op.normalized_shape;
  return Columns(row_count(in[0].shape, shape), shape.numel()).scratch_bytes(2);
}

void run(const ops::LayerNormGrad& op, Context& ctx, Ins in, Outs out) {
  const std::int64_t n = op.normalized_shape.numel();
  const std::int64_t rows = row_count(in[0].shape(), op.normalized_shape);
  const double *means = in_ptr<double>(in[3]), *rstds = in_ptr<double>(in[4]);
  dispatch_floating(ctx, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T *dy = in_ptr<T>(in[0]), *x = in_ptr<T>(in[1]);
    for_rows(ctx, rows, n,
             GradientRow<T>{n, dy, x, in_ptr<T>(in[2]), means, rstds, out_ptr<T>(out[0])});
    sum_columns<2, T>(ctx, Columns(rows, n), ParameterTerms<T>{n, dy, x, means, rstds},
                      ctx.scratch_as<double>(), {out_ptr<T>(out[1]), out_ptr<T>(out[2])});
  });
}

}  // namespace glassbox
