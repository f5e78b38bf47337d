// DType: what one element of a tensor is. The CPU computes f32 and f64 (index ops i32 and i64 too);
// f16, bf16, u8 and boolean are for storage, copies, comparisons' results and casts there.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string_view>

namespace glassbox {

enum class DType : std::uint8_t { f32, f64, f16, bf16, i32, i64, u8, boolean };

std::size_t size_of(DType dtype);          // bytes of one element
std::string_view name_of(DType dtype);     // "f32" ... "bool"
std::string_view numpy_name(DType dtype);  // "float32" ... "bool"
bool is_floating(DType dtype);
std::ostream& operator<<(std::ostream& out, DType dtype);

// IEEE binary16 and bfloat16 as storage; arithmetic goes through float. Conversion from float
// rounds to nearest, ties to even.
struct Half {
  std::uint16_t bits = 0;
  Half() = default;
  explicit Half(float value);
  explicit operator float() const;
};
struct BFloat16 {
  std::uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value);
  explicit operator float() const { return std::bit_cast<float>(std::uint32_t(bits) << 16); }
};

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<Half> {
  static constexpr DType value = DType::f16;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};
template <class T>
inline constexpr DType dtype_of = DTypeOf<std::remove_cv_t<T>>::value;

}  // namespace glassbox
