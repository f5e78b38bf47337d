// Layer normalisation (Ba, Kiros & Hinton 2016) over the last dimensions. Weight is ones and bias
// zeros, both of normalized_shape, as in PyTorch.
#pragma once
#include "engine/ops/layer_norm.h"
#include "layers/module.h"

namespace glassbox::layers {

struct LayerNormOptions {
  double eps = 1e-5;
  bool elementwise_affine = true;  // weight, and bias unless that is false
  bool bias = true;
};

struct LayerNorm : Module<LayerNorm> {
  Parameter weight, bias;
  Shape normalized_shape;
  double eps;

  // Throws Error for no dimension or a size below 1.
  explicit LayerNorm(const Shape& normalized_shape, const LayerNormOptions& options = {});
  explicit LayerNorm(std::int64_t features, const LayerNormOptions& options = {})
      : LayerNorm(Shape{features}, options) {}
  // x [..., normalized_shape] -> the same shape
  Tensor forward(const Tensor& x) { return layer_norm(x, normalized_shape, weight, bias, eps); }
  void fields(Fields& f) {
    f("weight", weight);
    f("bias", bias);
  }
};

}  // namespace glassbox::layers
