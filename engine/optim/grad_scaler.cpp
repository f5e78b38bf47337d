#include "engine/optim/grad_scaler.h"

#include <cmath>

#include "engine/autograd/tape.h"
#include "engine/graph/recorder.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/scaler.h"

namespace glassbox::optim {

namespace {

constexpr std::string_view self = "GradScaler";

}  // namespace

GradScaler::GradScaler(const GradScalerOptions& options) : options_(options) {
  if (!(options.init_scale > 0 && std::isfinite(options.init_scale))) {
    fail(self, cat("init_scale ", options.init_scale, " is not above 0 and finite"));
  }
  if (!(options.growth_factor > 1 && std::isfinite(options.growth_factor))) {
    fail(self, cat("growth_factor ", options.growth_factor, " is not above 1 and finite"));
  }
  if (!(options.backoff_factor > 0 && options.backoff_factor < 1)) {
    fail(self, cat("backoff_factor ", options.backoff_factor, " is not between 0 and 1"));
  }
  if (options.growth_interval < 1) {
    fail(self, cat("growth_interval ", options.growth_interval, " is not above 0"));
  }
  if (options.enabled) state_ = tensor<double>({options.init_scale, 0, 0, 0}, options.device);
}

Tensor GradScaler::scale(const Tensor& loss) const {
  if (!is_enabled()) return loss;
  const Tensor wide = size_of(loss.dtype()) < size_of(DType::f32) ? cast(loss, DType::f32) : loss;
  Tensor factor;
  {
    const NoGrad no_grad;
    // Why a clone for f64: backward would refuse a view of a state that was written since.
    factor = wide.dtype() == DType::f64 ? state_[0].clone() : cast(state_[0], wide.dtype());
  }
  return wide * factor;
}

GradScaler::Seen* GradScaler::find(const Optimizer& optimizer) {
  for (Seen& seen : seen_) {
    if (seen.optimizer == &optimizer) return &seen;
  }
  return nullptr;
}

void GradScaler::unscale_(Optimizer& optimizer) {
  if (!is_enabled()) return;
  if (const Seen* const seen = find(optimizer)) {
    fail(self, seen->stepped ? "unscale_() is called after step()"
                             : "unscale_() was already called for this optimizer since the last "
                               "update()");
  }
  const NoGrad no_grad;
  const PhaseScope phase(Phase::update);
  SmallVector<Tensor, 64> in;
  in.push_back(state_);
  for (const Optimizer::Group& group : optimizer.groups_) in.push_back(group.state);
  for (const Tensor& p : optimizer.parameters_) {
    const Tensor g = p.grad();
    if (g.defined()) in.push_back(g);
  }
  glassbox::apply(ops::UnscaleGrads{static_cast<std::int64_t>(optimizer.groups_.size())},
                  Ins(in.begin(), in.size()));
  for (const Optimizer::Group& group : optimizer.groups_) groups_.push_back(group.state);
  seen_.push_back({&optimizer, false});
}

void GradScaler::step(Optimizer& optimizer) {
  if (!is_enabled()) return optimizer.step();
  if (!find(optimizer)) unscale_(optimizer);
  Seen& seen = *find(optimizer);
  if (seen.stepped)
    fail(self, "step() was already called for this optimizer since the last update()");
  optimizer.step();
  seen.stepped = true;
}

void GradScaler::update() {
  if (!is_enabled()) return;
  if (seen_.empty()) fail(self, "update() is called before any step()");
  const NoGrad no_grad;
  const PhaseScope phase(Phase::update);
  SmallVector<Tensor, 8> in;
  in.push_back(state_);
  for (const Tensor& group : groups_) in.push_back(group);
  glassbox::apply(
      ops::ScalerUpdate{options_.growth_factor, options_.backoff_factor, options_.growth_interval},
      Ins(in.begin(), in.size()));
  groups_.clear();
  seen_.clear();
}

double GradScaler::get_scale() const { return is_enabled() ? state_.to_vector<double>()[0] : 1; }

StateDict GradScaler::state_dict() const {
  if (!is_enabled()) return {};
  return {{"state", state_}};
}

void GradScaler::load_state_dict(const StateDict& state) {
  load_strictly(self, state_dict(), state);
}

}  // namespace glassbox::optim
