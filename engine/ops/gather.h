// Elements picked along one dimension by a tensor of indices, as torch.gather does, and its
// gradient. For dim 1 of three: y[i,j,k] = x[i, index[i,j,k], k].
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

// Inputs: x of any type, index i64 of as many dimensions, no larger than x but along dim. y has
// index's shape. An index outside [0, size of dim) is an Error when the kernel runs.
struct Gather {
  static constexpr std::string_view name = "gather", kind = "GatherElements";
  int dim = 0;
  bool operator==(const Gather&) const = default;
  Attrs attrs(Specs) const { return {{"dim", dim, dim == 0}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().input(1); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

// Zeros of shape `x`, with every dy added where its index says, in the order of dim. Inputs: dy,
// index.
struct GatherGrad {
  static constexpr std::string_view name = "gather_grad", kind = "GatherElementsGrad";
  int dim = 0;
  Shape x = {};
  bool operator==(const GatherGrad&) const = default;
  Attrs attrs(Specs) const { return {{"dim", dim, dim == 0}, {"x", x}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const {
    return streaming_cost(static_cast<double>(in[0].numel()), in, out);
  }
};

}  // namespace ops

void run(const ops::Gather&, cpu::Context&, Ins, Outs);
void run(const ops::GatherGrad&, cpu::Context&, Ins, Outs);

Tensor gather(const Tensor& x, int dim, const Tensor& index);

}  // namespace glassbox
