// AlexNet in one tower (Krizhevsky 2014, arXiv:1404.5997), as torchvision has it.
#pragma once
#include "layers/layers.h"

namespace glassbox::models {

struct AlexNet : layers::Module<AlexNet> {
  layers::Sequential features;
  layers::AdaptiveAvgPool2d avgpool{6};
  layers::Sequential classifier;

  explicit AlexNet(int num_classes = 1000);
  // x [N, 3, H, W], H and W at least 63 -> logits [N, num_classes]
  Tensor forward(const Tensor& x) { return classifier(avgpool(features(x)).flatten(1)); }
  void fields(layers::Fields& f) {
    f("features", features);
    f("avgpool", avgpool);
    f("classifier", classifier);
  }
  static Shape input_shape() { return {3, 224, 224}; }
};

}  // namespace glassbox::models
