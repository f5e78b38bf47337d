// Losses as layers. Targets are class indices (i64), except for MSELoss.
#pragma once
#include "engine/ops/softmax.h"
#include "layers/module.h"

namespace glassbox::layers {

// Logits [N, C, ...] and targets [N, ...]: the mean of -log softmax(logits)[target].
struct CrossEntropyLoss : Module<CrossEntropyLoss> {
  ops::CrossEntropy op;
  Buffer weight;  // [C]; undefined: all classes count the same
  explicit CrossEntropyLoss(const ops::CrossEntropy& options = {}, const Tensor& class_weight = {})
      : op(options), weight(class_weight) {}
  Tensor forward(const Tensor& logits, const Tensor& target) {
    return cross_entropy(logits, target, op, weight);
  }
  void fields(Fields& f) { f("weight", weight); }
};

// Log-probabilities [N, C, ...] and targets [N, ...].
struct NLLLoss : Module<NLLLoss> {
  ops::NllLoss op;
  Buffer weight;
  explicit NLLLoss(const ops::NllLoss& options = {}, const Tensor& class_weight = {})
      : op(options), weight(class_weight) {}
  Tensor forward(const Tensor& log_probabilities, const Tensor& target) {
    return nll_loss(log_probabilities, target, op, weight);
  }
  void fields(Fields& f) { f("weight", weight); }
};

// The mean of (x - y)^2.
struct MSELoss : Module<MSELoss> {
  Reduction reduction;
  explicit MSELoss(Reduction r = Reduction::mean) : reduction(r) {}
  Tensor forward(const Tensor& x, const Tensor& y) { return mse_loss(x, y, reduction); }
};

}  // namespace glassbox::layers
