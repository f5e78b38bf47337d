// What the plain convolution kernels share. For engine/cpu only.
#pragma once
#include <algorithm>
#include <cstdint>

#include "engine/cpu/conv_direct.h"
#include "engine/cpu/parallel.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

struct Range {
  std::int64_t begin, end;
  bool contains(std::int64_t i) const { return i >= begin && i < end; }
  // The part of it within [b, e).
  Range within(std::int64_t b, std::int64_t e) const {
    return {std::clamp(begin, b, e), std::clamp(end, b, e)};
  }
};

// The outputs i in [0, count) whose tap, at input i * stride + offset, is inside [0, size).
inline Range outputs_inside(std::int64_t count, std::int64_t size, std::int64_t stride,
                            std::int64_t offset) {
  const std::int64_t begin = offset < 0 ? (-offset + stride - 1) / stride : 0;
  const std::int64_t end = offset < size ? (size - 1 - offset) / stride + 1 : 0;
  return Range{begin, std::max(begin, end)}.within(0, count);
}

// Images of one partial sum of dw: few enough partial sums to fit 16 MiB, and at most 16.
inline std::int64_t images_per_chunk(const ConvShape& s, std::int64_t element_size) {
  const std::int64_t bytes = s.o * (s.c / s.groups) * s.kh * s.kw * element_size;
  const std::int64_t chunks = std::clamp<std::int64_t>((16 << 20) / bytes, 1, 16);
  return std::max<std::int64_t>(1, (s.n + chunks - 1) / chunks);
}

// sum = partials[0] + partials[1] + ..., each of `size` elements, in that order.
template <class T>
void add_partials(const Context& ctx, const T* partials, std::int64_t count, std::int64_t size,
                  T* sum) {
  parallel_chunks(ctx, size, 1024, [&](std::int64_t begin, std::int64_t end) {
    std::copy(partials + begin, partials + end, sum + begin);
    for (std::int64_t k = 1; k < count; ++k) {
      for (std::int64_t i = begin; i < end; ++i) sum[i] += partials[k * size + i];
    }
  });
}

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
