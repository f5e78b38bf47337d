// Which outputs of a sliding window are inside the image. For engine/cpu only.
#pragma once
#include <algorithm>
#include <cstdint>

#ifndef GLASSBOX_CPU_LEVEL
#define GLASSBOX_CPU_LEVEL native
#endif

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

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
