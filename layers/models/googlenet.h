// GoogLeNet (Szegedy et al. 2014, arXiv:1409.4842), as torchvision has it: with batch norm, and two
// auxiliary classifiers that speak in training only.
#pragma once
#include "layers/layers.h"

namespace glassbox::models {

struct BasicConv2d : layers::Module<BasicConv2d> {
  layers::Conv2d conv;
  layers::BatchNorm2d bn;

  BasicConv2d(std::int64_t in, std::int64_t out, int kernel, int stride = 1, int padding = 0);
  Tensor forward(const Tensor& x) { return relu(bn(conv(x))); }
  void fields(layers::Fields& f) {
    f("conv", conv);
    f("bn", bn);
  }
};

// Four branches side by side: 1x1, 3x3, a second 3x3 (5x5 in the paper), and a pooling.
struct Inception : layers::Module<Inception> {
  BasicConv2d branch1;
  layers::Sequential branch2, branch3, branch4;

  Inception(std::int64_t in, std::int64_t c1, std::int64_t c3_reduce, std::int64_t c3,
            std::int64_t c5_reduce, std::int64_t c5, std::int64_t pool);
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f) {
    f("branch1", branch1);
    f("branch2", branch2);
    f("branch3", branch3);
    f("branch4", branch4);
  }
};

struct InceptionAux : layers::Module<InceptionAux> {
  BasicConv2d conv;
  layers::Linear fc1{2048, 1024}, fc2;
  layers::Dropout dropout{0.7};

  InceptionAux(std::int64_t in, int num_classes);
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f) {
    f("conv", conv);
    f("fc1", fc1);
    f("fc2", fc2);
    f("dropout", dropout);
  }
};

struct GoogLeNet : layers::Module<GoogLeNet> {
  BasicConv2d conv1, conv2, conv3;
  layers::MaxPool2d maxpool1, maxpool2, maxpool3, maxpool4;
  Inception inception3a, inception3b, inception4a, inception4b, inception4c, inception4d,
      inception4e, inception5a, inception5b;
  InceptionAux aux1, aux2;
  layers::AdaptiveAvgPool2d avgpool{1};
  layers::Dropout dropout{0.2};
  layers::Linear fc;

  explicit GoogLeNet(int num_classes = 1000);
  // x [N, 3, H, W] -> {logits}, in training {logits, aux2's, aux1's}, each [N, num_classes]
  Tensors forward(const Tensor& x);
  void fields(layers::Fields& f);
  static Shape input_shape() { return {3, 224, 224}; }
};

}  // namespace glassbox::models
