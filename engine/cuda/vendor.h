// cuDNN and cuBLASLt behind plain functions, so that the rest of the backend, and the tests'
// emulated one, does not see their types. Each enqueues on ctx.stream.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/core/dtype.h"
#include "engine/core/shape.h"
#include "engine/cuda/context.h"

namespace glassbox::cuda {

// Per device: handles, and the plans that were chosen, by their key.
struct VendorDeleter {
  void operator()(Vendor* vendor) const;
};
std::unique_ptr<Vendor, VendorDeleter> make_vendor(int device, cudaStream_t stream);
std::string vendor_versions();  // "cuDNN 9.19.0, cuBLAS 13.1.0"

// --- matrix products --------------------------------------------------------------------------

// C = A B (+ bias along C's columns), row-major; a batch of them, `stride` elements apart, 0 for
// an operand that all share. A is [m,k], or [k,m] with transpose_a; B the same with [k,n], [n,k].
struct Gemm {
  DType dtype = DType::f32;
  bool transpose_a = false, transpose_b = false;
  std::int64_t m = 0, n = 0, k = 0, batch = 1;
  std::int64_t stride_a = 0, stride_b = 0, stride_c = 0;
  bool bias = false;        // [n]
  bool accumulate = false;  // C += A B
  friend bool operator==(const Gemm&, const Gemm&) = default;
};
void gemm(const Context& ctx, const Gemm& g, const void* a, const void* b, const void* bias,
          void* c);

// --- convolution ------------------------------------------------------------------------------

enum class ConvKind { forward, grad_input, grad_weight };
struct ConvProblem {
  ConvKind kind = ConvKind::forward;
  DType dtype = DType::f32;
  Shape x, w, y;
  Pair stride = 1, padding = 0, dilation = 1;
  int groups = 1;
  friend bool operator==(const ConvProblem&, const ConvProblem&) = default;
};
// The workspace that the plan for this problem takes, bytes; -1: the library has no plan for it.
std::int64_t conv_workspace(const Context& ctx, const ConvProblem& problem);
// forward: a = x, b = w, result = y; grad_input: a = dy, b = w, result = dx; grad_weight: a = x, b
// = dy, result = dw.
void conv(const Context& ctx, const ConvProblem& problem, const void* a, const void* b,
          void* result, void* workspace);

// --- pooling and batch normalisation ------------------------------------------------------------

// y = max or average over windows of a dense [N,C,H,W].
struct PoolProblem {
  bool average = false, count_include_pad = true;
  DType dtype = DType::f32;
  Shape x, y;
  Pair kernel = 2, stride = 2, padding = 0;
  friend bool operator==(const PoolProblem&, const PoolProblem&) = default;
};
void pool_forward(const Context& ctx, const PoolProblem& problem, const void* x, void* y);

// Batch normalisation of [N,C,H,W] in training; weight, bias and statistics [C] in f32 (f64 for
// f64). inverse_std is 1 / sqrt(variance + eps).
struct NormProblem {
  DType dtype = DType::f32;
  Shape x;
  double eps = 1e-5;
  friend bool operator==(const NormProblem&, const NormProblem&) = default;
};
void norm_forward(const Context& ctx, const NormProblem& problem, const void* x, const void* weight,
                  const void* bias, void* y, void* mean, void* inverse_std);
void norm_backward(const Context& ctx, const NormProblem& problem, const void* x, const void* dy,
                   const void* weight, const void* mean, const void* inverse_std, void* dx,
                   void* dweight, void* dbias);

}  // namespace glassbox::cuda
