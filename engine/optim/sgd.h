// Stochastic gradient descent with momentum, by PyTorch's rule (see ops::Sgd).
#pragma once
#include "engine/optim/optimizer.h"

namespace glassbox::optim {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;  // needs momentum and no dampening
};

class SGD final : public Optimizer {
 public:
  // Throws Error for a negative or non-finite option, or nesterov without momentum.
  explicit SGD(Tensors parameters, const SGDOptions& options = {});
  std::vector<std::pair<std::string, Tensor>> state_dict() const override;

 private:
  void update() override;
  bool nesterov_;
  Tensors momentum_;  // empty without momentum
};

}  // namespace glassbox::optim
