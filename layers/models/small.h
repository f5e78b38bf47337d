// Small models over images of 1x28x28: a multilayer perceptron, a pair of twins, an autoencoder.
#pragma once
#include <memory>

#include "layers/layers.h"

namespace glassbox::models {

// 784-512-256-10 with ReLU and dropout; 535,818 parameters.
struct Mlp : layers::Module<Mlp> {
  layers::Flatten flatten;
  layers::Linear fc1{784, 512};
  layers::ReLU relu1;
  layers::Dropout dropout1{0.2};
  layers::Linear fc2{512, 256};
  layers::ReLU relu2;
  layers::Dropout dropout2{0.2};
  layers::Linear fc3;

  explicit Mlp(int num_classes = 10) : fc3(256, num_classes) {}
  // x [N, ...] with 784 values each -> logits [N, num_classes]
  Tensor forward(const Tensor& x) {
    Tensor y = dropout1(relu1(fc1(flatten(x))));
    y = dropout2(relu2(fc2(y)));
    return fc3(y);
  }
  void fields(layers::Fields& f) {
    f("flatten", flatten);
    f("fc1", fc1);
    f("relu1", relu1);
    f("dropout1", dropout1);
    f("fc2", fc2);
    f("relu2", relu2);
    f("dropout2", dropout2);
    f("fc3", fc3);
  }
  static Shape input_shape() { return {1, 28, 28}; }
};

// How alike two images are (Koch et al. 2015): one tower turns each into 128 features, and a linear
// layer turns their absolute differences into a score; 420,481 parameters.
struct Siamese : layers::Module<Siamese> {
  layers::Sequential tower{layers::Conv2d{1, 32, 3, {.padding = 1}},
                           layers::ReLU{},
                           layers::MaxPool2d{2},
                           layers::Conv2d{32, 64, 3, {.padding = 1}},
                           layers::ReLU{},
                           layers::MaxPool2d{2},
                           layers::Flatten{},
                           layers::Linear{64 * 7 * 7, 128},
                           layers::Sigmoid{}};
  layers::Linear score{128, 1};

  // a, b [N, 1, 28, 28] -> logits [N, 1]; larger is more alike
  Tensor forward(const Tensor& a, const Tensor& b) {
    const Tensor of_a = tower(a);  // first, whatever the compiler
    return score(abs(of_a - tower(b)));
  }
  void fields(layers::Fields& f) {
    f("tower", tower);
    f("score", score);
  }
  static std::vector<Shape> input_shapes() { return {{1, 28, 28}, {1, 28, 28}}; }
};

// The way back of a linear layer: its weight [out, in] transposed, which is the same tensor and
// learns from both, and a bias [in] of its own.
struct TiedLinear : layers::Module<TiedLinear> {
  Parameter weight, bias;

  explicit TiedLinear(const layers::Linear& forth);
  // x [N, out] -> [N, in]
  Tensor forward(const Tensor& x) { return matmul(x, weight) + bias; }
  void fields(layers::Fields& f) {
    f("weight", weight);
    f("bias", bias);
  }
};

// 784-128-32-128-784 with ReLU, and weights that serve both ways (Vincent et al. 2010); 105,520
// parameters.
struct Autoencoder : layers::Module<Autoencoder> {
  layers::Linear encoder1{784, 128}, encoder2{128, 32};
  TiedLinear decoder2{encoder2}, decoder1{encoder1};

  // x [N, 1, 28, 28] -> [N, 1, 28, 28] in (0, 1)
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f) {
    f("encoder1", encoder1);
    f("encoder2", encoder2);
    f("decoder2", decoder2);
    f("decoder1", decoder1);
  }
  static Shape input_shape() { return {1, 28, 28}; }
};

}  // namespace glassbox::models
