#include "engine/optim/adam.h"

namespace glassbox::optim {

Adam::Adam(Tensors parameters, const AdamOptions& options)
    : Adam(ParamGroups{{.params = std::move(parameters)}}, options) {}
Adam::Adam(std::initializer_list<ParamGroup> groups, const AdamOptions& defaults)
    : Adam(ParamGroups(groups), defaults) {}
Adam::Adam(const ParamGroups& groups, const AdamOptions& defaults)
    : Adam("Adam", groups, defaults, false) {}

Adam::Adam(std::string_view name, const ParamGroups& groups, const AdamOptions& o,
           bool decoupled_weight_decay)
    : Optimizer(name, groups, {"lr", "beta1", "beta2", "eps", "weight_decay"}) {
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const ParamGroup& own = groups[g];
    refuse_others(g, own, {"lr", "betas", "eps", "weight_decay", "amsgrad", "maximize"});
    const std::pair<double, double> betas = own.betas.value_or(o.betas);
    ops_.push_back({.amsgrad = own.amsgrad.value_or(o.amsgrad),
                    .decoupled_weight_decay = decoupled_weight_decay,
                    .maximize = own.maximize.value_or(o.maximize)});
    make_state(g,
               {own.lr.value_or(o.lr), betas.first, betas.second, own.eps.value_or(o.eps),
                own.weight_decay.value_or(o.weight_decay)},
               ops_[g].moments());
  }
}

void Adam::update(std::size_t group, Ins in) { glassbox::apply(ops_[group], in); }

namespace {
AdamOptions of(const AdamWOptions& o) {
  return {.lr = o.lr,
          .betas = o.betas,
          .eps = o.eps,
          .weight_decay = o.weight_decay,
          .amsgrad = o.amsgrad,
          .maximize = o.maximize};
}
}  // namespace

AdamW::AdamW(Tensors parameters, const AdamWOptions& options)
    : AdamW(ParamGroups{{.params = std::move(parameters)}}, options) {}
AdamW::AdamW(std::initializer_list<ParamGroup> groups, const AdamWOptions& defaults)
    : AdamW(ParamGroups(groups), defaults) {}
AdamW::AdamW(const ParamGroups& groups, const AdamWOptions& defaults)
    : Adam("AdamW", groups, of(defaults), true) {}

}  // namespace glassbox::optim
