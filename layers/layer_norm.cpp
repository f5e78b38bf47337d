#include "layers/layer_norm.h"

#include "layers/init.h"

namespace glassbox::layers {

LayerNorm::LayerNorm(const Shape& shape, const LayerNormOptions& options)
    : normalized_shape(shape), eps(options.eps) {
  if (shape.empty() || shape.numel() < 1) {
    fail("LayerNorm", cat("needs at least 1 feature, got ", shape));
  }
  if (!options.elementwise_affine) return;
  weight = empty(shape);
  init::constant(weight, 1);
  if (!options.bias) return;
  bias = empty(shape);
  init::constant(bias, 0);
}

}  // namespace glassbox::layers
