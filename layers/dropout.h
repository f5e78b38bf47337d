// Dropout (Srivastava et al. 2014): in training each element, or each channel of each image, is
// zero with probability p and the rest is scaled by 1/(1-p); else the identity.
#pragma once
#include "engine/ops/random.h"
#include "layers/module.h"

namespace glassbox::layers {

struct Dropout : Module<Dropout> {
  double p;
  explicit Dropout(double probability = 0.5) : p(probability) {}
  Tensor forward(const Tensor& x) { return dropout(x, {.p = p, .training = is_training()}); }
};
struct Dropout2d : Module<Dropout2d> {
  double p;
  explicit Dropout2d(double probability = 0.5) : p(probability) {}
  Tensor forward(const Tensor& x) { return dropout2d(x, {.p = p, .training = is_training()}); }
};

}  // namespace glassbox::layers
