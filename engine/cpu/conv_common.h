// What the plain convolution kernels share. For engine/cpu only.
#pragma once
#include <algorithm>
#include <cstdint>

#include "engine/cpu/conv_direct.h"
#include "engine/cpu/parallel.h"
#include "engine/cpu/window.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

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
