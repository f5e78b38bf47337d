// Convolution whose groups have one input channel each, without im2col: a matrix product of depth
// kh * kw would leave the registers empty. Contract as in conv_direct.h; the scratch block is the
// context's. For engine/cpu only.
#pragma once
#include "engine/cpu/context.h"
#include "engine/cpu/conv_direct.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

inline bool conv_depthwise_supports(const ConvShape& s) { return s.groups == s.c; }

template <class T>
std::size_t conv_depthwise_grad_weight_scratch(const ConvShape& s);

template <class T>
void conv2d_depthwise(const Context& ctx, const ConvShape& s, const T* x, const T* w, const T* b,
                      T* y);
template <class T>
void conv2d_depthwise_grad_input(const Context& ctx, const ConvShape& s, const T* dy, const T* w,
                                 T* dx);
template <class T>
void conv2d_depthwise_grad_weight(const Context& ctx, const ConvShape& s, const T* x, const T* dy,
                                  T* dw);

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
