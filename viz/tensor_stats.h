// What a tensor's values are like, as numbers: for probes and for the health of a training. Sums
// are taken in double, one thread, in order. Nothing here runs an op, so nothing is recorded.
#pragma once
#include <cstdint>

#include "engine/core/tensor.h"

namespace glassbox::viz {

// As numpy has them: mean, std with n in the denominator, min and max are NaN where any value is,
// or where there is none. zeros: the share of values that are 0, of [0, 1].
struct TensorStats {
  std::int64_t count = 0;
  double mean = 0, std = 0, min = 0, max = 0, zeros = 0;
};
TensorStats stats_of(const Tensor& tensor);

struct NonFiniteCount {
  std::int64_t nan = 0, inf = 0;
  bool any() const { return nan + inf > 0; }
  NonFiniteCount& operator+=(const NonFiniteCount& other) {
    nan += other.nan;
    inf += other.inf;
    return *this;
  }
  friend bool operator==(const NonFiniteCount&, const NonFiniteCount&) = default;
};
// None for a tensor that is undefined, without data (on the meta device) or of integers.
NonFiniteCount count_non_finite(const Tensor& tensor);

// The L2 norm sqrt(sum x^2) of all values.
double norm_of(const Tensor& tensor);
// That of a - b; both of one shape and type.
double norm_of_difference(const Tensor& a, const Tensor& b);

// The share of units that are 0 for every sample, of [0, 1]; NaN for a tensor without elements. x
// is [N, ...] and a unit is a feature of [N, F] and of a sequence [N, T, F], a channel of
// [N, C, H, W] at all its places (every place shares its weights); of one dimension, each element.
double dead_units(const Tensor& x);

}  // namespace glassbox::viz
