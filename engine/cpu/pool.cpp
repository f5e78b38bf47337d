// Pooling. A plane (one channel of one image) is pooled and, in backward, filled by one thread, so
// gradients that meet in an element are added in a fixed order without atomics.
#include "engine/ops/pool.h"

#include <algorithm>
#include <limits>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"
#include "engine/cpu/simd.h"

namespace glassbox {

using namespace cpu;

namespace {

// The inputs that one output of a dimension sees: begin, begin + step, ... below end.
struct Window {
  std::int64_t begin, end, step;
};

Window window(std::int64_t o, int kernel, int stride, int padding, int dilation, std::int64_t size) {
  std::int64_t begin = o * stride - padding;
  const std::int64_t end = std::min<std::int64_t>(begin + (kernel - 1) * dilation + 1, size);
  while (begin < 0) begin += dilation;
  return {begin, end, dilation};
}

Window adaptive_window(std::int64_t o, std::int64_t out, std::int64_t size) {
  return {o * size / out, ((o + 1) * size + out - 1) / out, 1};
}

struct Planes {
  std::int64_t count, h, w, oh, ow;
  Planes(const Shape& x, const Shape& y) : count(x[0] * x[1]), h(x[2]), w(x[3]), oh(y[2]), ow(y[3]) {}
  template <class F>
  void each(const cpu::Context& ctx, const F& f) const {
    parallel_chunks(ctx, count, std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, h * w)),
                    [&](std::int64_t begin, std::int64_t end) {
                      for (std::int64_t p = begin; p < end; ++p) f(p);
                    });
  }
};

// The maximum over rows x columns of a plane; of equal values the first, of NaNs the last.
template <class T>
std::int32_t find_max(const T* x, std::int64_t w, const Window& rows, const Window& columns) {
  auto best = static_cast<std::int32_t>(rows.begin * w + columns.begin);
  T value = -std::numeric_limits<T>::infinity();
  for (std::int64_t i = rows.begin; i < rows.end; i += rows.step) {
    for (std::int64_t j = columns.begin; j < columns.end; j += columns.step) {
      const T candidate = x[i * w + j];
      if (candidate > value || candidate != candidate) {
        value = candidate;
        best = static_cast<std::int32_t>(i * w + j);
      }
    }
  }
  return best;
}

// The usual 2x2 windows at stride 2, without branches so that the compiler can use SIMD.
template <class T, bool with_indices>
void max_pool_2x2(const Planes& s, const T* x, T* y, std::int32_t* indices) {
  for (std::int64_t i = 0; i < s.oh; ++i) {
    const T *a = x + 2 * i * s.w, *b = a + s.w;
    for (std::int64_t j = 0; j < s.ow; ++j) {
      const auto at = static_cast<std::int32_t>(2 * i * s.w + 2 * j), below = at + static_cast<std::int32_t>(s.w);
      T best = a[2 * j];
      std::int32_t index = at;
      const auto offer = [&](T candidate, std::int32_t where) {
        const bool better = candidate > best || candidate != candidate;
        best = better ? candidate : best;
        index = better ? where : index;
      };
      offer(a[2 * j + 1], at + 1);
      offer(b[2 * j], below);
      offer(b[2 * j + 1], below + 1);
      y[i * s.ow + j] = best;
      if constexpr (with_indices) indices[i * s.ow + j] = index;
    }
  }
}

// The maximum of a whole plane: packs first, then the place of its first occurrence.
template <class T>
std::int32_t find_plane_max(const T* x, std::int64_t n) {
  constexpr int lanes = Pack<T>::lanes;
  std::int64_t i = 0;
  Pack<T> top(-std::numeric_limits<T>::infinity());
  for (; i + lanes <= n; i += lanes) top = max(top, loadu(x + i));
  T best = -std::numeric_limits<T>::infinity();
  bool nan = false;
  for (int k = 0; k < lanes; ++k) {
    nan = nan || top[k] != top[k];
    best = std::max(best, top[k]);
  }
  for (; i < n; ++i) {
    nan = nan || x[i] != x[i];
    best = std::max(best, x[i]);
  }
  if (nan) return find_max(x, n, {0, 1, 1}, {0, n, 1});
  return static_cast<std::int32_t>(std::find(x, x + n, best) - x);
}

template <class T, class Rows, class Columns>
void max_pool(const cpu::Context& ctx, const Planes& s, Ins in, Outs out, bool is_2x2, const Rows& rows,
              const Columns& columns) {
  const T* x = in_ptr<T>(in[0]);
  T* const y = out_ptr<T>(out[0]);
  std::int32_t* const indices = out.size() > 1 ? out_ptr<std::int32_t>(out[1]) : nullptr;
  s.each(ctx, [&](std::int64_t p) {
    const T* plane = x + p * s.h * s.w;
    T* const to = y + p * s.oh * s.ow;
    std::int32_t* const index = indices ? indices + p * s.oh * s.ow : nullptr;
    if (is_2x2) {
      return index ? max_pool_2x2<T, true>(s, plane, to, index) : max_pool_2x2<T, false>(s, plane, to, nullptr);
    }
    for (std::int64_t i = 0; i < s.oh; ++i) {
      const Window r = rows(i);
      for (std::int64_t j = 0; j < s.ow; ++j) {
        const bool whole = s.oh == 1 && s.ow == 1 && r.step == 1 && r.begin == 0 && r.end == s.h;
        const Window c = columns(j);
        const std::int32_t best = whole && c.step == 1 && c.begin == 0 && c.end == s.w
                                      ? find_plane_max(plane, s.h * s.w)
                                      : find_max(plane, s.w, r, c);
        to[i * s.ow + j] = plane[best];
        if (index) index[i * s.ow + j] = best;
      }
    }
  });
}

struct AverageWindow {
  Window rows, columns;
  double divisor;
};

// How many elements PyTorch divides by: with padding counted, the window clipped to the padded input.
double divisor(const ops::AvgPool2d& op, Pair stride, const Planes& s, std::int64_t i, std::int64_t j,
               const Window& r, const Window& c) {
  if (!op.count_include_pad) return static_cast<double>((r.end - r.begin) * (c.end - c.begin));
  const std::int64_t top = i * stride.h - op.padding.h, left = j * stride.w - op.padding.w;
  const std::int64_t rows = std::min(top + op.kernel_size.h, s.h + op.padding.h) - top;
  const std::int64_t columns = std::min(left + op.kernel_size.w, s.w + op.padding.w) - left;
  return static_cast<double>(rows * columns);
}

template <class T, class Windows>
void average(const cpu::Context& ctx, const Planes& s, const T* x, T* y, const Windows& windows) {
  s.each(ctx, [&](std::int64_t p) {
    const T* plane = x + p * s.h * s.w;
    for (std::int64_t i = 0; i < s.oh; ++i) {
      for (std::int64_t j = 0; j < s.ow; ++j) {
        const AverageWindow a = windows(i, j);
        double sum = 0;
        for (std::int64_t k = a.rows.begin; k < a.rows.end; ++k) {
          for (std::int64_t l = a.columns.begin; l < a.columns.end; ++l) sum += static_cast<double>(plane[k * s.w + l]);
        }
        y[(p * s.oh + i) * s.ow + j] = static_cast<T>(sum / a.divisor);
      }
    }
  });
}

template <class T, class Windows>
void average_grad(const cpu::Context& ctx, const Planes& s, const T* dy, T* dx, const Windows& windows) {
  s.each(ctx, [&](std::int64_t p) {
    T* const plane = dx + p * s.h * s.w;
    std::fill_n(plane, s.h * s.w, T(0));
    for (std::int64_t i = 0; i < s.oh; ++i) {
      for (std::int64_t j = 0; j < s.ow; ++j) {
        const AverageWindow a = windows(i, j);
        const T share = static_cast<T>(static_cast<double>(dy[(p * s.oh + i) * s.ow + j]) / a.divisor);
        for (std::int64_t k = a.rows.begin; k < a.rows.end; ++k) {
          for (std::int64_t l = a.columns.begin; l < a.columns.end; ++l) plane[k * s.w + l] += share;
        }
      }
    }
  });
}

auto average_windows(const ops::AvgPool2d& op, const Planes& s) {
  const Pair stride = op.stride == Pair() ? op.kernel_size : op.stride;
  return [&op, s, stride](std::int64_t i, std::int64_t j) {
    const Window r = window(i, op.kernel_size.h, stride.h, op.padding.h, 1, s.h);
    const Window c = window(j, op.kernel_size.w, stride.w, op.padding.w, 1, s.w);
    return AverageWindow{r, c, divisor(op, stride, s, i, j, r, c)};
  };
}

auto adaptive_windows(const Planes& s) {
  return [s](std::int64_t i, std::int64_t j) {
    const Window r = adaptive_window(i, s.oh, s.h), c = adaptive_window(j, s.ow, s.w);
    return AverageWindow{r, c, static_cast<double>((r.end - r.begin) * (c.end - c.begin))};
  };
}

}  // namespace

void run(const ops::MaxPool2d& op, cpu::Context& ctx, Ins in, Outs out) {
  const Planes s(in[0].shape(), out[0].shape());
  const Pair stride = op.stride == Pair() ? op.kernel_size : op.stride;
  const bool is_2x2 = op.kernel_size == Pair(2) && stride == Pair(2) && op.padding == Pair(0) &&
                      op.dilation == Pair(1) && 2 * s.oh <= s.h && 2 * s.ow <= s.w;
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    max_pool<decltype(type)>(
        ctx, s, in, out, is_2x2,
        [&](std::int64_t i) { return window(i, op.kernel_size.h, stride.h, op.padding.h, op.dilation.h, s.h); },
        [&](std::int64_t j) { return window(j, op.kernel_size.w, stride.w, op.padding.w, op.dilation.w, s.w); });
  });
}

void run(const ops::AdaptiveMaxPool2d& op, cpu::Context& ctx, Ins in, Outs out) {
  const Planes s(in[0].shape(), out[0].shape());
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    max_pool<decltype(type)>(
        ctx, s, in, out, false, [&](std::int64_t i) { return adaptive_window(i, s.oh, s.h); },
        [&](std::int64_t j) { return adaptive_window(j, s.ow, s.w); });
  });
}

void run(const ops::MaxPool2dGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Planes s(out[0].shape(), in[0].shape());
  const auto* indices = in_ptr<std::int32_t>(in[1]);
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* dy = in_ptr<T>(in[0]);
    T* const dx = out_ptr<T>(out[0]);
    s.each(ctx, [&](std::int64_t p) {
      T* const plane = dx + p * s.h * s.w;
      std::fill_n(plane, s.h * s.w, T(0));
      for (std::int64_t o = p * s.oh * s.ow; o < (p + 1) * s.oh * s.ow; ++o) plane[indices[o]] += dy[o];
    });
  });
}

void run(const ops::AvgPool2d& op, cpu::Context& ctx, Ins in, Outs out) {
  const Planes s(in[0].shape(), out[0].shape());
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    average(ctx, s, in_ptr<T>(in[0]), out_ptr<T>(out[0]), average_windows(op, s));
  });
}

void run(const ops::AvgPool2dGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Planes s(out[0].shape(), in[0].shape());
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    average_grad(ctx, s, in_ptr<T>(in[0]), out_ptr<T>(out[0]), average_windows(op.pool, s));
  });
}

void run(const ops::AdaptiveAvgPool2d& op, cpu::Context& ctx, Ins in, Outs out) {
  const Planes s(in[0].shape(), out[0].shape());
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    average(ctx, s, in_ptr<T>(in[0]), out_ptr<T>(out[0]), adaptive_windows(s));
  });
}

void run(const ops::AdaptiveAvgPool2dGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Planes s(out[0].shape(), in[0].shape());
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    average_grad(ctx, s, in_ptr<T>(in[0]), out_ptr<T>(out[0]), adaptive_windows(s));
  });
}

}  // namespace glassbox
