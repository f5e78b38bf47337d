// Group normalisation (Wu & He 2018) over [N, C] or [N, C, ...]: the channels of each image are cut
// into groups of neighbours, and
//   y = (x - mean) / sqrt(var + eps) * weight + bias
// with the mean and the biased variance of the group, weight and bias of the channel. The two are
// taken part by part and merged in a fixed order, never as E[x^2] - E[x]^2.
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

// Inputs: x, weight [C] or undefined, bias [C] or undefined. With a gradient two more outputs: mean
// and 1 / sqrt(var + eps) of every image and group, f64 [N, groups].
struct GroupNorm {
  static constexpr std::string_view name = "group_norm", kind = "GroupNormalization";
  int groups = 1;
  double eps = 1e-5;
  bool operator==(const GroupNorm&) const = default;
  Attrs attrs(Specs) const { return {{"groups", groups, groups == 1}, {"eps", eps, eps == 1e-5}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().input(0).input(1, grad_of(0)).output(1).output(2); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

// Inputs: dy, x, weight or undefined, mean, 1 / sqrt(var + eps). Outputs: dx, dweight [C], dbias
// [C].
struct GroupNormGrad {
  static constexpr std::string_view name = "group_norm_grad", kind = "GroupNormalizationGrad";
  int groups = 1;
  bool operator==(const GroupNormGrad&) const = default;
  Attrs attrs(Specs) const { return {{"groups", groups, groups == 1}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

}  // namespace ops

void run(const ops::GroupNorm&, cpu::Context&, Ins, Outs);
void run(const ops::GroupNormGrad&, cpu::Context&, Ins, Outs);
std::size_t scratch(const ops::GroupNorm&, const cpu::Context&, Specs in, Specs out);
std::size_t scratch(const ops::GroupNormGrad&, const cpu::Context&, Specs in, Specs out);

// Throws Error where groups do not divide the channels, and for one value in all.
Tensor group_norm(const Tensor& x, int groups, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);

}  // namespace glassbox
