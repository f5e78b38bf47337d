// Optimizer updates as ops: they read their scalars (learning rate and so on) from a small state
// tensor, so that a recorded or captured step follows a schedule, and write parameters and moments
// in place. One op updates a whole group.
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

// Stochastic gradient descent by PyTorch's rule (torch.optim.SGD):
//   g += weight_decay p;  m = g at the parameter's first step, else momentum m + (1 - dampening) g;
//   p -= lr (g + momentum m with nesterov, else m)
// Inputs: state f64 [8 + n] = {lr, momentum, dampening, weight_decay, 0, 0, 0, 0, steps of each
// parameter}, then p, g, m for each of n parameters (m only with has_momentum). An undefined g
// leaves its parameter alone.
struct Sgd {
  static constexpr std::string_view name = "sgd", kind = "SGD";
  static constexpr bool writes = true;
  static constexpr std::int64_t state_header = 8;
  bool has_momentum = false, nesterov = false;
  bool operator==(const Sgd&) const = default;
  int per_parameter() const { return has_momentum ? 3 : 2; }
  Attrs attrs(Specs) const {
    return {{"has_momentum", has_momentum, !has_momentum}, {"nesterov", nesterov, !nesterov}};
  }
  // Outputs: the state, then p (and m) of each parameter.
  int alias(int output) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

}  // namespace ops

void run(const ops::Sgd&, cpu::Context&, Ins, Outs);

}  // namespace glassbox
