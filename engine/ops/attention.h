// Attention (Vaswani et al. 2017), as torch.nn.functional.scaled_dot_product_attention:
//   y = softmax(q k^T scale + mask) v
// The [L,S] probabilities are never stored: a tile of them at a time is made, with a softmax that
// goes along (FlashAttention-2, Dao 2023, arXiv:2307.08691). What is kept for backward is the
// logarithm of each row's sum.
#pragma once
#include <optional>

#include "engine/apply.h"

namespace glassbox {
namespace ops {

// Inputs: q [..., L, E], k [..., S, E], v [..., S, Ev] of the same leading sizes, and a mask that
// broadcasts to [..., L, S] or undefined: boolean (true: attend) or of q's type (added). With
// is_causal row i attends to columns 0 .. i. A row that attends to nothing is 0.
// Outputs: y [..., L, Ev] and, with a gradient, log(sum of e^score) [..., L], f64; infinite for a
// row that attends to nothing, so that its probabilities e^(score - it) are 0.
struct ScaledDotProductAttention {
  static constexpr std::string_view name = "scaled_dot_product_attention", kind = "Attention";
  bool is_causal = false;
  std::optional<double> scale = {};  // nullopt: 1 / sqrt(E)
  bool operator==(const ScaledDotProductAttention&) const = default;
  Attrs attrs(Specs) const;
  SpecList infer(Specs in, bool grad) const;
  // 2 L S (E + Ev) FLOPs for the two products, as torch.utils.flop_counter counts them, and 5 L S
  // for the softmax; a mask's zeros are not left out.
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().input(0).input(1).input(2).input(3).output(0).output(1); }
  // A mask's gradient is taken with the probabilities stored: it is as large as they are.
  void backward(const Saved&, Ins dy, Grads&) const;
};

// Inputs: dy, q, k, v, mask or undefined, y, log-sums. Outputs: dq, dk, dv.
struct ScaledDotProductAttentionGrad {
  static constexpr std::string_view name = "scaled_dot_product_attention_grad",
                                    kind = "AttentionGrad";
  ScaledDotProductAttention attention = {};
  bool operator==(const ScaledDotProductAttentionGrad&) const = default;
  Attrs attrs(Specs in) const { return attention.attrs(in); }
  SpecList infer(Specs in, bool grad) const;
  // Five products, 2 L S (3 E + 2 Ev) FLOPs, and 6 L S for the probabilities and their gradient.
  Cost cost(Specs in, Specs out) const;
};

}  // namespace ops

void run(const ops::ScaledDotProductAttention&, cpu::Context&, Ins, Outs);
void run(const ops::ScaledDotProductAttentionGrad&, cpu::Context&, Ins, Outs);
std::size_t scratch(const ops::ScaledDotProductAttention&, const cpu::Context&, Specs in,
                    Specs out);
std::size_t scratch(const ops::ScaledDotProductAttentionGrad&, const cpu::Context&, Specs in,
                    Specs out);

// Throws Error for shapes and types that do not fit.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& mask = {},
                                    const ops::ScaledDotProductAttention& op = {});

}  // namespace glassbox
