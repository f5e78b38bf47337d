// Broadcasting for pointwise kernels: the output is cut into rows in which every operand either
// advances by one element or stands still. Adjacent dimensions are merged first, so that operands
// of one shape become a single long row. For engine/cpu only.
#pragma once
#include <array>
#include <cstdint>

#include "engine/core/tensor.h"
#include "engine/cpu/parallel.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

template <int N>
class Broadcast {
 public:
  Broadcast(const Shape& out, std::span<const Tensor> in) {
    for (int d = 0; d < out.rank(); ++d) {
      if (out[d] == 1) continue;
      std::array<std::int64_t, N> step{};
      for (int k = 0; k < N; ++k) {
        const Tensor& x = in[static_cast<std::size_t>(k)];
        if (!x.defined()) continue;
        const int own = d - (out.rank() - x.dim());
        if (own >= 0 && x.shape()[own] != 1) step[k] = x.shape().product(own + 1, x.dim());
      }
      add_dimension(out[d], step);
    }
    if (rank_ == 0) add_dimension(1, {});
  }

  std::int64_t inner() const { return sizes_[rank_ - 1]; }
  bool steps(int k) const { return steps_[rank_ - 1][k] != 0; }

  // Calls f(out_offset, in_offsets, count) for pieces of rows, in parallel.
  template <class F>
  void for_rows(const Context& ctx, const F& f) const {
    std::int64_t rows = 1;
    for (int d = 0; d + 1 < rank_; ++d) rows *= sizes_[d];
    const std::int64_t n = inner();
    if (rows * n == 0) return;
    const std::int64_t pieces = (n + grain - 1) / grain;
    // Short rows are handed out several at a time.
    const std::int64_t group = std::max<std::int64_t>(1, grain / n);
    parallel_chunks(ctx, rows * pieces, group, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t row = i / pieces, first = i % pieces * grain;
        std::array<std::int64_t, N> at{};
        std::int64_t rest = row;
        for (int d = rank_ - 2; d >= 0; --d) {
          const std::int64_t index = rest % sizes_[d];
          rest /= sizes_[d];
          for (int k = 0; k < N; ++k) at[k] += index * steps_[d][k];
        }
        for (int k = 0; k < N; ++k) at[k] += first * steps_[rank_ - 1][k];
        f(row * n + first, at, std::min(grain, n - first));
      }
    });
  }

 private:
  void add_dimension(std::int64_t size, const std::array<std::int64_t, N>& step) {
    bool merges = rank_ > 0;
    for (int k = 0; merges && k < N; ++k) merges = steps_[rank_ - 1][k] == step[k] * size;
    if (merges) {
      sizes_[rank_ - 1] *= size;
      steps_[rank_ - 1] = step;
    } else {
      sizes_[rank_] = size;
      steps_[rank_++] = step;
    }
  }

  int rank_ = 0;
  std::array<std::int64_t, Shape::max_rank + 1> sizes_{};
  std::array<std::array<std::int64_t, N>, Shape::max_rank + 1> steps_{};
};

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
