// Matrix products of any size, also of nothing, pieces of the working memory for them, and operands
// of 16 bits as f32 where rounding in between would cost too much. For .cu files.
#pragma once
#include "engine/cuda/launch.h"
#include "engine/cuda/vendor.h"

namespace glassbox::cuda {

// gemm, whose sizes may be 0: a sum of nothing is 0. Matrices of C are dense.
inline void multiply(const Context& ctx, const Gemm& g, const void* a, const void* b, void* c) {
  const std::int64_t count = g.batch * g.m * g.n;
  if (count == 0 || (g.k == 0 && g.accumulate)) return;
  if (g.k > 0) return gemm(ctx, g, a, b, nullptr, c);
  ++*ctx.launches;
  check(ctx.op, "cudaMemsetAsync",
        cudaMemsetAsync(c, 0, static_cast<std::size_t>(count) * size_of(g.dtype), ctx.stream));
}

// Takes arrays off a block of memory, each aligned for cuBLASLt; of null it only counts.
class Room {
 public:
  explicit Room(void* memory = nullptr) : memory_(static_cast<std::byte*>(memory)) {}
  template <class T>
  T* take(std::int64_t n) {
    T* const taken = memory_ ? reinterpret_cast<T*>(memory_ + used_) : nullptr;
    used_ += (static_cast<std::size_t>(n) * sizeof(T) + 255) / 256 * 256;
    return taken;
  }
  // An array of what is computed with for `dtype`.
  void take(std::int64_t n, DType dtype) {
    take<std::byte>(n * static_cast<std::int64_t>(std::max(sizeof(float), size_of(dtype))));
  }
  // As widen and wide_result take.
  void take_wide(Specs specs) {
    for (const Spec& x : specs) {
      if (x.defined && size_of(x.dtype) == 2) take<float>(x.numel());
    }
  }
  std::size_t used() const { return used_; }

 private:
  std::byte* memory_;
  std::size_t used_ = 0;
};

template <class To, class From>
struct Convert {
  const From* x;
  To* y;
  __device__ void operator()(std::int64_t i) const {
    y[i] = store<To>(static_cast<Compute<To>>(load(x[i])));
  }
};

// An operand as what is computed with: itself, or a wider copy in the working memory.
template <class T>
const Compute<T>* widen(const Context& ctx, Room& room, const Tensor& x) {
  if constexpr (std::is_same_v<T, Compute<T>>) {
    return in_ptr<T>(x);
  } else {
    if (!x.defined()) return nullptr;
    auto* const wide = room.take<Compute<T>>(x.numel());
    for_each(ctx, x.numel(), Convert<Compute<T>, T>{in_ptr<T>(x), wide});
    return wide;
  }
}

// A result in the making, and its rounding.
template <class T>
Compute<T>* wide_result(Room& room, const Tensor& y) {
  if constexpr (std::is_same_v<T, Compute<T>>)
    return out_ptr<T>(y);
  else
    return room.take<Compute<T>>(y.numel());
}
template <class T>
void finish(const Context& ctx, const Compute<T>* wide, const Tensor& y) {
  if constexpr (!std::is_same_v<T, Compute<T>>) {
    for_each(ctx, y.numel(), Convert<T, Compute<T>>{wide, out_ptr<T>(y)});
  }
}

}  // namespace glassbox::cuda
