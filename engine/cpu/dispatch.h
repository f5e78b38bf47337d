// From a tensor's type to a C++ type, and typed pointers for kernels. For engine/cpu only.
#pragma once
#include <cstdint>
#include <string_view>

#include "engine/core/dispatch.h"
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

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
