// Batch normalisation. A channel of an image is a contiguous plane. Forward in training reads x
// twice from memory: for the statistics, taken with two passes over values that are in the
// first-level cache, and to write y. Backward reads dy and x twice the same way. Without a plane,
// [N, C], the loops run along the channels instead.
#include "engine/ops/norm.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/moments.h"
#include "engine/cpu/parallel.h"
#include "engine/cpu/plane_sum.h"
#include "engine/cpu/simd.h"

namespace glassbox {

using namespace cpu;

namespace {

// [N, C, plane], cut into units of a run of images and a block of channels.
struct Layout {
  static constexpr std::int64_t max_block = 64;
  std::int64_t n, c, plane;
  std::int64_t run, runs;      // images: about a thousand values of a channel
  std::int64_t block, blocks;  // channels
  explicit Layout(const Shape& x)
      : n(x[0]),
        c(x[1]),
        plane(x.product(2, x.rank())),
        run(std::max<std::int64_t>(1, 1024 / std::max<std::int64_t>(1, plane))),
        runs((n + run - 1) / run),
        block(
            std::clamp<std::int64_t>(grain / std::max<std::int64_t>(1, run * plane), 1, max_block)),
        blocks((c + block - 1) / block) {}
  std::int64_t count() const { return n * plane; }
  std::int64_t images(std::int64_t r) const { return std::min(n, (r + 1) * run) - r * run; }

  // Calls f(run, first image, last image, first channel, last channel) for every unit.
  template <class F>
  void each(const cpu::Context& ctx, const F& f) const {
    parallel_for(ctx, runs * blocks, [&](std::int64_t unit) {
      const std::int64_t r = unit / blocks, first = unit % blocks * block;
      f(r, r * run, r * run + images(r), first, std::min(c, first + block));
    });
  }
  // Calls f(channel) for every channel.
  template <class F>
  void each_channel(const cpu::Context& ctx, const F& f) const {
    parallel_chunks(ctx, c, max_block, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) f(k);
    });
  }
};

// Working memory: two numbers for each run and channel, and four coefficients for each channel.
struct Scratch {
  double* partial;
  double* coefficient;
  Scratch(const Layout& l, void* base)
      : partial(static_cast<double*>(base)), coefficient(partial + 2 * l.runs * l.c) {}
  static std::size_t bytes(const Layout& l) {
    return static_cast<std::size_t>(2 * l.runs * l.c + 4 * l.c) * sizeof(double);
  }
};

double inverse_std(double var, double eps) { return 1 / std::sqrt(var + eps); }

// --- statistics
// ------------------------------------------------------------------------------------

template <class T>
Moments plane_moments(const T* x, std::int64_t n) {
  Moments m;
  m.n = static_cast<double>(n);
  // Why less the first value: far from zero a float sum of x would lose the digits that matter.
  const T origin = x[0];
  m.mean = static_cast<double>(origin) +
           plane_sum<T>(
               n, [x, origin](std::int64_t i) { return loadu(x + i) - Pack<T>(origin); },
               [x, origin](std::int64_t i) { return x[i] - origin; }) /
               m.n;
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

// The moments of `rows` values in each of `n` adjacent columns, to partial[2 k], partial[2 k + 1].
template <class T>
void column_moments(const T* x, std::int64_t rows, std::int64_t step, std::int64_t n,
                    double* partial) {
  std::array<double, Layout::max_block> mean{}, m2{};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t k = 0; k < n; ++k) mean[k] += static_cast<double>(x[i * step + k]);
  }
  for (std::int64_t k = 0; k < n; ++k) mean[k] /= static_cast<double>(rows);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t k = 0; k < n; ++k) {
      const double d = static_cast<double>(x[i * step + k]) - mean[k];
      m2[k] += d * d;
    }
  }
  for (std::int64_t k = 0; k < n; ++k) {
    partial[2 * k] = mean[k];
    partial[2 * k + 1] = m2[k];
  }
}

// Mean and m2 of every run and channel.
template <class T>
void partial_moments(const cpu::Context& ctx, const Layout& l, const T* x, double* partial) {
  l.each(ctx, [&](auto r, auto first, auto last, auto c0, auto c1) {
    double* const to = partial + 2 * r * l.c;
    if (l.plane == 1) {
      return column_moments(x + first * l.c + c0, last - first, l.c, c1 - c0, to + 2 * c0);
    }
    for (std::int64_t c = c0; c < c1; ++c) {
      Moments m;
      for (std::int64_t i = first; i < last; ++i) {
        m.merge(plane_moments(x + (i * l.c + c) * l.plane, l.plane));
      }
      to[2 * c] = m.mean;
      to[2 * c + 1] = m.m2;
    }
  });
}

// A channel's runs, merged in order.
Moments merged(const Layout& l, const double* partial, std::int64_t c) {
  Moments all;
  for (std::int64_t r = 0; r < l.runs; ++r) {
    const double* m = partial + 2 * (r * l.c + c);
    all.merge({m[0], m[1], static_cast<double>(l.images(r) * l.plane)});
  }
  return all;
}

// --- forward
// ---------------------------------------------------------------------------------------

// What y = (x - mean) scale + shift needs, one value for each channel.
template <class T>
struct Affine {
  T *mean, *scale, *shift;
  Affine(const Layout& l, double* memory)
      : mean(reinterpret_cast<T*>(memory)), scale(mean + l.c), shift(scale + l.c) {}
};

template <class T>
void normalize(const cpu::Context& ctx, const Layout& l, const Affine<T>& a, const T* x, T* y) {
  l.each(ctx, [&](auto, auto first, auto last, auto c0, auto c1) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t at = i * l.c * l.plane;
      if (l.plane == 1) {
        for (std::int64_t c = c0; c < c1; ++c) {
          y[at + c] = (x[at + c] - a.mean[c]) * a.scale[c] + a.shift[c];
        }
        continue;
      }
      for (std::int64_t c = c0; c < c1; ++c) {
        const T mean = a.mean[c], scale = a.scale[c], shift = a.shift[c];
        for (std::int64_t k = at + c * l.plane; k < at + (c + 1) * l.plane; ++k) {
          y[k] = (x[k] - mean) * scale + shift;
        }
      }
    }
  });
}

template <class T>
void forward(const ops::BatchNorm& op, const cpu::Context& ctx, Ins in, Outs out) {
  const Layout l(in[0].shape());
  const Scratch scratch(l, ctx.scratch());
  const Affine<T> a(l, scratch.coefficient);
  const T *x = in_ptr<T>(in[0]), *w = in_ptr<T>(in[1]), *b = in_ptr<T>(in[2]);
  if (op.training) partial_moments(ctx, l, x, scratch.partial);
  l.each_channel(ctx, [&](std::int64_t c) {
    double mean = 0, var = 0;
    if (op.training) {
      const Moments m = merged(l, scratch.partial, c);
      mean = m.mean;
      var = m.n > 0 ? m.m2 / m.n : 0;
      out_ptr<T>(out[1])[c] = static_cast<T>(mean);
      out_ptr<T>(out[2])[c] = static_cast<T>(var);
    } else {
      mean = static_cast<double>(in_ptr<T>(in[3])[c]);
      var = static_cast<double>(in_ptr<T>(in[4])[c]);
    }
    const double scale = inverse_std(var, op.eps) * (w ? static_cast<double>(w[c]) : 1);
    a.mean[c] = static_cast<T>(mean);
    a.scale[c] = static_cast<T>(scale);
    // With what rounding the mean left: it matters far from zero.
    const double residue = static_cast<double>(a.mean[c]) - mean;
    a.shift[c] = static_cast<T>((b ? static_cast<double>(b[c]) : 0) + residue * scale);
  });
  normalize(ctx, l, a, x, out_ptr<T>(out[0]));
}

// --- backward
// --------------------------------------------------------------------------------------

// The sums of dy and dy (x - mean) over `rows` values in each of `n` adjacent columns.
template <class T>
void column_sums(const T* dy, const T* x, const T* mean, std::int64_t rows, std::int64_t step,
                 std::int64_t n, double* partial) {
  std::array<double, Layout::max_block> sum{}, product{};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t k = 0; k < n; ++k) sum[k] += static_cast<double>(dy[i * step + k]);
    if (!x) continue;
    for (std::int64_t k = 0; k < n; ++k) {
      product[k] += static_cast<double>(dy[i * step + k]) *
                    (static_cast<double>(x[i * step + k]) - static_cast<double>(mean[k]));
    }
  }
  for (std::int64_t k = 0; k < n; ++k) {
    partial[2 * k] = sum[k];
    partial[2 * k + 1] = product[k];
  }
}

// The same for every run and channel; the second is 0 without x.
template <class T>
void partial_sums(const cpu::Context& ctx, const Layout& l, const T* dy, const T* x, const T* mean,
                  double* partial) {
  l.each(ctx, [&](auto r, auto first, auto last, auto c0, auto c1) {
    double* const to = partial + 2 * r * l.c;
    if (l.plane == 1) {
      const std::int64_t at = first * l.c + c0;
      return column_sums(dy + at, x ? x + at : x, mean + c0, last - first, l.c, c1 - c0,
                         to + 2 * c0);
    }
    for (std::int64_t c = c0; c < c1; ++c) {
      double sum = 0, product = 0;
      const T m = mean[c];
      for (std::int64_t i = first; i < last; ++i) {
        const T* g = dy + (i * l.c + c) * l.plane;
        sum += plane_sum(g, l.plane);
        if (!x) continue;
        const T* v = x + (i * l.c + c) * l.plane;
        product += plane_sum<T>(
            l.plane,
            [g, v, m](std::int64_t k) { return loadu(g + k) * (loadu(v + k) - Pack<T>(m)); },
            [g, v, m](std::int64_t k) { return g[k] * (v[k] - m); });
      }
      to[2 * c] = sum;
      to[2 * c + 1] = product;
    }
  });
}

// dx = scale dy + slope (x - mean) + shift; without x (evaluation) dx = scale dy.
template <class T>
struct Gradient {
  T *scale, *slope, *shift;
  const T* mean;
  Gradient(const Layout& l, double* memory, const T* m)
      : scale(reinterpret_cast<T*>(memory)), slope(scale + l.c), shift(slope + l.c), mean(m) {}
};

template <class T>
void propagate(const cpu::Context& ctx, const Layout& l, const Gradient<T>& g, const T* dy,
               const T* x, T* dx) {
  l.each(ctx, [&](auto, auto first, auto last, auto c0, auto c1) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t at = i * l.c * l.plane;
      if (l.plane == 1) {
        for (std::int64_t c = c0; c < c1; ++c) {
          dx[at + c] =
              x ? g.scale[c] * dy[at + c] + g.slope[c] * (x[at + c] - g.mean[c]) + g.shift[c]
                : g.scale[c] * dy[at + c];
        }
        continue;
      }
      for (std::int64_t c = c0; c < c1; ++c) {
        const T scale = g.scale[c], slope = g.slope[c], shift = g.shift[c], mean = g.mean[c];
        const std::int64_t begin = at + c * l.plane, end = begin + l.plane;
        if (x) {
          for (std::int64_t k = begin; k < end; ++k) {
            dx[k] = scale * dy[k] + slope * (x[k] - mean) + shift;
          }
        } else {
          for (std::int64_t k = begin; k < end; ++k) dx[k] = scale * dy[k];
        }
      }
    }
  });
}

template <class T>
void gradient(const ops::BatchNormGrad& op, const cpu::Context& ctx, Ins in, Outs out) {
  const Layout l(in[0].shape());
  const Scratch scratch(l, ctx.scratch());
  const T *dy = in_ptr<T>(in[0]), *x = in_ptr<T>(in[1]), *w = in_ptr<T>(in[2]);
  const T *mean = in_ptr<T>(in[3]), *var = in_ptr<T>(in[4]);
  T *dw = out_ptr<T>(out[1]), *db = out_ptr<T>(out[2]);
  const Gradient<T> g(l, scratch.coefficient, mean);
  partial_sums(ctx, l, dy, x, mean, scratch.partial);
  const double count = static_cast<double>(std::max<std::int64_t>(1, l.count()));
  l.each_channel(ctx, [&](std::int64_t c) {
    double sum = 0, product = 0;
    for (std::int64_t r = 0; r < l.runs; ++r) {
      sum += scratch.partial[2 * (r * l.c + c)];
      product += scratch.partial[2 * (r * l.c + c) + 1];
    }
    const double inverse = inverse_std(static_cast<double>(var[c]), op.eps);
    const double scale = inverse * (w ? static_cast<double>(w[c]) : 1);
    dw[c] = static_cast<T>(product * inverse);
    db[c] = static_cast<T>(sum);
    // In training: scale (dy - mean(dy) - (x - mean) mean(dy (x - mean)) / (var + eps))
    g.scale[c] = static_cast<T>(scale);
    g.slope[c] = static_cast<T>(-scale * inverse * inverse * product / count);
    g.shift[c] = static_cast<T>(-scale * sum / count);
  });
  propagate(ctx, l, g, dy, op.training ? x : nullptr, out_ptr<T>(out[0]));
}

}  // namespace

std::size_t scratch(const ops::BatchNorm&, const cpu::Context&, Specs in, Specs) {
  return Scratch::bytes(Layout(in[0].shape));
}
std::size_t scratch(const ops::BatchNormGrad&, const cpu::Context&, Specs in, Specs) {
  return Scratch::bytes(Layout(in[0].shape));
}

void run(const ops::BatchNorm& op, cpu::Context& ctx, Ins in, Outs out) {
  dispatch_floating(op.name, in[0].dtype(),
                    [&](auto type) { forward<decltype(type)>(op, ctx, in, out); });
}
void run(const ops::BatchNormGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  dispatch_floating(op.name, in[0].dtype(),
                    [&](auto type) { gradient<decltype(type)>(op, ctx, in, out); });
}

void run(const ops::BatchNormUpdate& op, cpu::Context&, Ins in, Outs) {
  std::int64_t& batches = *out_ptr<std::int64_t>(in[2]);
  ++batches;
  if (op.count == 0) return;  // an empty batch says nothing of the averages
  const double count = static_cast<double>(op.count);
  const double momentum = op.cumulative ? 1 / static_cast<double>(batches) : op.momentum;
  const double unbias = op.count > 1 ? count / (count - 1) : 1;
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
