// Maxima. A plane (one channel of one image) is pooled and, in backward, filled by one thread, so
// gradients that meet in an element are added in a fixed order without atomics. Windows of a fixed
// size are taken tap by tap, adaptive ones one by one (pool_windows.h). Of equal values the first
// wins, of NaNs the last.
#include "engine/ops/pool.h"

#include <algorithm>
#include <limits>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/pool_windows.h"
#include "engine/cpu/simd.h"

namespace glassbox {

using namespace cpu;

namespace {

// index: null, or for each y its place in the plane, -1 before there is one.
template <class T, class Step>
void offer(T* __restrict y, std::int32_t* __restrict index, const T* __restrict x, std::int32_t at,
           Step step, std::int64_t n) {
  if (!index) {
    for (std::int64_t q = 0; q < n; ++q) {
      const T candidate = x[q * step];
      const bool better = (candidate > y[q]) | (candidate != candidate);
      y[q] = better ? candidate : y[q];
    }
    return;
  }
  for (std::int64_t q = 0; q < n; ++q) {
    const T candidate = x[q * step];
    const bool better = (candidate > y[q]) | (candidate != candidate) | (index[q] < 0);
    y[q] = better ? candidate : y[q];
    index[q] = better ? static_cast<std::int32_t>(at + q * step) : index[q];
  }
}

template <class T>
void max_plane(const Axes& a, const T* x, T* y, std::int32_t* index) {
  for (std::int64_t i = 0; i < a.rows.out; ++i) {
    std::fill_n(y, a.columns.out, -std::numeric_limits<T>::infinity());
    if (index) std::fill_n(index, a.columns.out, -1);
    a.for_taps(i, [&](std::int64_t to, std::int64_t from, std::int64_t n) {
      with_stride(a.columns.stride, [&](auto step) {
        offer(y + to, index ? index + to : nullptr, x + from, static_cast<std::int32_t>(from), step,
              n);
      });
    });
    y += a.columns.out;
    if (index) index += a.columns.out;
  }
}

// The usual 2x2 windows at stride 2, all four taps in one loop.
template <class T, bool with_indices>
void max_plane_2x2(const Planes& s, const T* x, T* y, std::int32_t* indices) {
  for (std::int64_t i = 0; i < s.oh; ++i) {
    const T *a = x + 2 * i * s.w, *b = a + s.w;
    for (std::int64_t j = 0; j < s.ow; ++j) {
      const auto at = static_cast<std::int32_t>(2 * i * s.w + 2 * j);
      const auto below = at + static_cast<std::int32_t>(s.w);
      T best = a[2 * j];
      std::int32_t index = at;
      const auto better = [&](T candidate, std::int32_t where) {
        const bool wins = (candidate > best) | (candidate != candidate);
        best = wins ? candidate : best;
        index = wins ? where : index;
      };
      better(a[2 * j + 1], at + 1);
      better(b[2 * j], below);
      better(b[2 * j + 1], below + 1);
      y[i * s.ow + j] = best;
      if constexpr (with_indices) indices[i * s.ow + j] = index;
    }
  }
}

// The place of the maximum over rows x columns of a plane of width w.
template <class T>
std::int32_t find_max(const T* x, std::int64_t w, Range rows, Range columns) {
  std::int64_t best = rows.begin * w + columns.begin;
  for (std::int64_t i = rows.begin; i < rows.end; ++i) {
    for (std::int64_t at = i * w + columns.begin; at < i * w + columns.end; ++at) {
      if (x[at] > x[best] || x[at] != x[at]) best = at;
    }
  }
  return static_cast<std::int32_t>(best);
}

// The same over n adjacent elements: the maximum of each lane with the pack that it came from, then
// the first of the lanes' maxima.
template <class T>
std::int32_t find_max_run(const T* x, std::int64_t n) {
  constexpr int lanes = Pack<T>::lanes;
  // Beyond 2^24 a float does not tell packs apart.
  if (n < 2 * lanes || n > (1 << 24)) return find_max(x, n, {0, 1}, {0, n});
  Pack<T> top = loadu(x), from(T(0));
  const auto offer_pack = [&](std::int64_t i) {
    const Pack<T> candidate = loadu(x + i);
    const Mask<T> better = (candidate > top) | (candidate != candidate);
    top = select(better, candidate, top);
    from = select(better, Pack<T>(T(i)), from);
  };
  for (std::int64_t i = lanes; i + lanes <= n; i += lanes) offer_pack(i);
  offer_pack(n - lanes);  // overlaps, which a maximum does not mind
  T value[lanes], start[lanes];
  storeu(value, top);
  storeu(start, from);
  T best = value[0];
  auto at = static_cast<std::int32_t>(start[0]);
  bool nan = best != best;
  for (int k = 1; k < lanes; ++k) {
    const auto place = static_cast<std::int32_t>(start[k]) + k;
    const bool better = (value[k] > best) | ((value[k] == best) & (place < at));
    nan |= value[k] != value[k];
    best = better ? value[k] : best;
    at = better ? place : at;
  }
  return nan ? find_max(x, n, {0, 1}, {0, n}) : at;
}

template <class T>
void adaptive_max_plane(const Planes& s, const T* x, T* y, std::int32_t* index) {
  for (std::int64_t i = 0; i < s.oh; ++i) {
    const Range rows = adaptive_window(i, s.oh, s.h);
    for (std::int64_t j = 0; j < s.ow; ++j) {
      const std::int32_t best = s.out() == 1
                                    ? find_max_run(x, s.in())
                                    : find_max(x, s.w, rows, adaptive_window(j, s.ow, s.w));
      y[i * s.ow + j] = x[best];
      if (index) index[i * s.ow + j] = best;
    }
  }
}

// Calls f(plane of x, plane of y, plane of indices or null) for every plane.
template <class T, class F>
void for_max_planes(const cpu::Context& ctx, const Planes& s, Ins in, Outs out, const F& f) {
  const T* const x = in_ptr<T>(in[0]);
  T* const y = out_ptr<T>(out[0]);
  std::int32_t* const indices = out.size() > 1 ? out_ptr<std::int32_t>(out[1]) : nullptr;
  s.each(ctx, [&](std::int64_t p) {
    f(x + p * s.in(), y + p * s.out(), indices ? indices + p * s.out() : nullptr);
  });
}

}  // namespace

void run(const ops::MaxPool2d& op, cpu::Context& ctx, Ins in, Outs out) {
  const Planes s(in[0].shape(), out[0].shape());
  const Axes a = axes_of(op, op.dilation, in[0].shape(), out[0].shape());
  const bool is_2x2 = op.kernel_size == Pair(2) && a.rows.stride == 2 && a.columns.stride == 2 &&
                      op.padding == Pair(0) && op.dilation == Pair(1) && 2 * s.oh <= s.h &&
                      2 * s.ow <= s.w;
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_max_planes<T>(ctx, s, in, out, [&](const T* x, T* y, std::int32_t* index) {
      if (!is_2x2) return max_plane(a, x, y, index);
      index ? max_plane_2x2<T, true>(s, x, y, index) : max_plane_2x2<T, false>(s, x, y, nullptr);
    });
  });
}

void run(const ops::AdaptiveMaxPool2d& op, cpu::Context& ctx, Ins in, Outs out) {
  const Planes s(in[0].shape(), out[0].shape());
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_max_planes<T>(ctx, s, in, out, [&](const T* x, T* y, std::int32_t* index) {
      adaptive_max_plane(s, x, y, index);
    });
  });
}

void run(const ops::MaxPool2dGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Planes s(out[0].shape(), in[0].shape());
  const auto* const indices = in_ptr<std::int32_t>(in[1]);
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const dy = in_ptr<T>(in[0]);
    T* const dx = out_ptr<T>(out[0]);
    s.each(ctx, [&](std::int64_t p) {
      T* const plane = dx + p * s.in();
      std::fill_n(plane, s.in(), T(0));
      for (std::int64_t o = p * s.out(); o < (p + 1) * s.out(); ++o) {
        if (indices[o] >= 0) plane[indices[o]] += dy[o];
      }
    });
  });
}

}  // namespace glassbox
