// The MNIST network of the article: two convolutions, two linear layers, dropout; 21,840
// parameters.
#pragma once
#include "layers/layers.h"

namespace glassbox::models {

struct Net : layers::Module<Net> {
  layers::Conv2d conv1{1, 10, 5};
  layers::Conv2d conv2{10, 20, 5};
  layers::Dropout2d conv2_drop;
  layers::Linear fc1{320, 50};
  layers::Linear fc2{50, 10};
  double dropout_p = 0.5;  // of the functional dropout after fc1

  // x [N, 1, 28, 28] -> log-probabilities [N, 10]
  Tensor forward(const Tensor& in) {
    Tensor x = relu(max_pool2d(conv1(in), {.kernel_size = 2}));
    x = relu(max_pool2d(conv2_drop(conv2(x)), {.kernel_size = 2}));
    x = x.reshape({-1, 320});
    x = relu(fc1(x));
    x = dropout(x, {.p = dropout_p, .training = is_training()});
    x = fc2(x);
    return log_softmax(x, 1);
  }
  void fields(layers::Fields& f) {
    f("conv1", conv1);
    f("conv2", conv2);
    f("conv2_drop", conv2_drop);
    f("fc1", fc1);
    f("fc2", fc2);
  }
  static Shape input_shape() { return {1, 28, 28}; }
};

}  // namespace glassbox::models
