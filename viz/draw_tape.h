// The tape of an expression as a diagram: every op that backward walks, with its value and its
// gradient. For small expressions, to see how backpropagation works; a model's graph is
// build_graph's.
//
//   viz::KeepValues keep;                // from here on values and gradients are kept
//   Tensor loss = tanh(w * x + b);
//   loss.backward();
//   viz::draw(loss, {{"w", w}, {"x", x}, {"b", b}}).save("neuron.svg");
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/tensor.h"
#include "viz/diagram.h"

namespace glassbox::viz {

// While it lives, draw() knows the values and gradients of everything that this thread computes,
// which the tape itself lets go of; that costs their memory. It takes the place of a recorder that
// watched before.
class KeepValues {
 public:
  KeepValues();
  ~KeepValues();
  KeepValues(const KeepValues&) = delete;
  KeepValues& operator=(const KeepValues&) = delete;

 private:
  friend class TapeDrawing;
  struct Watching;
  std::unique_ptr<Watching> watching_;
};

// The ops between `loss` and the leaves that want a gradient, and those leaves. Of a leaf its value
// and its gradient, if backward has run, are written; of what lies between, where KeepValues saw it
// computed. `names` are for leaves, constants and results; others are called leaf and constant.
// Throws Error for a tensor that no op on the tape made.
Diagram draw(const Tensor& loss, const std::vector<std::pair<std::string, Tensor>>& names = {});

}  // namespace glassbox::viz
