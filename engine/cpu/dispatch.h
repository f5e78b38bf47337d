// From a tensor's type to a C++ type, and typed pointers for kernels. For engine/cpu only.
#pragma once
#include <cstdint>
#include <string_view>

#include "engine/op.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

template <class T>
const T* in_ptr(const Tensor& t) {
  return t.defined() ? reinterpret_cast<const T*>(t.raw()) : nullptr;
}
// Why not mutable_data: an op's fresh output has no earlier value, so its version need not rise.
template <class T>
T* out_ptr(const Tensor& t) {
  return reinterpret_cast<T*>(t.raw());
}

// Calls f(T()) with float or double. Throws Error for other types.
template <class F>
void dispatch_floating(std::string_view op, DType dtype, const F& f) {
  if (dtype == DType::f32) return f(float());
  if (dtype == DType::f64) return f(double());
  fail(op, cat("the CPU computes f32 and f64, not ", dtype));
}
// The same with i32 and i64 too.
template <class F>
void dispatch_number(std::string_view op, DType dtype, const F& f) {
  if (dtype == DType::i32) return f(std::int32_t());
  if (dtype == DType::i64) return f(std::int64_t());
  dispatch_floating(op, dtype, f);
}
// Every type, for ops that move or convert elements.
template <class F>
void dispatch_any(DType dtype, const F& f) {
  switch (dtype) {
    case DType::f32:
      return f(float());
    case DType::f64:
      return f(double());
    case DType::f16:
      return f(Half());
    case DType::bf16:
      return f(BFloat16());
    case DType::i32:
      return f(std::int32_t());
    case DType::i64:
      return f(std::int64_t());
    case DType::u8:
      return f(std::uint8_t());
    case DType::boolean:
      return f(bool());
  }
}
// An unsigned integer as wide as an element, for ops that only move bits.
template <class F>
void dispatch_width(DType dtype, const F& f) {
  switch (size_of(dtype)) {
    case 1:
      return f(std::uint8_t());
    case 2:
      return f(std::uint16_t());
    case 4:
      return f(std::uint32_t());
    default:
      return f(std::uint64_t());
  }
}

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
