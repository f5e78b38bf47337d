#include "layers/models/small.h"

#include <cmath>

namespace glassbox::models {

// The bias as a linear layer of this shape would have it.
TiedLinear::TiedLinear(const layers::Linear& forth) : weight(forth.weight) {
  const double bound = 1 / std::sqrt(static_cast<double>(weight.size(0)));
  bias = empty({weight.size(1)});
  init::uniform(bias, -bound, bound);
}

Tensor Autoencoder::forward(const Tensor& x) {
  Tensor y = relu(encoder1(x.flatten(1)));
  y = relu(encoder2(y));
  y = relu(decoder2(y));
  y = sigmoid(decoder1(y));
  return y.reshape({-1, 1, 28, 28});
}

}  // namespace glassbox::models
