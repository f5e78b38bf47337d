// Optimizer updates as ops: they read their options (learning rate and so on) from a small state
// tensor, so that a recorded or captured step follows a schedule, and write parameters and moments
// in place. One op updates a whole group of n parameters.
//
// Inputs: the state, f64 [8 + n] = {the op's options, zeros up to 7, skip, steps taken by each
// parameter}, then p, g and the moments of each parameter. Outputs: the state, then p and the
// moments of each. An undefined g leaves its parameter alone, and its steps. A skip that is not 0
// leaves everything alone: loss scaling sets it on the device (scaler.h). With `maximize`, -g
// stands for g.
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

inline constexpr std::int64_t update_header = 8;  // the state's elements before the steps
inline constexpr std::int64_t update_skip = 7;    // which of them is `skip`
using MomentNames = SmallVector<std::string_view, 3>;

// Stochastic gradient descent by PyTorch's rule (torch.optim.SGD):
//   g += weight_decay p;  m = g at the parameter's first step, else momentum m + (1 - dampening) g;
//   p -= lr (g + momentum m with nesterov, else m)
// State: lr, momentum, dampening, weight_decay.
struct Sgd {
  static constexpr std::string_view name = "sgd", kind = "SGD";
  static constexpr bool writes = true;
  bool has_momentum = false, nesterov = false, maximize = false;
  bool operator==(const Sgd&) const = default;
  MomentNames moments() const;
  Attrs attrs(Specs) const;
  int alias(int output) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

// Adam (Kingma and Ba, arXiv:1412.6980) by PyTorch's rule (torch.optim.Adam), for step t from 1:
//   g += weight_decay p, or p -= lr weight_decay p with decoupled_weight_decay (AdamW,
//   arXiv:1711.05101);  m += (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g^2;
//   p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
// With amsgrad the largest v so far stands for v in the last line.
// State: lr, beta1, beta2, eps, weight_decay. Moments: exp_avg (m), exp_avg_sq (v) and, with
// amsgrad, max_exp_avg_sq.
struct Adam {
  static constexpr std::string_view name = "adam", kind = "Adam";
  static constexpr bool writes = true;
  bool amsgrad = false, decoupled_weight_decay = false, maximize = false;
  bool operator==(const Adam&) const = default;
  MomentNames moments() const;
  Attrs attrs(Specs) const;
  int alias(int output) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

// RMSprop by PyTorch's rule (torch.optim.RMSprop):
//   g += weight_decay p;  v = alpha v + (1 - alpha) g^2;  a += (1 - alpha)(g - a) with centered;
//   d = g / (sqrt(v - a^2 with centered, else v) + eps);
//   m = momentum m + d, p -= lr m with momentum, else p -= lr d
// State: lr, alpha, eps, weight_decay, momentum. Moments: square_avg (v), momentum (m) if it has
// momentum, grad_avg (a) if centered.
struct RmsProp {
  static constexpr std::string_view name = "rmsprop", kind = "RMSprop";
  static constexpr bool writes = true;
  bool has_momentum = false, centered = false, maximize = false;
  bool operator==(const RmsProp&) const = default;
  MomentNames moments() const;
  Attrs attrs(Specs) const;
  int alias(int output) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

}  // namespace ops

void run(const ops::Sgd&, cpu::Context&, Ins, Outs);
void run(const ops::Adam&, cpu::Context&, Ins, Outs);
void run(const ops::RmsProp&, cpu::Context&, Ins, Outs);

}  // namespace glassbox
