// Convolution as im2col and a matrix product: plain, for every shape. It is the reference that the
// other kernels are tested against, and the way of shapes that they leave out. Contract as in
// conv_direct.h; the scratch block is the context's. For engine/cpu only.
#pragma once
#include "engine/cpu/context.h"
#include "engine/cpu/conv_direct.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

template <class T>
std::size_t conv_gemm_forward_scratch(const ConvShape& s, int threads);
template <class T>
std::size_t conv_gemm_grad_input_scratch(const ConvShape& s, int threads);
template <class T>
std::size_t conv_gemm_grad_weight_scratch(const ConvShape& s, int threads);

template <class T>
void conv2d_gemm(const Context& ctx, const ConvShape& s, const T* x, const T* w, const T* b, T* y);
template <class T>
void conv2d_gemm_grad_input(const Context& ctx, const ConvShape& s, const T* dy, const T* w, T* dx);
template <class T>
void conv2d_gemm_grad_weight(const Context& ctx, const ConvShape& s, const T* x, const T* dy,
                             T* dw);

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
