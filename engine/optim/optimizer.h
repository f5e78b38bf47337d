// Optimizers. Their gradients live in one arena, in reverse order of the parameters: the order in
// which backward fills them. Scalars are in a state tensor that the update op reads.
//
//   optim::SGD optimizer{model.parameters(), {.lr = 0.01, .momentum = 0.9}};
//   optimizer.zero_grad();  loss.backward();  optimizer.step();
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "engine/core/tensor.h"

namespace glassbox::optim {

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Updates every parameter that has a gradient. The first call warns, once, on stderr about leaves
  // that received a gradient and are in no optimizer.
  void step();
  // Makes the gradients undefined; the next backward writes them instead of adding.
  void zero_grad();

  double lr() const;
  void set_lr(double lr);
  const Tensors& parameters() const { return parameters_; }
  // State by name, to save and to restore: "state", "momentum.0", ...
  virtual std::vector<std::pair<std::string, Tensor>> state_dict() const = 0;

 protected:
  // Throws Error when there is no parameter, one is given twice, or one is not a leaf that wants a
  // gradient.
  Optimizer(std::string_view name, Tensors parameters);
  virtual void update() = 0;

  Tensors parameters_;
  Tensor state_;

 private:
  void make_arena();
  void warn_about_strays();
  bool stepped_ = false;
};

}  // namespace glassbox::optim
