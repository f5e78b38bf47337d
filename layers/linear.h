// Fully connected layer. Weight [out, in] and bias [out] are U(-b, b) with b = 1/sqrt(in), as in
// PyTorch.
#pragma once
#include "engine/ops/matmul.h"
#include "layers/module.h"

namespace glassbox::layers {

struct LinearOptions {
  bool bias = true;
};

struct Linear : Module<Linear> {
  Parameter weight, bias;

  // Throws Error when a size is below 1.
  Linear(std::int64_t in_features, std::int64_t out_features, const LinearOptions& options = {});
  // x [..., in] -> [..., out]
  Tensor forward(const Tensor& x) { return linear(x, weight, bias); }
  void fields(Fields& f) {
    f("weight", weight);
    f("bias", bias);
  }
};

}  // namespace glassbox::layers
