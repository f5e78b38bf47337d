// Group normalisation. A group of an image is one run of memory. Forward reads x twice from memory:
// for the statistics, taken in double with two passes over parts that fit the cache, and to write
// y, channel by channel. Backward reads dy and x twice: for two sums of each channel, and to write
// dx.
#include "engine/ops/group_norm.h"

#include <algorithm>
#include <cmath>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/moments.h"
#include "engine/cpu/parallel.h"
#include "engine/cpu/plane_sum.h"
#include "engine/cpu/rows.h"

namespace glassbox {

using namespace cpu;

namespace {

// [N, groups, channels of a group, plane]; a row is one group of one image.
struct Layout {
  std::int64_t n, c, groups, plane;
  std::int64_t row;          // elements of a row
  std::int64_t part, parts;  // a row's elements that are taken at a time, and how often

  Layout(const Shape& x, int group_count)
      : n(x[0]),
        c(x[1]),
        groups(group_count),
        plane(x.product(2, x.rank())),
        row(c / groups * plane),
        part(std::clamp<std::int64_t>(row, 1, grain)),
        parts((row + part - 1) / part) {}
  std::int64_t rows() const { return n * groups; }
  std::int64_t planes() const { return n * c; }
  std::int64_t row_of(std::int64_t p) const { return p / (c / groups); }  // of plane p

  // Calls f(i) for i in [0, count), where each has `elements` elements.
  template <class F>
  static void each(const cpu::Context& ctx, std::int64_t count, std::int64_t elements, const F& f) {
    const std::int64_t chunk =
        std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, elements));
    parallel_chunks(ctx, count, chunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) f(i);
    });
  }
};

// What rows have in common. Without a gradient it lives in the working memory.
struct Statistics {
  double *mean, *rstd;
};

template <class T>
Moments moments_of(const T* x, std::int64_t n) {
  Moments m;
  m.n = static_cast<double>(n);
  m.mean = sum_row(x, n) / m.n;
  m.m2 = sum_row(n, [x, mean = m.mean](std::int64_t i, auto load) {
    const auto deviation = load(x + i) - mean;
    return deviation * deviation;
  });
  return m;
}

template <class T>
void take_statistics(const cpu::Context& ctx, const Layout& l, double eps, const T* x,
                     double* partial, const Statistics& s) {
  Layout::each(ctx, l.rows() * l.parts, l.part, [&](std::int64_t unit) {
    const std::int64_t r = unit / l.parts, first = unit % l.parts * l.part;
    const Moments m = moments_of(x + r * l.row + first, std::min(l.part, l.row - first));
    partial[2 * unit] = m.mean;
    partial[2 * unit + 1] = m.m2;
  });
  Layout::each(ctx, l.rows(), l.parts, [&](std::int64_t r) {
    Moments all;
    for (std::int64_t k = 0; k < l.parts; ++k) {
      const double* m = partial + 2 * (r * l.parts + k);
      all.merge({m[0], m[1], static_cast<double>(std::min(l.part, l.row - k * l.part))});
    }
    s.mean[r] = all.mean;
    s.rstd[r] = 1 / std::sqrt((all.n > 0 ? all.m2 / all.n : 0) + eps);
  });
}

template <class T>
void forward(const ops::GroupNorm& op, const cpu::Context& ctx, Ins in, Outs out) {
  const Layout l(in[0].shape(), op.groups);
  double* const partial = static_cast<double*>(ctx.scratch());
  double* const own = partial + 2 * l.rows() * l.parts;
  const bool grad = out.size() > 1;
  const Statistics s{grad ? out_ptr<double>(out[1]) : own,
                     grad ? out_ptr<double>(out[2]) : own + l.rows()};
  const T *x = in_ptr<T>(in[0]), *w = in_ptr<T>(in[1]), *b = in_ptr<T>(in[2]);
  T* const y = out_ptr<T>(out[0]);
  take_statistics(ctx, l, op.eps, x, partial, s);
  Layout::each(ctx, l.planes(), l.plane, [&](std::int64_t p) {
    const std::int64_t r = l.row_of(p), channel = p % l.c;
    const double scale = s.rstd[r] * (w ? static_cast<double>(w[channel]) : 1);
    const T mean = static_cast<T>(s.mean[r]), factor = static_cast<T>(scale);
    // With what rounding the mean left: it matters far from zero.
    const double residue = static_cast<double>(mean) - s.mean[r];
    const T shift = static_cast<T>((b ? static_cast<double>(b[channel]) : 0) + residue * scale);
    for (std::int64_t k = p * l.plane; k < (p + 1) * l.plane; ++k) {
      y[k] = (x[k] - mean) * factor + shift;
    }
  });
}

// The sums of dy and dy (x - mean) over each plane, to sums[2 p] and sums[2 p + 1].
template <class T>
void plane_sums(const cpu::Context& ctx, const Layout& l, const T* dy, const T* x,
                const double* mean, double* sums) {
  Layout::each(ctx, l.planes(), l.plane, [&](std::int64_t p) {
    const T *g = dy + p * l.plane, *v = x + p * l.plane;
    const double exact = mean[l.row_of(p)];
    const T m = static_cast<T>(exact);
    const double sum = plane_sum(g, l.plane);
    const double product = plane_sum<T>(
        l.plane, [g, v, m](std::int64_t k) { return loadu(g + k) * (loadu(v + k) - Pack<T>(m)); },
        [g, v, m](std::int64_t k) { return g[k] * (v[k] - m); });
    sums[2 * p] = sum;
    sums[2 * p + 1] = product + (static_cast<double>(m) - exact) * sum;
  });
}

// With s1 and s2 the sums of weight dy and weight dy (x - mean) over a row of n elements:
//   dx = rstd (weight dy - s1 / n - (x - mean) rstd^2 s2 / n)
template <class T>
void gradient(const ops::GroupNormGrad& op, const cpu::Context& ctx, Ins in, Outs out) {
  const Layout l(in[0].shape(), op.groups);
  const T *dy = in_ptr<T>(in[0]), *x = in_ptr<T>(in[1]), *w = in_ptr<T>(in[2]);
  const double *mean = in_ptr<double>(in[3]), *rstd = in_ptr<double>(in[4]);
  T *dx = out_ptr<T>(out[0]), *dw = out_ptr<T>(out[1]), *db = out_ptr<T>(out[2]);
  double* const sums = static_cast<double*>(ctx.scratch());
  double* const row_sums = sums + 2 * l.planes();
  plane_sums(ctx, l, dy, x, mean, sums);
  const std::int64_t together = l.c / l.groups;
  Layout::each(ctx, l.rows(), together, [&](std::int64_t r) {
    double first = 0, second = 0;
    for (std::int64_t p = r * together; p < (r + 1) * together; ++p) {
      const double weight = w ? static_cast<double>(w[p % l.c]) : 1;
      first += weight * sums[2 * p];
      second += weight * sums[2 * p + 1];
    }
    row_sums[2 * r] = first;
    row_sums[2 * r + 1] = second;
  });
  Layout::each(ctx, l.c, l.n, [&](std::int64_t channel) {
    double weight = 0, bias = 0;
    for (std::int64_t i = 0; i < l.n; ++i) {
      const std::int64_t p = i * l.c + channel;
      weight += sums[2 * p + 1] * rstd[l.row_of(p)];
      bias += sums[2 * p];
    }
    dw[channel] = static_cast<T>(weight);
    db[channel] = static_cast<T>(bias);
  });
  const double count = static_cast<double>(std::max<std::int64_t>(1, l.row));
  Layout::each(ctx, l.planes(), l.plane, [&](std::int64_t p) {
    const std::int64_t r = l.row_of(p);
    const double inverse = rstd[r];
    const double steep = -inverse * inverse * inverse * row_sums[2 * r + 1] / count;
    const T m = static_cast<T>(mean[r]), slope = static_cast<T>(steep);
    const T scale = static_cast<T>(inverse * (w ? static_cast<double>(w[p % l.c]) : 1));
    const T shift = static_cast<T>(-inverse * row_sums[2 * r] / count +
                                   steep * (static_cast<double>(m) - mean[r]));
    for (std::int64_t k = p * l.plane; k < (p + 1) * l.plane; ++k) {
      dx[k] = scale * dy[k] + slope * (x[k] - m) + shift;
    }
  });
}

}  // namespace

std::size_t scratch(const ops::GroupNorm& op, const cpu::Context&, Specs in, Specs) {
  const Layout l(in[0].shape, op.groups);
  return static_cast<std::size_t>(2 * l.rows() * (l.parts + 1)) * sizeof(double);
}
std::size_t scratch(const ops::GroupNormGrad& op, const cpu::Context&, Specs in, Specs) {
  const Layout l(in[0].shape, op.groups);
  return static_cast<std::size_t>(2 * (l.planes() + l.rows())) * sizeof(double);
}

void run(const ops::GroupNorm& op, cpu::Context& ctx, Ins in, Outs out) {
  dispatch_floating(op.name, in[0].dtype(),
                    [&](auto type) { forward<decltype(type)>(op, ctx, in, out); });
}
void run(const ops::GroupNormGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  dispatch_floating(op.name, in[0].dtype(),
                    [&](auto type) { gradient<decltype(type)>(op, ctx, in, out); });
}

}  // namespace glassbox
