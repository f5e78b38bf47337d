// DenseNet-121 (Huang et al. 2016, arXiv:1608.06993), as torchvision has it: every layer of a block
// takes the outputs of all before it.
#pragma once
#include <vector>

#include "layers/layers.h"

namespace glassbox::models {

struct DenseLayer : layers::Module<DenseLayer> {
  layers::BatchNorm2d norm1;
  layers::ReLU relu1;
  layers::Conv2d conv1;
  layers::BatchNorm2d norm2;
  layers::ReLU relu2;
  layers::Conv2d conv2;

  explicit DenseLayer(std::int64_t in);
  // Any number of [N, C, H, W], joined over channels -> [N, 32, H, W]
  Tensor forward(const Tensors& xs);
  void fields(layers::Fields& f) {
    f("norm1", norm1);
    f("relu1", relu1);
    f("conv1", conv1);
    f("norm2", norm2);
    f("relu2", relu2);
    f("conv2", conv2);
  }
};

struct DenseBlock : layers::Module<DenseBlock> {
  std::vector<layers::Named<std::shared_ptr<DenseLayer>>> denselayers;

  DenseBlock(int count, std::int64_t in);
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f) {
    for (auto& [name, layer] : denselayers) f(name, layer);
  }
};

struct DenseNet : layers::Module<DenseNet> {
  layers::Sequential features;
  layers::Linear classifier;

  explicit DenseNet(int num_classes = 1000);
  // x [N, 3, H, W] -> logits [N, num_classes]
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f) {
    f("features", features);
    f("classifier", classifier);
  }
  static Shape input_shape() { return {3, 224, 224}; }
};

}  // namespace glassbox::models
