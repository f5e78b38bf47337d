#include "viz/tensor_stats.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "engine/autograd/tape.h"
#include "engine/graph/recorder.h"

namespace glassbox::viz {
namespace {

// Calls f with the values as they are (f32, f64 on the CPU), else as doubles.
template <class F>
auto with_values(const Tensor& tensor, const F& f) {
  if (tensor.device().is_cpu() && tensor.dtype() == DType::f32) return f(tensor.data<float>());
  if (tensor.device().is_cpu() && tensor.dtype() == DType::f64) return f(tensor.data<double>());
  const NoGrad no_grad;
  const RecordScope unseen(nullptr);  // a tensor of another device is copied by an op
  const std::vector<double> values = tensor.to_vector<double>();
  return f(std::span<const double>(values));
}

bool has_values(const Tensor& tensor) { return tensor.defined() && !tensor.device().is_meta(); }

// The exponent's bits are all set in what is not finite, and the rest is 0 in an infinity. Why not
// std::isfinite: this is one pass of integer instructions that compilers make SIMD of.
template <class T, class Bits>
NonFiniteCount count_in(std::span<const T> values, Bits exponent, Bits fraction) {
  Bits any = 0, infinite = 0;
  for (const T v : values) {
    const Bits bits = std::bit_cast<Bits>(v);
    any += (bits & exponent) == exponent;
    infinite += (bits & (exponent | fraction)) == exponent;
  }
  return {static_cast<std::int64_t>(any - infinite), static_cast<std::int64_t>(infinite)};
}

}  // namespace

TensorStats stats_of(const Tensor& tensor) {
  return with_values(tensor, [](auto values) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    TensorStats s;
    s.count = static_cast<std::int64_t>(values.size());
    if (values.empty()) {
      s.mean = s.std = s.min = s.max = s.zeros = nan;
      return s;
    }
    const double n = static_cast<double>(values.size());
    double sum = 0;
    std::int64_t zeros = 0;
    s.min = s.max = static_cast<double>(values[0]);
    bool has_nan = false;
    for (const double v : values) {
      sum += v;
      zeros += v == 0;
      s.min = std::min(s.min, v);
      s.max = std::max(s.max, v);
      has_nan = has_nan || std::isnan(v);
    }
    s.zeros = static_cast<double>(zeros) / n;
    s.mean = sum / n;
    double squares = 0;
    for (const double v : values) squares += (v - s.mean) * (v - s.mean);
    s.std = std::sqrt(squares / n);
    if (has_nan) s.min = s.max = nan;
    return s;
  });
}

NonFiniteCount count_non_finite(const Tensor& tensor) {
  if (!has_values(tensor) || !is_floating(tensor.dtype())) return {};
  return with_values(tensor, [](auto values) {
    using T = typename decltype(values)::value_type;
    NonFiniteCount total;
    // In parts, so that a count fits its type.
    for (std::size_t at = 0; at < values.size(); at += std::size_t(1) << 20) {
      const auto part = values.subspan(at, std::min(values.size() - at, std::size_t(1) << 20));
      if constexpr (sizeof(T) == 4) {
        total += count_in<T, std::uint32_t>(part, 0x7f800000u, 0x007fffffu);
      } else {
        total += count_in<T, std::uint64_t>(part, 0x7ff0000000000000ull, 0x000fffffffffffffull);
      }
    }
    return total;
  });
}

double norm_of(const Tensor& tensor) {
  return with_values(tensor, [](auto values) {
    double sum = 0;
    for (const double v : values) sum += v * v;
    return std::sqrt(sum);
  });
}

double norm_of_difference(const Tensor& a, const Tensor& b) {
  return with_values(a, [&](auto x) {
    return with_values(b, [&](auto y) {
      double sum = 0;
      for (std::size_t i = 0; i < x.size() && i < y.size(); ++i) {
        const double d = static_cast<double>(x[i]) - static_cast<double>(y[i]);
        sum += d * d;
      }
      return std::sqrt(sum);
    });
  });
}

double dead_units(const Tensor& x) {
  if (x.numel() == 0) return std::numeric_limits<double>::quiet_NaN();
  const int rank = x.dim();
  const int feature = rank <= 1 ? 0 : rank == 3 ? 2 : 1;
  const auto units = rank == 0 ? std::size_t(1) : static_cast<std::size_t>(x.size(feature));
  std::size_t inner = 1;  // elements of one unit that lie together
  for (int d = feature + 1; d < rank; ++d) inner *= static_cast<std::size_t>(x.size(d));
  return with_values(x, [&](auto values) {
    std::vector<bool> alive(units);
    for (std::size_t row = 0; row < values.size() / inner; ++row) {
      if (alive[row % units]) continue;
      const auto part = values.subspan(row * inner, inner);
      // NaN is not 0: such a unit has another illness.
      alive[row % units] = std::any_of(part.begin(), part.end(), [](auto v) { return v != 0; });
    }
    const auto dead = std::count(alive.begin(), alive.end(), false);
    return static_cast<double>(dead) / static_cast<double>(units);
  });
}

}  // namespace glassbox::viz
