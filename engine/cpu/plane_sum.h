// Sums over adjacent elements, in packs. For engine/cpu only.
#pragma once
#include <algorithm>
#include <cstdint>

#include "engine/cpu/simd.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

// The sum of n terms: vector(i) gives terms i, i + 1, ... as a pack, scalar(i) one. Packs are added
// in T over blocks short enough for float, the blocks' sums in double. The order depends on n
// alone.
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
      a += vector(i);
      b += vector(i + lanes);
    }
    if (i + lanes <= end) {
      a += vector(i);
      i += lanes;
    }
    total += static_cast<double>(horizontal_sum(a + b));
  }
  for (; i < n; ++i) total += static_cast<double>(scalar(i));
  return total;
}

template <class T>
double plane_sum(const T* x, std::int64_t n) {
  return plane_sum<T>(
      n, [x](std::int64_t i) { return loadu(x + i); }, [x](std::int64_t i) { return x[i]; });
}

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
