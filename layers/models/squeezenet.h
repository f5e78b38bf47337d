// SqueezeNet 1.1 (Iandola et al. 2016, arXiv:1602.07360), as torchvision has it.
#pragma once
#include "layers/layers.h"

namespace glassbox::models {

// A narrow 1x1 convolution, then 1x1 and 3x3 side by side.
struct Fire : layers::Module<Fire> {
  layers::Conv2d squeeze;
  layers::ReLU squeeze_activation;
  layers::Conv2d expand1x1;
  layers::ReLU expand1x1_activation;
  layers::Conv2d expand3x3;
  layers::ReLU expand3x3_activation;

  Fire(std::int64_t in, std::int64_t squeezed, std::int64_t expanded);
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f) {
    f("squeeze", squeeze);
    f("squeeze_activation", squeeze_activation);
    f("expand1x1", expand1x1);
    f("expand1x1_activation", expand1x1_activation);
    f("expand3x3", expand3x3);
    f("expand3x3_activation", expand3x3_activation);
  }
};

struct SqueezeNet : layers::Module<SqueezeNet> {
  layers::Sequential features, classifier;

  explicit SqueezeNet(int num_classes = 1000);
  // x [N, 3, H, W] -> logits [N, num_classes]
  Tensor forward(const Tensor& x) { return classifier(features(x)).flatten(1); }
  void fields(layers::Fields& f) {
    f("features", features);
    f("classifier", classifier);
  }
  static Shape input_shape() { return {3, 224, 224}; }
};

}  // namespace glassbox::models
