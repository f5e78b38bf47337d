// Layer normalisation (Ba, Kiros & Hinton 2016) over the last dimensions:
//   y = (x - mean) / sqrt(var + eps) * weight + bias
// with each row's own mean and (biased) variance, taken in double.
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

// Inputs: x [..., normalized_shape], weight [normalized_shape] or undefined, bias the same. With a
// gradient two more outputs: each row's mean and 1 / sqrt(var + eps), f64 (rounded ones would cost
// x - mean its digits).
struct LayerNorm {
  static constexpr std::string_view name = "layer_norm", kind = "LayerNormalization";
  Shape normalized_shape = {};
  double eps = 1e-5;
  bool operator==(const LayerNorm&) const = default;
  Attrs attrs(Specs) const {
    return {{"normalized_shape", normalized_shape}, {"eps", eps, eps == 1e-5}};
  }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().input(0).input(1, grad_of(0)).output(1).output(2); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

// Inputs: dy, x, weight or undefined, mean, rstd (f64). Outputs: dx, dweight and dbias, both
// [normalized_shape].
struct LayerNormGrad {
  static constexpr std::string_view name = "layer_norm_grad", kind = "LayerNormalizationGrad";
  Shape normalized_shape = {};
  bool operator==(const LayerNormGrad&) const = default;
  Attrs attrs(Specs) const { return {{"normalized_shape", normalized_shape}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

}  // namespace ops

void run(const ops::LayerNorm&, cpu::Context&, Ins, Outs);
void run(const ops::LayerNormGrad&, cpu::Context&, Ins, Outs);
std::size_t scratch(const ops::LayerNormGrad&, const cpu::Context&, Specs in, Specs out);

// Throws Error when x does not end in normalized_shape, or weight or bias are not of that shape.
Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);

}  // namespace glassbox
