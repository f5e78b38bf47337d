#include "engine/optim/clip.h"

#include "engine/autograd/tape.h"
#include "engine/graph/recorder.h"
#include "engine/ops/clip.h"

namespace glassbox::optim {

namespace {

SmallVector<Tensor, 32> gradients_of(const Tensors& parameters) {
  SmallVector<Tensor, 32> gradients;
  for (const Tensor& p : parameters) {
    const Tensor g = p.grad();
    if (g.defined()) gradients.push_back(g);
  }
  return gradients;
}

template <class Op>
TensorList update(const Op& op, const Tensors& parameters) {
  const NoGrad no_grad;
  const PhaseScope phase(Phase::update);
  const SmallVector<Tensor, 32> gradients = gradients_of(parameters);
  return glassbox::apply(op, Ins(gradients.begin(), gradients.size()));
}

}  // namespace

Tensor clip_grad_norm(const Tensors& parameters, double max_norm, double norm_type,
                      bool error_if_nonfinite) {
  return update(ops::ClipGradNorm{max_norm, norm_type, error_if_nonfinite}, parameters)[0];
}

void clip_grad_value(const Tensors& parameters, double clip_value) {
  update(ops::ClipGradValue{clip_value}, parameters);
}

}  // namespace glassbox::optim
