#include "engine/core/dtype.h"

#include <array>
#include <cmath>
#include <ostream>

namespace glassbox {
namespace {

struct Row {
  std::string_view name, numpy;
  std::size_t size;
  bool floating;
};
constexpr std::array<Row, 8> rows{{{"f32", "float32", 4, true},
                                   {"f64", "float64", 8, true},
                                   {"f16", "float16", 2, true},
                                   {"bf16", "bfloat16", 2, true},
                                   {"i32", "int32", 4, false},
                                   {"i64", "int64", 8, false},
                                   {"u8", "uint8", 1, false},
                                   {"bool", "bool", 1, false}}};
const Row& row(DType dtype) { return rows[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::size_t size_of(DType dtype) { return row(dtype).size; }
std::string_view name_of(DType dtype) { return row(dtype).name; }
std::string_view numpy_name(DType dtype) { return row(dtype).numpy; }
bool is_floating(DType dtype) { return row(dtype).floating; }
std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

Half::Half(float value) {
  const std::uint32_t x = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (x >> 16) & 0x8000;
  const std::uint32_t magnitude = x & 0x7fffffff;
  if (magnitude >= 0x47800000) {  // 65536 and more, infinity, NaN
    bits = static_cast<std::uint16_t>(sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00));
  } else if (magnitude < 0x38800000) {  // subnormal: let float addition round at the right place
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    bits = static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000));
  } else {
    const std::uint32_t odd = (magnitude >> 13) & 1;
    bits = static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000 + 0xfff + odd) >> 13));
  }
}

Half::operator float() const {
  const std::uint32_t sign = std::uint32_t(bits & 0x8000) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1f, mantissa = bits & 0x3ff;
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -value : value;
  }
  const std::uint32_t high = exponent == 31 ? 0x7f800000u : (exponent + 112) << 23;
  return std::bit_cast<float>(sign | high | (mantissa << 13));
}

BFloat16::BFloat16(float value) {
  const std::uint32_t x = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) {
    bits = static_cast<std::uint16_t>((x >> 16) | 0x40);
  } else {
    bits = static_cast<std::uint16_t>((x + 0x7fff + ((x >> 16) & 1)) >> 16);
  }
}

}  // namespace glassbox
