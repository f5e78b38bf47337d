// Launching kernels, and what kernels share: loops over elements and rows, reductions in a fixed
// order, the operands' types. For .cu files.
//
// A kernel is written as a function object of an index, run by for_each (a thread for each index)
// or for_rows (a block for each row). All of it compiles as plain C++ too: the tests run it on the
// processor over an emulated runtime (tests/cuda/emulator).
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>

#include "engine/core/dispatch.h"
#include "engine/core/tensor.h"
#include "engine/cuda/context.h"
#include "engine/cuda/types.h"
#include "engine/op.h"

namespace glassbox::cuda {

inline constexpr int block_threads = 256;

struct Grid {
  dim3 blocks, threads;
};

// The one place where kernels are launched.
template <class... P, class... A>
void launch(const Context& ctx, Grid grid, void (*kernel)(P...), const A&... args) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid.blocks;
  config.blockDim = grid.threads;
  config.stream = ctx.stream;
  ++*ctx.launches;
  check(ctx.op, "launch", cudaLaunchKernelEx(&config, kernel, P(args)...));
}

// Blocks for n pieces of work: as many as keep the device busy, and no more than there is work.
inline unsigned blocks_for(const Context& ctx, std::int64_t pieces) {
  const std::int64_t most = std::int64_t(ctx.multiprocessors) * 16;
  return static_cast<unsigned>(std::clamp<std::int64_t>(pieces, 1, most));
}

template <class F>
__global__ void each_kernel(std::int64_t n, F f) {
  const std::int64_t step = std::int64_t(gridDim.x) * blockDim.x;
  for (std::int64_t i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    f(i);
  }
}

// Calls f(i) for each i below n, in any order.
template <class F>
void for_each(const Context& ctx, std::int64_t n, const F& f) {
  if (n <= 0) return;
  const Grid grid{blocks_for(ctx, (n + block_threads - 1) / block_threads), block_threads};
  launch(ctx, grid, each_kernel<F>, n, f);
}

template <class F>
__global__ void rows_kernel(std::int64_t rows, F f) {
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    f(row);
    __syncthreads();  // shared memory of one row is free for the next
  }
}

// Calls f(row) by all threads of one block for each row; f may use the block_ functions below, by
// all its threads alike. `width` is the row's length: short rows get small blocks.
template <class F>
void for_rows(const Context& ctx, std::int64_t rows, std::int64_t width, const F& f) {
  if (rows <= 0) return;
  unsigned threads = 32;
  while (threads < block_threads && threads < width) threads *= 2;
  launch(ctx, Grid{blocks_for(ctx, rows), threads}, rows_kernel<F>, rows, f);
}

// --- inside a block -----------------------------------------------------------------------------

// Combines one value of each thread of the block, in an order that depends on the block's size
// alone, and gives the result to all. `combine` is associative and commutative; `none` is its
// neutral element.
template <class T, class F>
__device__ T block_reduce(T value, T none, F combine) {
  __shared__ T partial[32];
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const unsigned warps = (blockDim.x + 31) / 32;
  for (int offset = 16; offset > 0; offset /= 2) {
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, offset));
  }
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  T all = none;
  for (unsigned w = 0; w < warps; ++w) all = combine(all, partial[w]);
  __syncthreads();
  return all;
}
struct Plus {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
template <class T>
__device__ T block_sum(T value) {
  return block_reduce(value, T(0), Plus());
}
struct Larger {  // a NaN wins
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};
template <class T>
__device__ T block_max(T value) {
  return block_reduce(value, -std::numeric_limits<T>::infinity(), Larger());
}

// --- operands ---------------------------------------------------------------------------------

template <class T>
const T* in_ptr(const Tensor& t) {
  return t.defined() ? reinterpret_cast<const T*>(t.raw()) : nullptr;
}
template <class T>
T* out_ptr(const Tensor& t) {
  return t.defined() ? reinterpret_cast<T*>(t.raw()) : nullptr;
}

// cuDNN is given operands on 16-byte addresses alone, which a view may not have.
inline bool aligned(std::initializer_list<const Tensor*> operands) {
  for (const Tensor* t : operands) {
    if (t->defined() && reinterpret_cast<std::uintptr_t>(t->raw()) % 16 != 0) return false;
  }
  return true;
}

// Reports that a value is outside [0, limit), from a kernel.
__device__ inline void report_fault(Fault* fault, std::uint32_t site, std::int64_t value,
                                    std::int64_t limit) {
  if (atomicCAS_system(&fault->claimed, 0u, 1u) != 0u) return;
  fault->site = site;
  fault->value = value;
  fault->limit = limit;
  __threadfence_system();
}

// --- dispatch over types ------------------------------------------------------------------------

// Calls f(T()) with float, double, Half or BFloat16. Throws Error for other types.
template <class F>
void dispatch_floating(const Context& ctx, DType dtype, const F& f) {
  if (dtype == DType::f32) return f(float());
  if (dtype == DType::f64) return f(double());
  if (dtype == DType::f16) return f(Half());
  if (dtype == DType::bf16) return f(BFloat16());
  fail(ctx.op, cat("CUDA computes f32, f64, f16 and bf16, not ", dtype));
}
// The same with i32 and i64 too.
template <class F>
void dispatch_number(const Context& ctx, DType dtype, const F& f) {
  if (dtype == DType::i32) return f(std::int32_t());
  if (dtype == DType::i64) return f(std::int64_t());
  dispatch_floating(ctx, dtype, f);
}

}  // namespace glassbox::cuda
