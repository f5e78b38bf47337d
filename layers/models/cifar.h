// The CIFAR-10 network of the article that Glassbox began with: six 3x3 convolutions with batch
// norm, global max pooling and two linear layers; 36,858 parameters.
#pragma once
#include "layers/layers.h"

namespace glassbox::models {

struct CifarModel : layers::Module<CifarModel> {
  layers::Conv2d c2d{3, 16, 3, {.padding = 1}};
  layers::Sequential features{layers::BatchNorm2d{16},
                              layers::ReLU{},
                              layers::Conv2d{16, 16, 3, {.padding = 1}},
                              layers::BatchNorm2d{16},
                              layers::ReLU{},
                              layers::MaxPool2d{2},

                              layers::Conv2d{16, 32, 3, {.padding = 1}},
                              layers::BatchNorm2d{32},
                              layers::ReLU{},
                              layers::Conv2d{32, 32, 3, {.padding = 1}},
                              layers::BatchNorm2d{32},
                              layers::ReLU{},
                              layers::MaxPool2d{2},

                              layers::Conv2d{32, 32, 3, {.padding = 1}},
                              layers::BatchNorm2d{32},
                              layers::ReLU{},
                              layers::Conv2d{32, 32, 3, {.padding = 1}},
                              layers::BatchNorm2d{32},
                              layers::ReLU{},

                              layers::AdaptiveMaxPool2d{1}};
  layers::Sequential classifier{layers::Linear{32, 32}, layers::ReLU{}, layers::Linear{32, 10}};
  Tensor feature_map;  // the first convolution's output at the last call, [N, 16, 32, 32]

  // x [N, 3, 32, 32] -> logits [N, 10]
  Tensor forward(const Tensor& x) {
    const Tensor x0 = c2d(x);
    const Tensor x1 = features(x0);
    feature_map = x0;
    const Tensor x2 = x1.reshape({x1.size(0), -1});
    return classifier(x2);
  }
  void fields(layers::Fields& f) {
    f("c2d", c2d);
    f("features", features);
    f("classifier", classifier);
  }
  static Shape input_shape() { return {3, 32, 32}; }
};

}  // namespace glassbox::models
