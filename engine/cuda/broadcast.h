// Broadcasting by numpy's rule, as index arithmetic: from an element of the output to the element
// of each operand. Neighbouring dimensions that every operand crosses alike are one.
#pragma once
#include <cstdint>

#include "engine/core/hd.h"
#include "engine/core/tensor.h"

namespace glassbox::cuda {

template <int N>
struct Broadcast {
  static constexpr int most = Shape::max_rank;
  int rank = 0;
  bool flat = true;  // every operand has the output's shape, or is absent
  std::int64_t size[most] = {};
  std::int64_t step[N][most] = {};

  Broadcast() = default;
  Broadcast(const Shape& out, std::span<const Tensor> in) {
    for (int d = 0; d < out.rank(); ++d) {
      if (out[d] == 1) continue;
      std::int64_t steps[N] = {};
      for (int k = 0; k < N; ++k) {
        const Tensor& x = in[static_cast<std::size_t>(k)];
        if (!x.defined()) continue;
        const int own = d - (out.rank() - x.dim());
        if (own >= 0 && x.shape()[own] != 1) steps[k] = x.shape().product(own + 1, x.dim());
      }
      bool merges = rank > 0;
      for (int k = 0; merges && k < N; ++k) merges = step[k][rank - 1] == steps[k] * out[d];
      if (!merges) size[rank++] = 1;
      size[rank - 1] *= out[d];
      for (int k = 0; k < N; ++k) step[k][rank - 1] = steps[k];
    }
    for (int k = 0; k < N; ++k) {
      const Tensor& x = in[static_cast<std::size_t>(k)];
      flat = flat && (!x.defined() || x.numel() == out.numel());
    }
  }

  // The operands' elements for element i of the output.
  GLASSBOX_HD void at(std::int64_t i, std::int64_t (&from)[N]) const {
    for (int k = 0; k < N; ++k) from[k] = flat ? i : 0;
    if (flat) return;
    for (int d = rank - 1; d >= 0; --d) {
      const std::int64_t index = i % size[d];
      i /= size[d];
      for (int k = 0; k < N; ++k) from[k] += index * step[k][d];
    }
  }
};

}  // namespace glassbox::cuda
