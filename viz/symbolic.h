// What of a forward pass depends on the batch, found by recording it at two batches. Detail of
// summary.cpp.
#pragma once
#include "engine/graph/graph.h"
#include "viz/summary.h"

namespace glassbox::viz::detail {

class Symbolic {
 public:
  static constexpr std::int64_t small = 2, large = 4;

  // Recordings at those batches, which must outlive this. Where the second is missing or of another
  // structure, the sizes of dimension 0 that equal the batch are taken for it, and every quantity
  // for proportional.
  Symbolic(const Graph& at_small, const Graph* at_large);

  TensorInfo value(int index) const;

  // Of a quantity that is read from a graph.
  template <class Quantity>
  PerBatch quantity(const Quantity& of) const {
    const double a = of(small_);
    if (!large_) return {a / small, 0};
    const double per_sample = (of(*large_) - a) / (large - small);
    return {per_sample, a - small * per_sample};
  }

 private:
  const Graph& small_;
  const Graph* large_;
};

}  // namespace glassbox::viz::detail
