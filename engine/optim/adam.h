// Adam and AdamW, by PyTorch's rule (see ops::Adam).
#pragma once
#include "engine/optim/optimizer.h"

namespace glassbox::optim {

struct AdamOptions {
  double lr = 1e-3;
  std::pair<double, double> betas = {0.9, 0.999};  // each at least 0 and below 1
  double eps = 1e-8;
  double weight_decay = 0;  // added to the gradient
  bool amsgrad = false;
  bool maximize = false;
};

class Adam : public Optimizer {
 public:
  // Throws Error for a negative or non-finite option, or a beta of 1 or more. Options in the state:
  // lr, beta1, beta2, eps, weight_decay.
  explicit Adam(Tensors parameters, const AdamOptions& options = {});
  Adam(std::initializer_list<ParamGroup> groups, const AdamOptions& defaults);
  explicit Adam(const ParamGroups& groups, const AdamOptions& defaults = {});

 protected:
  Adam(std::string_view name, const ParamGroups& groups, const AdamOptions& defaults,
       bool decoupled_weight_decay);

 private:
  void update(std::size_t group, Ins in) override;
  std::vector<ops::Adam> ops_;  // by group
};

struct AdamWOptions {
  double lr = 1e-3;
  std::pair<double, double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 1e-2;  // shrinks the parameter itself, by lr weight_decay
  bool amsgrad = false;
  bool maximize = false;
};

class AdamW final : public Adam {
 public:
  explicit AdamW(Tensors parameters, const AdamWOptions& options = {});
  AdamW(std::initializer_list<ParamGroup> groups, const AdamWOptions& defaults);
  explicit AdamW(const ParamGroups& groups, const AdamWOptions& defaults = {});
};

}  // namespace glassbox::optim
