// The windows of pooling. A window of a fixed size is taken tap by tap: each tap is one loop over a
// whole row of outputs, without branches, so that the compiler can use SIMD. For engine/cpu only.
#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "engine/core/shape.h"
#include "engine/cpu/parallel.h"
#include "engine/cpu/window.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

// One dimension of windows of a fixed size.
struct Axis {
  std::int64_t in, out, kernel, stride, padding, dilation;
  std::vector<Range> taps;  // for each tap the outputs that it reaches inside the image

  Axis(std::int64_t size, std::int64_t outputs, int k, int s, int p, int d)
      : in(size), out(outputs), kernel(k), stride(s), padding(p), dilation(d) {
    for (std::int64_t tap = 0; tap < kernel; ++tap) {
      taps.push_back(outputs_inside(out, in, stride, offset(tap)));
    }
  }
  std::int64_t offset(std::int64_t tap) const { return tap * dilation - padding; }
  const Range& reach(std::int64_t tap) const { return taps[static_cast<std::size_t>(tap)]; }
  // How many inputs an average over output o counts: those of the image or, with padding, those of
  // the padded image (PyTorch's rule for windows that reach beyond it).
  std::int64_t counted(std::int64_t o, bool count_padding) const {
    const std::int64_t begin = o * stride - padding, end = begin + kernel;
    return count_padding ? std::min(end, in + padding) - begin
                         : std::min(end, in) - std::max<std::int64_t>(begin, 0);
  }
};

struct Axes {
  Axis rows, columns;

  // Calls f(y, x, n) for every tap of output row i: n outputs from element y of the row, which read
  // the plane from element x in steps of the columns' stride.
  template <class F>
  void for_taps(std::int64_t i, const F& f) const {
    for (std::int64_t k = 0; k < rows.kernel; ++k) {
      if (!rows.reach(k).contains(i)) continue;
      const std::int64_t row = (i * rows.stride + rows.offset(k)) * columns.in;
      for (std::int64_t l = 0; l < columns.kernel; ++l) {
        const Range o = columns.reach(l);
        f(o.begin, row + o.begin * columns.stride + columns.offset(l), o.end - o.begin);
      }
    }
  }
};

template <class Op>
Axes axes_of(const Op& op, Pair dilation, const Shape& x, const Shape& y) {
  const Pair k = op.kernel_size, s = op.stride == Pair() ? k : op.stride, p = op.padding;
  return {Axis(x[2], y[2], k.h, s.h, p.h, dilation.h), Axis(x[3], y[3], k.w, s.w, p.w, dilation.w)};
}

// Adaptive window o covers [begin, end).
inline Range adaptive_window(std::int64_t o, std::int64_t out, std::int64_t size) {
  return {o * size / out, ((o + 1) * size + out - 1) / out};
}

struct Planes {
  std::int64_t count, h, w, oh, ow;
  Planes(const Shape& x, const Shape& y)
      : count(x[0] * x[1]), h(x[2]), w(x[3]), oh(y[2]), ow(y[3]) {}
  std::int64_t in() const { return h * w; }
  std::int64_t out() const { return oh * ow; }
  template <class F>
  void each(const Context& ctx, const F& f) const {
    parallel_chunks(ctx, count, std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, in())),
                    [&](std::int64_t begin, std::int64_t end) {
                      for (std::int64_t p = begin; p < end; ++p) f(p);
                    });
  }
};

// Calls f(step) with the stride as a constant where it is 1 or 2, so that loops over it use SIMD.
template <class F>
void with_stride(std::int64_t stride, const F& f) {
  if (stride == 1) return f(std::integral_constant<std::int64_t, 1>());
  if (stride == 2) return f(std::integral_constant<std::int64_t, 2>());
  f(stride);
}

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
