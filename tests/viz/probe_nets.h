#pragma once
// Small models to be probed: nested and shared modules, one that is never called, relu() as a
// function, and layers that can be told to fall ill.
#include <cmath>
#include <limits>
#include <memory>

#include "engine/engine.h"
#include "layers/layers.h"

namespace glassbox::test {

// Two blocks, the second's convolution called twice.
struct ProbedBlock : layers::Module<ProbedBlock> {
  layers::Conv2d conv{4, 4, 3, {.padding = 1}};
  layers::ReLU act;
  Tensor forward(const Tensor& x) { return x + act(conv(x)); }
  void fields(layers::Fields& f) {
    f("conv", conv);
    f("act", act);
  }
};

struct ProbedNet : layers::Module<ProbedNet> {
  layers::Conv2d stem{1, 4, 3, {.padding = 1}};
  layers::Sequential features{ProbedBlock{}, layers::BatchNorm2d{4}, ProbedBlock{}};
  std::shared_ptr<layers::Linear> twice = std::make_shared<layers::Linear>(4, 4);
  layers::Linear spare{3, 3};  // never called
  layers::Dropout dropout{0.25};
  layers::Linear head{4, 3};
  Tensor forward(const Tensor& x) {
    const Tensor y = features(relu(stem(x)));
    const Tensor pooled = mean(y, {.dims = {2, 3}});
    return head(dropout((*twice)(relu((*twice)(pooled)))));
  }
  void fields(layers::Fields& f) {
    f("stem", stem);
    f("features", features);
    f("twice", twice);
    f("spare", spare);
    f("dropout", dropout);
    f("head", head);
  }
};

// log(x - shift): NaN where x < shift, -Inf where they are equal; its gradient there is Inf.
struct Log : layers::Module<Log> {
  double shift;
  explicit Log(double s) : shift(s) {}
  Tensor forward(const Tensor& x) { return log(x - shift); }
};
// sqrt(x): 0 at 0, where its gradient is Inf.
struct Root : layers::Module<Root> {
  Tensor forward(const Tensor& x) { return sqrt(x); }
};

inline Tensor probed_batch(std::int64_t n = 4) { return randn({n, 1, 6, 6}); }

}  // namespace glassbox::test
