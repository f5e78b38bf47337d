// ResNet (He et al. 2015, arXiv:1512.03385), ResNeXt (arXiv:1611.05431) and wide ResNet
// (arXiv:1605.07146), with torchvision's names, stride in the 3x3 convolution and initial values.
#pragma once
#include <memory>

#include "layers/layers.h"

namespace glassbox::models {

struct ResNetOptions {
  int depth = 50;  // 18, 34, 50, 101, 152
  int groups = 1;  // of the 3x3 convolutions, from 50 layers on
  int width_per_group = 64;
  int num_classes = 1000;
};

// Two 3x3 convolutions beside a connection that skips them.
struct BasicBlock : layers::Module<BasicBlock> {
  layers::Conv2d conv1;
  layers::BatchNorm2d bn1;
  layers::ReLU relu;
  layers::Conv2d conv2;
  layers::BatchNorm2d bn2;
  std::shared_ptr<layers::Sequential> downsample;  // null where shapes agree

  BasicBlock(std::int64_t in, std::int64_t planes, int stride);
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f) {
    f("conv1", conv1);
    f("bn1", bn1);
    f("relu", relu);
    f("conv2", conv2);
    f("bn2", bn2);
    f("downsample", downsample);
  }
};

// A 3x3 convolution between two 1x1, which lead to fewer channels and back to four times `planes`.
struct Bottleneck : layers::Module<Bottleneck> {
  layers::Conv2d conv1;
  layers::BatchNorm2d bn1;
  layers::Conv2d conv2;
  layers::BatchNorm2d bn2;
  layers::Conv2d conv3;
  layers::BatchNorm2d bn3;
  layers::ReLU relu;
  std::shared_ptr<layers::Sequential> downsample;

  // `width` channels in the middle.
  Bottleneck(std::int64_t in, std::int64_t planes, int stride, std::int64_t width, int groups);
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f) {
    f("conv1", conv1);
    f("bn1", bn1);
    f("conv2", conv2);
    f("bn2", bn2);
    f("conv3", conv3);
    f("bn3", bn3);
    f("relu", relu);
    f("downsample", downsample);
  }
};

struct ResNet : layers::Module<ResNet> {
  layers::Conv2d conv1{3, 64, 7, {.stride = 2, .padding = 3, .bias = false}};
  layers::BatchNorm2d bn1{64};
  layers::ReLU relu;
  layers::MaxPool2d maxpool{3, {.stride = 2, .padding = 1}};
  layers::Sequential layer1, layer2, layer3, layer4;
  layers::AdaptiveAvgPool2d avgpool{1};
  layers::Linear fc;

  // Throws Error for a depth that is none of the five, and for groups or widths of blocks that have
  // none.
  explicit ResNet(const ResNetOptions& options = {});
  // x [N, 3, H, W] -> logits [N, num_classes]
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f) {
    f("conv1", conv1);
    f("bn1", bn1);
    f("relu", relu);
    f("maxpool", maxpool);
    f("layer1", layer1);
    f("layer2", layer2);
    f("layer3", layer3);
    f("layer4", layer4);
    f("avgpool", avgpool);
    f("fc", fc);
  }
  static Shape input_shape() { return {3, 224, 224}; }
};

}  // namespace glassbox::models
