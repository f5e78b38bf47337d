#pragma once
// A model with all that makes a summary or a drawing hard: two inputs, two outputs, a module called
// twice, blocks in a list, tied and frozen tensors, a parameter beside children, a layer that is
// never called.
#include <memory>
#include <tuple>

#include "engine/ops/create.h"
#include "layers/layers.h"

namespace glassbox::test {

struct Block : layers::Module<Block> {
  layers::Conv2d conv;
  layers::BatchNorm2d bn;
  Block(int in, int out) : conv(in, out, 3, {.padding = 1, .bias = false}), bn(out) {}
  Tensor forward(const Tensor& x) {
    const Tensor y = relu(bn(conv(x)));
    return x.size(1) == y.size(1) ? y + x : y;
  }
  void fields(layers::Fields& f) {
    f("conv", conv);
    f("bn", bn);
  }
};

struct Tower : layers::Module<Tower> {
  Block stem{3, 8};
  layers::ModuleList blocks{Block(8, 8), Block(8, 8)};
  layers::Linear spare{3, 4};  // never called
  layers::Sequential tail{layers::AdaptiveAvgPool2d{1}, layers::Flatten{}};
  Parameter scale = Parameter(ones({8}));
  Tensor forward(const Tensor& x) {
    Tensor y = stem(x);
    for (std::size_t i = 0; i < blocks.size(); ++i) y = blocks[i].call({y})[0];
    return tail(y) * scale;
  }
  void fields(layers::Fields& f) {
    f("stem", stem);
    f("blocks", blocks);
    f("spare", spare);
    f("tail", tail);
    f("scale", scale);
  }
};

struct Siamese : layers::Module<Siamese> {
  std::shared_ptr<Tower> tower = std::make_shared<Tower>();
  layers::Linear left{8, 16, {.bias = false}}, right{8, 16}, head{16, 2};
  Siamese() {
    right.weight = left.weight;
    head.weight.set_requires_grad(false);
  }
  std::tuple<Tensor, Tensor> forward(const Tensor& a, const Tensor& b) {
    const Tensor x = left((*tower)(a));
    const Tensor distance = x - right((*tower)(b));
    return {head(abs(distance)), distance};
  }
  void fields(layers::Fields& f) {
    f("tower", tower);
    f("left", left);
    f("right", right);
    f("head", head);
  }
};

}  // namespace glassbox::test
