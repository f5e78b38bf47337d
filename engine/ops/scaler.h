// Loss scaling as ops (engine/optim/grad_scaler.h): the scale and what was found stay on the
// device, so that a step neither waits nor differs when it is recorded.
//
// A scaler's state, f64 [4]: the scale; the steps since it last changed; 1 where a gradient since
// the last update was not finite; and the same of the unscaling that is at work, else 0.
#pragma once
#include <cstdint>
#include <limits>

#include "engine/core/hd.h"
#include "engine/ops/optim.h"

namespace glassbox {
namespace ops {

// Divides the gradients of one optimizer by the scale, and notes whether all were finite: in the
// scaler's state, and in the `skip` of the optimizer's groups, whose next update then does nothing.
// Inputs and outputs: the scaler's state, those of the groups (see optim.h), the gradients.
struct UnscaleGrads {
  static constexpr std::string_view name = "unscale_grads", kind = "UnscaleGrads";
  static constexpr bool writes = true;
  std::int64_t groups = 1;
  bool operator==(const UnscaleGrads&) const = default;
  Attrs attrs(Specs) const { return {{"groups", groups, groups == 1}}; }
  int alias(int output) const { return output; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

// The scale of the next steps, by PyTorch's rule (torch.amp.GradScaler.update): times
// backoff_factor when a gradient was not finite; times growth_factor after growth_interval steps in
// a row when all were, if that is finite as f32. Takes the note back, and `skip` in the groups'
// states. Inputs and outputs: the scaler's state, those of the groups that were stepped.
struct ScalerUpdate {
  static constexpr std::string_view name = "scaler_update", kind = "ScalerUpdate";
  static constexpr bool writes = true;
  double growth_factor = 2, backoff_factor = 0.5;
  std::int64_t growth_interval = 2000;
  bool operator==(const ScalerUpdate&) const = default;
  Attrs attrs(Specs) const;
  int alias(int output) const { return output; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;

  // The rule, on a scaler's state.
  GLASSBOX_HD void apply_to(double* state) const {
    constexpr double largest = std::numeric_limits<float>::max();
    if (state[2] != 0) {
      state[0] *= backoff_factor;
      state[1] = 0;
    } else if (state[1] + 1 < static_cast<double>(growth_interval)) {
      state[1] += 1;
    } else {
      if (state[0] * growth_factor <= largest) state[0] *= growth_factor;
      state[1] = 0;
    }
    state[2] = 0;
  }
};

}  // namespace ops

void run(const ops::UnscaleGrads&, cpu::Context&, Ins, Outs);
void run(const ops::ScalerUpdate&, cpu::Context&, Ins, Outs);

}  // namespace glassbox
