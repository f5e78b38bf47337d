// RMSprop, by PyTorch's rule (see ops::RmsProp).
#pragma once
#include "engine/optim/optimizer.h"

namespace glassbox::optim {

struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;  // how much of the average of squares is kept
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;  // divides by an estimate of the gradient's deviation
  bool maximize = false;
};

class RMSprop final : public Optimizer {
 public:
  // Throws Error for a negative or non-finite option. Options in the state: lr, alpha, eps,
  // weight_decay, momentum.
  explicit RMSprop(Tensors parameters, const RMSpropOptions& options = {});
  RMSprop(std::initializer_list<ParamGroup> groups, const RMSpropOptions& defaults);
  explicit RMSprop(const ParamGroups& groups, const RMSpropOptions& defaults = {});

 private:
  void update(std::size_t group, Ins in) override;
  void check_option(std::size_t group, std::string_view name, double value) const override;
  std::vector<ops::RmsProp> ops_;  // by group
};

}  // namespace glassbox::optim
