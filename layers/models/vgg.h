// VGG (Simonyan & Zisserman 2014) with torchvision's names, shapes and initial distributions.
#pragma once
#include <string_view>

#include "layers/layers.h"

namespace glassbox::models {

struct VggOptions {
  int depth = 11;
  bool batch_norm = false;
  // torchvision pools to 7x7 before the classifier since 2019; before, it did not.
  bool adaptive_pool = true;
  int num_classes = 1000;
  double dropout = 0.5;
};

struct VGG : layers::Module<VGG> {
  layers::Sequential features;
  std::shared_ptr<layers::AdaptiveAvgPool2d> avgpool;  // null without adaptive_pool
  layers::Sequential classifier;

  // Throws Error when the depth is none of 11, 13, 16, 19.
  explicit VGG(const VggOptions& options = {});
  // x [N, 3, H, W] -> logits [N, num_classes]
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f) {
    f("features", features);
    f("avgpool", avgpool);
    f("classifier", classifier);
  }
  static Shape input_shape() { return {3, 224, 224}; }
};

VGG vgg11_bn();
// As it was when the article was written: no adaptive pooling.
VGG vgg11_bn_2019();

}  // namespace glassbox::models
