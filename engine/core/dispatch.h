// From a tensor's type to a C++ type, as an argument of a generic lambda. Backends have their own
// for the types that they compute (cpu/dispatch.h, cuda/launch.h). Only for lambdas: their types
// keep what is compiled for a processor's instruction sets apart from what is not.
#pragma once
#include <cstdint>

#include "engine/core/dtype.h"

namespace glassbox {

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

}  // namespace glassbox
