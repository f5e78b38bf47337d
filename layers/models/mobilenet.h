// MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381), as torchvision has it at width 1.
#pragma once
#include "layers/layers.h"

namespace glassbox::models {

// Widens, filters each channel alone, narrows; adds its input where shapes agree.
struct InvertedResidual : layers::Module<InvertedResidual> {
  layers::Sequential conv;
  bool adds_input;

  InvertedResidual(std::int64_t in, std::int64_t out, int stride, int expand_ratio);
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f) { f("conv", conv); }
};

struct MobileNetV2 : layers::Module<MobileNetV2> {
  layers::Sequential features, classifier;

  explicit MobileNetV2(int num_classes = 1000);
  // x [N, 3, H, W] -> logits [N, num_classes]
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f) {
    f("features", features);
    f("classifier", classifier);
  }
  static Shape input_shape() { return {3, 224, 224}; }
};

}  // namespace glassbox::models
