// Clipping of gradients between backward and the optimizer's step. Both write the gradients in
// place, as updates that a recording holds; parameters without a gradient are passed over.
//
//   loss.backward();
//   optim::clip_grad_norm(model.parameters(), 1.0);
//   optimizer.step();
#pragma once
#include "engine/core/tensor.h"

namespace glassbox::optim {

// Scales the gradients so that their norm, as one vector, is max_norm at most; returns the norm
// before, f64 []. See ops::ClipGradNorm. Throws Error for a negative max_norm, a norm_type that is
// not above 0 (infinity takes the largest element), and with error_if_nonfinite for a norm that is
// infinite or NaN, which leaves the gradients as they were.
Tensor clip_grad_norm(const Tensors& parameters, double max_norm, double norm_type = 2,
                      bool error_if_nonfinite = false);

// Moves every element of the gradients into [-clip_value, clip_value]. Throws Error for a negative
// clip_value.
void clip_grad_value(const Tensors& parameters, double clip_value);

}  // namespace glassbox::optim
