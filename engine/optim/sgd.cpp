#include "engine/optim/sgd.h"

namespace glassbox::optim {

SGD::SGD(Tensors parameters, const SGDOptions& options)
    : SGD(ParamGroups{{.params = std::move(parameters)}}, options) {}
SGD::SGD(std::initializer_list<ParamGroup> groups, const SGDOptions& defaults)
    : SGD(ParamGroups(groups), defaults) {}

SGD::SGD(const ParamGroups& groups, const SGDOptions& o)
    : Optimizer("SGD", groups, {"lr", "momentum", "dampening", "weight_decay"}) {
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const ParamGroup& own = groups[g];
    refuse_others(g, own, {"lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"});
    const double momentum = own.momentum.value_or(o.momentum);
    const double dampening = own.dampening.value_or(o.dampening);
    const bool nesterov = own.nesterov.value_or(o.nesterov);
    if (nesterov && (momentum == 0 || dampening != 0)) {
      refuse(g, "nesterov needs momentum above 0 and no dampening");
    }
    ops_.push_back({.has_momentum = momentum != 0,
                    .nesterov = nesterov,
                    .maximize = own.maximize.value_or(o.maximize)});
    make_state(
        g, {own.lr.value_or(o.lr), momentum, dampening, own.weight_decay.value_or(o.weight_decay)},
        ops_[g].moments());
  }
}

void SGD::check_option(std::size_t g, std::string_view name, double value) const {
  Optimizer::check_option(g, name, value);
  if (name == "momentum" && value != 0 && !ops_[g].has_momentum) {
    refuse(g, "was made without momentum and keeps no buffers for it; make it with one above 0");
  }
}

void SGD::update(std::size_t group, Ins in) { glassbox::apply(ops_[group], in); }

}  // namespace glassbox::optim
