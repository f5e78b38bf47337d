// Element types in kernels: f16 and bf16 are loaded to float and rounded when stored.
#pragma once
#include <cuda_runtime.h>

#include <bit>
#include <cstdint>
#include <type_traits>

#include "engine/core/dtype.h"
#include "engine/core/hd.h"
#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

namespace glassbox::cuda {

// What a kernel computes with for elements of type T; sums are at least as wide.
template <class T>
using Compute =
    std::conditional_t<std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>, float, T>;

template <class T>
GLASSBOX_HD inline Compute<T> load(T value) {
  if constexpr (std::is_same_v<T, Half>) {
#ifdef __CUDA_ARCH__
    return __half2float(__ushort_as_half(value.bits));
#else
    return static_cast<float>(value);
#endif
  } else if constexpr (std::is_same_v<T, BFloat16>) {
#ifdef __CUDA_ARCH__
    return __uint_as_float(std::uint32_t(value.bits) << 16);
#else
    return static_cast<float>(value);
#endif
  } else {
    return value;
  }
}

template <class T>
GLASSBOX_HD inline T store(Compute<T> value) {
  if constexpr (std::is_same_v<T, Half>) {
#ifdef __CUDA_ARCH__
    T out;
    out.bits = __half_as_ushort(__float2half_rn(value));
    return out;
#else
    return T(value);
#endif
  } else if constexpr (std::is_same_v<T, BFloat16>) {
#ifdef __CUDA_ARCH__
    T out;
    out.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
    return out;
#else
    return T(value);
#endif
  } else {
    return value;
  }
}

}  // namespace glassbox::cuda
