// Direct 2-d convolution on raw dense NCHW arrays, without im2col: y[n,o,:,:] = b[o] + sum over c,
// i, j of w[o,c,i,j] * x[n, c, y*sh + i*dh - ph, x*sw + j*dw - pw]. Contract: nothing is allocated,
// the caller gives a block of `..._scratch()` bytes aligned to 64, which needs no initial value; no
// argument may overlap another; results are bit-equal for every `threads`.
#pragma once

#include <cstddef>
#include <cstdint>

#ifndef GLASSBOX_CPU_LEVEL
#define GLASSBOX_CPU_LEVEL native
#endif

namespace glassbox::cpu {

// x [n,c,h,w], w [o,c,kh,kw], y [n,o,oh,ow]; strides s, padding p, dilation d.
struct ConvShape {
  int64_t n, c, h, w, o, kh, kw, oh, ow;
  int sh, sw, ph, pw, dh, dw, groups;
};

inline namespace GLASSBOX_CPU_LEVEL {

// Forward and weight gradient: one group, padding smaller than the (dilated) kernel, nothing empty.
bool conv_direct_supports(const ConvShape& s);
// The input gradient asks for stride 1 as well, and for every pixel that y has room for.
bool conv_direct_supports_grad_input(const ConvShape& s);

template <class T>
size_t conv_direct_forward_scratch(const ConvShape& s, int threads);
template <class T>
size_t conv_direct_grad_input_scratch(const ConvShape& s, int threads);
template <class T>
size_t conv_direct_grad_weight_scratch(const ConvShape& s, int threads);

// `b` may be null. Every element of the result is written, none is read.
template <class T>
void conv2d_direct(const ConvShape& s, const T* x, const T* w, const T* b, T* y, void* scratch,
                   int threads);
template <class T>
void conv2d_direct_grad_input(const ConvShape& s, const T* dy, const T* w, T* dx, void* scratch,
                              int threads);
template <class T>
void conv2d_direct_grad_weight(const ConvShape& s, const T* x, const T* dy, T* dw, void* scratch,
                               int threads);

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
