// Averages of weights over a training, as an update that a recording holds.
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

// Exponential moving average of n tensors (torch.optim.swa_utils.get_ema_multi_avg_fn):
//   avg = x at the first update, else decay avg + (1 - decay) x
// Inputs: the state, f64 [2] = {decay, updates so far}, then avg and x of each tensor; outputs: the
// state, then each avg. Integers are averaged in f32 and truncated, as in PyTorch.
struct Ema {
  static constexpr std::string_view name = "ema", kind = "EMA";
  static constexpr bool writes = true;
  bool operator==(const Ema&) const = default;
  Attrs attrs(Specs) const { return {}; }
  int alias(int output) const { return output == 0 ? 0 : 2 * output - 1; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

}  // namespace ops

void run(const ops::Ema&, cpu::Context&, Ins, Outs);

}  // namespace glassbox
