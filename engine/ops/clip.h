// Clipping of gradients, in place: they are state, and these are updates.
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

// g *= min(1, max_norm / (norm + 1e-6)), where norm is that of all gradients as one vector:
// (sum of |g|^norm_type)^(1 / norm_type), or the largest |g| for an infinite norm_type
// (torch.nn.utils.clip_grad_norm_). Inputs: the gradients; outputs: the norm before clipping, f64
// [], then the gradients. Sums are in double. A norm that is not finite makes the gradients NaN or
// 0, or with error_if_nonfinite is an error that leaves them alone.
struct ClipGradNorm {
  static constexpr std::string_view name = "clip_grad_norm", kind = "ClipGradNorm";
  static constexpr bool writes = true;
  double max_norm = 1, norm_type = 2;
  bool error_if_nonfinite = false;
  bool operator==(const ClipGradNorm&) const = default;
  Attrs attrs(Specs) const;
  int alias(int output) const { return output - 1; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

// g = min(max(g, -clip_value), clip_value) (torch.nn.utils.clip_grad_value_); a NaN stays. Inputs
// and outputs: the gradients.
struct ClipGradValue {
  static constexpr std::string_view name = "clip_grad_value", kind = "ClipGradValue";
  static constexpr bool writes = true;
  double clip_value = 1;
  bool operator==(const ClipGradValue&) const = default;
  Attrs attrs(Specs) const { return {{"clip_value", clip_value}}; }
  int alias(int output) const { return output; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

}  // namespace ops

void run(const ops::ClipGradNorm&, cpu::Context&, Ins, Outs);
std::size_t scratch(const ops::ClipGradNorm&, const cpu::Context&, Specs in, Specs out);
void run(const ops::ClipGradValue&, cpu::Context&, Ins, Outs);

}  // namespace glassbox
