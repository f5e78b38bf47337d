#include "engine/optim/sgd.h"

#include "engine/ops/create.h"
#include "engine/ops/optim.h"

namespace glassbox::optim {

SGD::SGD(Tensors parameters, const SGDOptions& o)
    : Optimizer("SGD", std::move(parameters)), nesterov_(o.nesterov) {
  for (const auto& [name, value] :
       {std::pair{"lr", o.lr}, {"momentum", o.momentum}, {"weight_decay", o.weight_decay}}) {
    if (!(value >= 0 && value < 1e300))
      fail("SGD", cat(name, " ", value, " is not a number of at least 0"));
  }
  if (o.nesterov && (o.momentum == 0 || o.dampening != 0)) {
    fail("SGD", "nesterov needs momentum above 0 and no dampening");
  }
  std::vector<double> state(ops::Sgd::state_header + parameters_.size());
  state[0] = o.lr;
  state[1] = o.momentum;
  state[2] = o.dampening;
  state[3] = o.weight_decay;
  const Device device = parameters_.front().device();
  state_ = from(state, {static_cast<std::int64_t>(state.size())}, device);
  if (o.momentum == 0) return;
  for (const Tensor& p : parameters_) momentum_.push_back(zeros(p.shape(), p.dtype(), device));
}

void SGD::update() {
  const ops::Sgd op{.has_momentum = !momentum_.empty(), .nesterov = nesterov_};
  Tensors in{state_};
  in.reserve(1 + parameters_.size() * static_cast<std::size_t>(op.per_parameter()));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    in.push_back(parameters_[i]);
    in.push_back(parameters_[i].grad());
    if (op.has_momentum) in.push_back(momentum_[i]);
  }
  glassbox::apply(op, Ins(in));
}

std::vector<std::pair<std::string, Tensor>> SGD::state_dict() const {
  std::vector<std::pair<std::string, Tensor>> out{{"state", state_}};
  for (std::size_t i = 0; i < momentum_.size(); ++i) {
    out.emplace_back(cat("momentum.", i), momentum_[i]);
  }
  return out;
}

}  // namespace glassbox::optim
