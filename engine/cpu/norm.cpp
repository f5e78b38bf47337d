// Batch normalisation. A channel of an image is a contiguous plane. Forward in training reads x twice
// from memory: once for the statistics, taken plane by plane with two passes over a plane that is in
// the first-level cache, once to write y. Backward reads dy and x twice the same way.
#include "engine/ops/norm.h"

#include <cmath>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"
#include "engine/cpu/simd.h"

namespace glassbox {

using namespace cpu;

namespace {

// [N, C, plane], cut over runs of images so that a chunk has some thousand values a channel.
struct Layout {
  std::int64_t n, c, plane, run, runs;
  explicit Layout(const Shape& x)
      : n(x[0]),
        c(x[1]),
        plane(x.product(2, x.rank())),
        run(std::max<std::int64_t>(1, 1024 / std::max<std::int64_t>(1, plane))),
        runs((n + run - 1) / run) {}
  std::int64_t count() const { return n * plane; }
  // Two numbers for each run of images and channel.
  std::size_t partial_bytes() const { return static_cast<std::size_t>(runs * c) * 2 * sizeof(double); }
};

// Sum of f(i) over a plane: packs, in blocks short enough for float sums, added in double.
template <class T, class Vector, class Scalar>
double plane_sum(std::int64_t n, const Vector& vector, const Scalar& scalar) {
  constexpr int lanes = Pack<T>::lanes;
  constexpr std::int64_t block = 64 * lanes;
  double total = 0;
  std::int64_t i = 0;
  while (i + lanes <= n) {
    const std::int64_t end = std::min(n, i + block);
    Pack<T> a(T(0)), b(T(0));
    for (; i + 2 * lanes <= end; i += 2 * lanes) {
      a = a + vector(i);
      b = b + vector(i + lanes);
    }
    if (i + lanes <= end) {
      a = a + vector(i);
      i += lanes;
    }
    total += static_cast<double>(horizontal_sum(a + b));
    if (end == n) break;
  }
  for (; i < n; ++i) total += static_cast<double>(scalar(i));
  return total;
}

struct Moments {
  double mean = 0, m2 = 0, n = 0;  // m2: the sum of squared deviations from the mean
  void merge(const Moments& other) {
    const double both = n + other.n, delta = other.mean - mean;
    if (both == 0) return;
    mean += delta * other.n / both;
    m2 += other.m2 + delta * delta * n * other.n / both;
    n = both;
  }
};

template <class T>
Moments plane_moments(const T* x, std::int64_t n) {
  if (n == 1) return {static_cast<double>(x[0]), 0, 1};
  Moments m;
  m.n = static_cast<double>(n);
  m.mean = plane_sum<T>(n, [x](std::int64_t i) { return loadu(x + i); }, [x](std::int64_t i) { return x[i]; }) / m.n;
  const T mean = static_cast<T>(m.mean);
  const double residue = static_cast<double>(mean) - m.mean;  // what rounding the mean left
  m.m2 = plane_sum<T>(
      n,
      [x, mean](std::int64_t i) {
        const Pack<T> d = loadu(x + i) - Pack<T>(mean);
        return d * d;
      },
      [x, mean](std::int64_t i) { return (x[i] - mean) * (x[i] - mean); });
  m.m2 = std::max(0.0, m.m2 - m.n * residue * residue);
  return m;
}

template <class T>
void batch_statistics(const cpu::Context& ctx, const Layout& l, const T* x, T* mean, T* var) {
  double* const partial = static_cast<double*>(ctx.scratch());
  parallel_for(ctx, l.runs, [&](std::int64_t r) {
    for (std::int64_t c = 0; c < l.c; ++c) {
      Moments m;
      for (std::int64_t i = r * l.run; i < std::min(l.n, (r + 1) * l.run); ++i) {
        m.merge(plane_moments(x + (i * l.c + c) * l.plane, l.plane));
      }
      partial[2 * (r * l.c + c)] = m.mean;
      partial[2 * (r * l.c + c) + 1] = m.m2;
    }
  });
  for (std::int64_t c = 0; c < l.c; ++c) {
    Moments all;
    for (std::int64_t r = 0; r < l.runs; ++r) {
      const std::int64_t images = std::min(l.n, (r + 1) * l.run) - r * l.run;
      all.merge({partial[2 * (r * l.c + c)], partial[2 * (r * l.c + c) + 1],
                 static_cast<double>(images * l.plane)});
    }
    mean[c] = static_cast<T>(all.mean);
    var[c] = static_cast<T>(all.n > 0 ? all.m2 / all.n : 0);
  }
}

// Calls f(channel, offset of the plane) for every plane.
template <class F>
void for_planes(const cpu::Context& ctx, const Layout& l, const F& f) {
  const std::int64_t group = std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, l.plane));
  parallel_chunks(ctx, l.n * l.c, group, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) f(i % l.c, i * l.plane);
  });
}

template <class T>
T inverse_std(T var, double eps) {
  return static_cast<T>(1 / std::sqrt(static_cast<double>(var) + eps));
}

template <class T>
void forward(const ops::BatchNorm& op, const cpu::Context& ctx, Ins in, Outs out) {
  const Layout l(in[0].shape());
  const T *x = in_ptr<T>(in[0]), *w = in_ptr<T>(in[1]), *b = in_ptr<T>(in[2]);
  const T *mean = in_ptr<T>(in[3]), *var = in_ptr<T>(in[4]);
  if (op.training) {
    batch_statistics(ctx, l, x, out_ptr<T>(out[1]), out_ptr<T>(out[2]));
    mean = out_ptr<T>(out[1]);
    var = out_ptr<T>(out[2]);
  }
  T* const y = out_ptr<T>(out[0]);
  for_planes(ctx, l, [&](std::int64_t c, std::int64_t at) {
    const T scale = inverse_std(var[c], op.eps) * (w ? w[c] : T(1)), m = mean[c], shift = b ? b[c] : T(0);
    for (std::int64_t i = at; i < at + l.plane; ++i) y[i] = (x[i] - m) * scale + shift;
  });
}

// The sums of dy and dy (x - mean) per channel; the second is 0 without x.
template <class T>
void gradient_sums(const cpu::Context& ctx, const Layout& l, const T* dy, const T* x, const T* mean,
                   double* sums) {
  double* const partial = static_cast<double*>(ctx.scratch());
  parallel_for(ctx, l.runs, [&](std::int64_t r) {
    for (std::int64_t c = 0; c < l.c; ++c) {
      double s = 0, sx = 0;
      const T m = mean[c];
      for (std::int64_t i = r * l.run; i < std::min(l.n, (r + 1) * l.run); ++i) {
        const T* g = dy + (i * l.c + c) * l.plane;
        s += plane_sum<T>(l.plane, [g](std::int64_t k) { return loadu(g + k); }, [g](std::int64_t k) { return g[k]; });
        if (!x) continue;
        const T* v = x + (i * l.c + c) * l.plane;
        sx += plane_sum<T>(l.plane, [g, v, m](std::int64_t k) { return loadu(g + k) * (loadu(v + k) - Pack<T>(m)); },
                           [g, v, m](std::int64_t k) { return g[k] * (v[k] - m); });
      }
      partial[2 * (r * l.c + c)] = s;
      partial[2 * (r * l.c + c) + 1] = sx;
    }
  });
  for (std::int64_t c = 0; c < l.c; ++c) {
    sums[2 * c] = sums[2 * c + 1] = 0;
    for (std::int64_t r = 0; r < l.runs; ++r) {
      sums[2 * c] += partial[2 * (r * l.c + c)];
      sums[2 * c + 1] += partial[2 * (r * l.c + c) + 1];
    }
  }
}

template <class T>
void gradient(const ops::BatchNormGrad& op, const cpu::Context& ctx, Ins in, Outs out) {
  const Layout l(in[0].shape());
  const T *dy = in_ptr<T>(in[0]), *x = in_ptr<T>(in[1]), *w = in_ptr<T>(in[2]);
  const T *mean = in_ptr<T>(in[3]), *var = in_ptr<T>(in[4]);
  double* const sums = static_cast<double*>(ctx.scratch()) + 2 * l.runs * l.c;
  gradient_sums(ctx, l, dy, x, mean, sums);
  T *dx = out_ptr<T>(out[0]), *dw = out_ptr<T>(out[1]), *db = out_ptr<T>(out[2]);
  for (std::int64_t c = 0; c < l.c; ++c) {
    dw[c] = static_cast<T>(sums[2 * c + 1] / std::sqrt(static_cast<double>(var[c]) + op.eps));
    db[c] = static_cast<T>(sums[2 * c]);
  }
  const double count = static_cast<double>(l.count());
  for_planes(ctx, l, [&](std::int64_t c, std::int64_t at) {
    const T scale = inverse_std(var[c], op.eps) * (w ? w[c] : T(1));
    if (!op.training || !x) {
      for (std::int64_t i = at; i < at + l.plane; ++i) dx[i] = dy[i] * scale;
      return;
    }
    // dx = scale (dy - mean(dy) - (x - mean) mean(dy (x - mean)) / (var + eps))
    const T m = mean[c], mean_dy = static_cast<T>(sums[2 * c] / count);
    const T k = static_cast<T>(sums[2 * c + 1] / count / (static_cast<double>(var[c]) + op.eps));
    for (std::int64_t i = at; i < at + l.plane; ++i) dx[i] = scale * (dy[i] - mean_dy - (x[i] - m) * k);
  });
}

}  // namespace

std::size_t scratch(const ops::BatchNorm& op, const cpu::Context&, Specs in, Specs) {
  return op.training ? Layout(in[0].shape).partial_bytes() : 0;
}
std::size_t scratch(const ops::BatchNormGrad&, const cpu::Context&, Specs in, Specs) {
  const Layout l(in[0].shape);
  return l.partial_bytes() + static_cast<std::size_t>(2 * l.c) * sizeof(double);
}

void run(const ops::BatchNorm& op, cpu::Context& ctx, Ins in, Outs out) {
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) { forward<decltype(type)>(op, ctx, in, out); });
}
void run(const ops::BatchNormGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) { gradient<decltype(type)>(op, ctx, in, out); });
}

void run(const ops::BatchNormUpdate& op, cpu::Context&, Ins in, Outs) {
  std::int64_t& batches = *out_ptr<std::int64_t>(in[2]);
  ++batches;
  const double momentum = op.cumulative ? 1 / static_cast<double>(batches) : op.momentum;
  const double unbias = op.count > 1 ? static_cast<double>(op.count) / static_cast<double>(op.count - 1) : 1;
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    T *mean = out_ptr<T>(in[0]), *var = out_ptr<T>(in[1]);
    const T *batch_mean = in_ptr<T>(in[3]), *batch_var = in_ptr<T>(in[4]);
    for (std::int64_t c = 0; c < in[0].numel(); ++c) {
      mean[c] = static_cast<T>((1 - momentum) * mean[c] + momentum * batch_mean[c]);
      var[c] = static_cast<T>((1 - momentum) * var[c] + momentum * unbias * batch_var[c]);
    }
  });
}

}  // namespace glassbox
