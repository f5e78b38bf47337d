// Layer normalisation: a row is contiguous and stays in the first-level cache between its sums and
// its result. The parameters' gradients are sums over rows, taken in double chunk by chunk.
#include "engine/ops/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"
#include "engine/cpu/rows.h"
#include "engine/cpu/simd.h"

namespace glassbox {

using namespace cpu;

namespace {

struct Layout {
  std::int64_t n, rows, per_chunk, chunks;
  // Why at most 64 chunks: each has sums of its own for the parameters' gradients.
  Layout(const Shape& x, const Shape& normalized_shape)
      : n(normalized_shape.numel()),
        rows(x.product(0, x.rank() - normalized_shape.rank())),
        per_chunk(
            std::max({std::int64_t(1), grain / std::max<std::int64_t>(1, n), (rows + 63) / 64})),
        chunks((rows + per_chunk - 1) / per_chunk) {}
};

// (x - mean) * rstd. Why the rest: far from zero a rounded mean is off by more than eps deviations.
template <class T>
struct Normal {
  Pack<T> mean, rstd, rest;
  Normal(double m, double r)
      : mean(static_cast<T>(m)),
        rstd(static_cast<T>(r)),
        rest(static_cast<T>((static_cast<double>(static_cast<T>(m)) - m) * r)) {}
  Pack<T> operator()(Pack<T> x) const { return fma(x - mean, rstd, rest); }
};

}  // namespace

void run(const ops::LayerNorm& op, cpu::Context& ctx, Ins in, Outs out) {
  const Layout l(in[0].shape(), op.normalized_shape);
  double* const means = out.size() > 1 ? out_ptr<double>(out[1]) : nullptr;
  double* const rstds = out.size() > 1 ? out_ptr<double>(out[2]) : nullptr;
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T *xs = in_ptr<T>(in[0]), *weight = in_ptr<T>(in[1]), *bias = in_ptr<T>(in[2]);
    T* const ys = out_ptr<T>(out[0]);
    const Along<T> line{l.n};
    parallel_chunks(ctx, l.rows, l.per_chunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const T* const x = xs + r * l.n;
        const double mean = sum_row(x, l.n) / static_cast<double>(l.n);
        const double squares = sum_row(l.n, [x, mean](std::int64_t i, auto load) {
          const auto d = load(x + i) - mean;
          return d * d;
        });
        const double rstd = 1 / std::sqrt(squares / static_cast<double>(l.n) + op.eps);
        const Normal<T> normal(mean, rstd);
        line.map(ys + r * l.n, [&](const auto& at) {
          Pack<T> y = normal(at(x));
          if (weight) y *= at(weight);
          if (bias) y += at(bias);
          return y;
        });
        if (means) means[r] = mean;
        if (rstds) rstds[r] = rstd;
      }
    });
  });
}

std::size_t scratch(const ops::LayerNormGrad& op, const cpu::Context&, Specs in, Specs) {
  const Layout l(in[0].shape, op.normalized_shape);
  return static_cast<std::size_t>(2 * l.chunks * l.n) * sizeof(double);
}

// With g = dy weight and u = (x - mean) rstd: dx = rstd (g - mean(g) - u mean(g u)).
void run(const ops::LayerNormGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Layout l(in[0].shape(), op.normalized_shape);
  const double *means = in_ptr<double>(in[3]), *rstds = in_ptr<double>(in[4]);
  double* const partial = static_cast<double*>(ctx.scratch());
  std::fill_n(partial, 2 * l.chunks * l.n, 0.0);
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T *dys = in_ptr<T>(in[0]), *xs = in_ptr<T>(in[1]), *weight = in_ptr<T>(in[2]);
    T* const dxs = out_ptr<T>(out[0]);
    const Along<T> line{l.n};
    parallel_chunks(ctx, l.rows, l.per_chunk, [&](std::int64_t begin, std::int64_t end) {
      double* const dweight = partial + begin / l.per_chunk * 2 * l.n;
      double* const dbias = dweight + l.n;
      for (std::int64_t r = begin; r < end; ++r) {
        const T *x = xs + r * l.n, *dy = dys + r * l.n;
        const double mean = means[r], rstd = rstds[r];
        for (std::int64_t i = 0; i < l.n; ++i) {
          dweight[i] += static_cast<double>(dy[i]) * (static_cast<double>(x[i]) - mean) * rstd;
          dbias[i] += static_cast<double>(dy[i]);
        }
        const Normal<T> normal(mean, rstd);
        const auto g = [&](const auto& at) { return weight ? at(dy) * at(weight) : at(dy); };
        const double of_g = line.sum(g)[0] / static_cast<double>(l.n);
        const double of_gu = line.sum([&](const auto& at) { return g(at) * normal(at(x)); })[0] /
                             static_cast<double>(l.n);
        const Pack<T> mean_g(static_cast<T>(of_g)), mean_gu(static_cast<T>(of_gu));
        line.map(dxs + r * l.n, [&](const auto& at) {
          return (g(at) - mean_g - normal(at(x)) * mean_gu) * normal.rstd;
        });
      }
    });
    T *const dw = out_ptr<T>(out[1]), *const db = out_ptr<T>(out[2]);
    parallel_chunks(ctx, l.n, 256, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        double weights = 0, biases = 0;
        for (std::int64_t c = 0; c < l.chunks; ++c) {
          weights += partial[2 * c * l.n + i];
          biases += partial[(2 * c + 1) * l.n + i];
        }
        dw[i] = static_cast<T>(weights);
        db[i] = static_cast<T>(biases);
      }
    });
  });
}

}  // namespace glassbox
