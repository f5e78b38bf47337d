// Products of matrices: MatMul, also of batches and vectors, and Linear, which is a matrix product
// over the last dimension with a bias. Both sum in the operands' type.
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

// y = a b for a [...,m,k] and b [...,k,n]; a transposed operand is given as [...,k,m] or [...,n,k].
// Leading dimensions broadcast. A vector a [k] is the row [1,k] and a vector b [k] the column
// [k,1]; y is then without that dimension. (torch.matmul)
struct MatMul {
  static constexpr std::string_view name = "matmul", kind = "MatMul";
  bool transpose_a = false, transpose_b = false;
  bool operator==(const MatMul&) const = default;
  Attrs attrs(Specs) const {
    return {{"transpose_a", transpose_a, !transpose_a}, {"transpose_b", transpose_b, !transpose_b}};
  }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().input(0, grad_of(1)).input(1, grad_of(0)); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

// y[..., o] = b[o] + sum over i of x[..., i] w[o, i]; the bias may be absent.
struct Linear {
  static constexpr std::string_view name = "linear", kind = "Linear";
  bool operator==(const Linear&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().input(0, grad_of(1)).input(1, grad_of(0)); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

}  // namespace ops

void run(const ops::MatMul&, cpu::Context&, Ins, Outs);
void run(const ops::Linear&, cpu::Context&, Ins, Outs);

// [...,m,k] x [...,k,n] -> [...,m,n]; vectors as in torch.matmul. Throws Error for shapes that do
// not fit.
Tensor matmul(const Tensor& a, const Tensor& b, const ops::MatMul& op = {});
// x [..., in], w [out, in], b [out] or undefined -> [..., out]
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b = {});

}  // namespace glassbox
