// GradScaler: scales the loss so that f16 gradients do not vanish, and finds the scale by itself
// (torch.amp.GradScaler; Micikevicius et al., arXiv:1710.03740). Nothing waits for the device: the
// scale lives there, and an optimizer whose gradients are not finite skips its step there,
// parameters, moments and step counts being left alone. bf16 needs none of it.
//
//   optim::GradScaler scaler;
//   optimizer.zero_grad();
//   scaler.scale(loss).backward();
//   scaler.unscale_(optimizer);  // only to look at the gradients or clip them
//   optim::clip_grad_norm(model.parameters(), 1.0);
//   scaler.step(optimizer);
//   scaler.update();  // once, after the steps of all optimizers
#pragma once
#include <cstdint>
#include <vector>

#include "engine/optim/optimizer.h"

namespace glassbox::optim {

struct GradScalerOptions {
  double init_scale = 65536;
  double growth_factor = 2;     // after growth_interval steps in a row with finite gradients
  double backoff_factor = 0.5;  // after a step with others
  std::int64_t growth_interval = 2000;
  bool enabled = true;             // false: every call is as if there were no scaler
  Device device = Device::cuda();  // that of loss and optimizers
};

class GradScaler {
 public:
  // Throws Error for an init_scale that is not above 0 and finite, a growth_factor that is not
  // above 1, a backoff_factor outside (0, 1), a growth_interval below 1.
  explicit GradScaler(const GradScalerOptions& options = {});
  GradScaler(const GradScaler&) = delete;
  GradScaler& operator=(const GradScaler&) = delete;

  // loss * scale; a half loss becomes f32, in which the product is finite.
  Tensor scale(const Tensor& loss) const;
  // Divides the gradients by the scale. Throws Error when that was done since the last update().
  void unscale_(Optimizer& optimizer);
  // The optimizer's step, which it skips on the device when a gradient was not finite. Unscales
  // first unless that was done. Throws Error on a second call before update().
  void step(Optimizer& optimizer);
  // The scale of the next steps; see ops::ScalerUpdate. Throws Error when nothing was unscaled.
  void update();

  double get_scale() const;  // waits for the device; 1 when not enabled
  bool is_enabled() const { return options_.enabled; }

  // "state": the scale and the steps since it changed, which is all that a checkpoint needs; the
  // tensor itself, not a copy. Nothing when not enabled. Loading is strict, as an optimizer's.
  StateDict state_dict() const;
  void load_state_dict(const StateDict& state);

 private:
  struct Seen {  // since the last update()
    const Optimizer* optimizer;
    bool stepped;
  };
  Seen* find(const Optimizer& optimizer);

  GradScalerOptions options_;
  Tensor state_;
  std::vector<Seen> seen_;
  Tensors groups_;  // the states of their groups
};

}  // namespace glassbox::optim
