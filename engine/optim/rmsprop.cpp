#include "engine/optim/rmsprop.h"

namespace glassbox::optim {

RMSprop::RMSprop(Tensors parameters, const RMSpropOptions& options)
    : RMSprop(ParamGroups{{.params = std::move(parameters)}}, options) {}
RMSprop::RMSprop(std::initializer_list<ParamGroup> groups, const RMSpropOptions& defaults)
    : RMSprop(ParamGroups(groups), defaults) {}

RMSprop::RMSprop(const ParamGroups& groups, const RMSpropOptions& o)
    : Optimizer("RMSprop", groups, {"lr", "alpha", "eps", "weight_decay", "momentum"}) {
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const ParamGroup& own = groups[g];
    refuse_others(g, own,
                  {"lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize"});
    const double momentum = own.momentum.value_or(o.momentum);
    ops_.push_back({.has_momentum = momentum != 0,
                    .centered = own.centered.value_or(o.centered),
                    .maximize = own.maximize.value_or(o.maximize)});
    make_state(g,
               {own.lr.value_or(o.lr), own.alpha.value_or(o.alpha), own.eps.value_or(o.eps),
                own.weight_decay.value_or(o.weight_decay), momentum},
               ops_[g].moments());
  }
}

void RMSprop::check_option(std::size_t g, std::string_view name, double value) const {
  Optimizer::check_option(g, name, value);
  if (name == "momentum" && value != 0 && !ops_[g].has_momentum) {
    refuse(g, "was made without momentum and keeps no buffers for it; make it with one above 0");
  }
}

void RMSprop::update(std::size_t group, Ins in) { glassbox::apply(ops_[group], in); }

}  // namespace glassbox::optim
