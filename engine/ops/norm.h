// Batch normalisation (Ioffe & Szegedy 2015) over [N, C] or [N, C, ...]:
//   y = (x - mean) / sqrt(var + eps) * weight + bias, per channel.
// In training mean and (biased) variance are the batch's; they are taken plane by plane and merged
// in a fixed order (Chan, Golub & LeVeque 1979), never as E[x^2] - E[x]^2. Parameters and
// statistics have x's type, or f32 beside an f16 or bf16 x, as in training with mixed precision.
#pragma once
#include <optional>

#include "engine/apply.h"

namespace glassbox {
namespace ops {

// Inputs: x, weight [C] or undefined, bias [C] or undefined, mean [C], var [C] (both undefined in
// training). Outputs: y, and in training the batch's mean [C] and biased variance [C].
struct BatchNorm {
  static constexpr std::string_view name = "batch_norm", kind = "BatchNorm";
  bool training = false;
  double eps = 1e-5;
  bool operator==(const BatchNorm&) const = default;
  Attrs attrs(Specs) const {
    return {{"training", training, !training}, {"eps", eps, eps == 1e-5}};
  }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const;
  void backward(const Saved&, Ins dy, Grads&) const;
};

// Inputs: dy, x, weight or undefined, mean, var. Outputs: dx, dweight [C], dbias [C].
struct BatchNormGrad {
  static constexpr std::string_view name = "batch_norm_grad", kind = "BatchNormGrad";
  bool training = false;
  double eps = 1e-5;
  bool operator==(const BatchNormGrad&) const = default;
  Attrs attrs(Specs) const {
    return {{"training", training, !training}, {"eps", eps, eps == 1e-5}};
  }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

// Writes running_mean, running_var and num_batches_tracked from a batch's mean and biased variance:
//   running = (1 - momentum) running + momentum batch, the variance unbiased by count / (count -
//   1);
// with `cumulative` momentum is 1 / (batches so far), a plain average.
struct BatchNormUpdate {
  static constexpr std::string_view name = "batch_norm_update", kind = "BatchNormUpdate";
  static constexpr bool writes = true;
  double momentum = 0.1;
  bool cumulative = false;
  std::int64_t count = 0;  // values per channel in the batch
  bool operator==(const BatchNormUpdate&) const = default;
  Attrs attrs(Specs) const {
    return {{"momentum", momentum, momentum == 0.1},
            {"cumulative", cumulative, !cumulative},
            {"count", count, count == 0}};
  }
  int alias(int output) const { return output < 3 ? output : -1; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const {
    return streaming_cost(6.0 * static_cast<double>(in[0].numel()), in, out);
  }
};

}  // namespace ops

void run(const ops::BatchNorm&, cpu::Context&, Ins, Outs);
void run(const ops::BatchNormGrad&, cpu::Context&, Ins, Outs);
void run(const ops::BatchNormUpdate&, cpu::Context&, Ins, Outs);
std::size_t scratch(const ops::BatchNorm&, const cpu::Context&, Specs in, Specs out);
std::size_t scratch(const ops::BatchNormGrad&, const cpu::Context&, Specs in, Specs out);

// Running statistics; all undefined: the batch's are used in evaluation too.
struct BatchNormState {
  Tensor running_mean, running_var;  // [C]
  Tensor num_batches_tracked;        // i64 []
};
struct BatchNormOptions {
  bool training = false;
  std::optional<double> momentum = 0.1;  // nullopt: the running statistics are plain averages
  double eps = 1e-5;
};
// Writes the state in training. Throws Error for shapes that do not fit and for a training batch
// with one value per channel.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const BatchNormState& state, const BatchNormOptions& options = {});

}  // namespace glassbox
