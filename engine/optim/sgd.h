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
  bool maximize = false;
};

class SGD final : public Optimizer {
 public:
  // Throws Error for a negative or non-finite option, or nesterov without momentum.
  explicit SGD(Tensors parameters, const SGDOptions& options = {});
  SGD(std::initializer_list<ParamGroup> groups, const SGDOptions& defaults);
  explicit SGD(const ParamGroups& groups, const SGDOptions& defaults = {});

 private:
  void update(std::size_t group, Ins in) override;
  void check_option(std::size_t group, std::string_view name, double value) const override;
  std::vector<ops::Sgd> ops_;  // by group
};

}  // namespace glassbox::optim
