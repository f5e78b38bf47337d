#include "engine/ops/norm.h"

#include "engine/autograd/tape.h"
#include "engine/graph/recorder.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/shape.h"

namespace glassbox {
namespace ops {

namespace {

// The type of parameters and statistics, which are alike: x's, or f32 beside a half x.
DType channel_type(const Spec& x, Specs channels) {
  if (x.dtype != DType::f16 && x.dtype != DType::bf16) return x.dtype;
  for (const Spec& spec : channels) {
    if (spec.defined) return spec.dtype == x.dtype ? x.dtype : DType::f32;
  }
  return DType::f32;
}

void check_channel(std::string_view op, std::string_view operand, const Spec& spec, const Spec& x,
                   DType type, bool required) {
  if (!spec.defined) {
    if (required) fail(op, cat(operand, " is undefined"));
    return;
  }
  if (spec.shape != Shape{x.shape[1]} || spec.dtype != type) {
    fail(op, cat(operand, " must be [", x.shape[1], "] ", type, " for x ", to_string(x), ", got ",
                 to_string(spec)));
  }
}

void check_input(std::string_view op, const Spec& x) {
  if (x.shape.rank() < 2) fail(op, cat("x must be [N,C] or [N,C,...], got ", to_string(x)));
  check_floating(op, Specs(&x, 1));
}

std::int64_t values_per_channel(const Shape& x) { return x[0] * x.product(2, x.rank()); }

}  // namespace

SpecList BatchNorm::infer(Specs in, bool) const {
  const Spec& x = in[0];
  check_input(name, x);
  const DType type = channel_type(x, in.subspan(1));
  check_channel(name, "weight", in[1], x, type, false);
  check_channel(name, "bias", in[2], x, type, false);
  check_channel(name, "running mean", in[3], x, type, !training);
  check_channel(name, "running variance", in[4], x, type, !training);
  if (!(eps >= 0)) fail(name, cat("eps ", eps, " must be at least 0"));
  if (!training) return {x};
  if (values_per_channel(x.shape) == 1) {
    fail(name, cat("training needs more than one value per channel, got x ", to_string(x)));
  }
  const Spec channel{Shape{x.shape[1]}, type, {}};
  return {x, channel, channel};
}

Cost BatchNorm::cost(Specs in, Specs out) const {
  const auto n = static_cast<double>(in[0].numel());
  Cost cost = streaming_cost(training ? 6 * n : 2 * n, in, out);
  if (training) cost.bytes_read += static_cast<std::int64_t>(in[0].bytes());  // statistics, then y
  return cost;
}

Saves BatchNorm::saves() const {
  if (training)
    return Saves().input(0, grad_of(0) | grad_of(1)).input(1, grad_of(0)).output(1).output(2);
  return Saves().input(0, grad_of(1)).input(1, grad_of(0)).input(3).input(4);
}

namespace {

// What the gradients of a training batch's mean and variance add to dx, per channel dmean / n and
// dvar 2 (x - mean) / n, in x's type. In a model only the running averages read the two, and these
// are undefined.
Tensor statistics_grad(const Saved& saved, const Tensor& dmean, const Tensor& dvar) {
  const Shape& x = saved.in_spec(0).shape;
  Shape channel{x[1]};
  for (int d = 2; d < x.rank(); ++d) channel.push_back(1);
  const double n = static_cast<double>(values_per_channel(x));
  Tensor dx;
  const DType type = saved.in_spec(0).dtype;
  if (dmean.defined()) dx = expand(cast(reshape(dmean / n, channel), type), x);
  if (dvar.defined()) {
    const Tensor deviation = cast(saved.input(0), dvar.dtype()) - reshape(saved.output(1), channel);
    const Tensor from_var = cast(deviation * reshape(dvar * (2 / n), channel), type);
    dx = dx.defined() ? dx + from_var : from_var;
  }
  return dx;
}

}  // namespace

void BatchNorm::backward(const Saved& saved, Ins dy, Grads& grads) const {
  Tensor dx;
  if (dy[0].defined()) {
    const bool needs_x = saved.needs(1) || (training && saved.needs(0));
    const bool has_weight = saved.in_spec(1).defined && saved.needs(0);
    const TensorList out =
        apply(BatchNormGrad{training, eps}, dy[0], needs_x ? saved.input(0) : Tensor(),
              has_weight ? saved.input(1) : Tensor(), training ? saved.output(1) : saved.input(3),
              training ? saved.output(2) : saved.input(4));
    dx = out[0];
    for (int i = 1; i < 3; ++i) {
      if (saved.needs(i)) grads.set(i, out[static_cast<std::size_t>(i)]);
    }
  }
  if (training && saved.needs(0) && (dy[1].defined() || dy[2].defined())) {
    const Tensor more = statistics_grad(saved, dy[1], dy[2]);
    dx = dx.defined() ? dx + more : more;
  }
  if (saved.needs(0) && dx.defined()) grads.set(0, dx);
}

SpecList BatchNormGrad::infer(Specs in, bool) const {
  const Spec &dy = in[0], &x = in[1];
  check_input(name, dy);
  if (x.defined && (x.shape != dy.shape || x.dtype != dy.dtype)) {
    fail(name, cat("dy ", to_string(dy), " does not match x ", to_string(x)));
  }
  const DType type = channel_type(dy, in.subspan(2));
  check_channel(name, "weight", in[2], dy, type, false);
  check_channel(name, "mean", in[3], dy, type, true);
  check_channel(name, "variance", in[4], dy, type, true);
  const Spec channel{Shape{dy.shape[1]}, type, {}};
  return {dy, channel, channel};
}

Cost BatchNormGrad::cost(Specs in, Specs out) const {
  const auto n = static_cast<double>(in[0].numel());
  Cost cost = streaming_cost(training ? 8 * n : 5 * n, in, out);
  cost.bytes_read += static_cast<std::int64_t>(in[0].bytes() + (training ? in[1].bytes() : 0));
  return cost;
}

SpecList BatchNormUpdate::infer(Specs in, bool) const {
  for (int i = 1; i < 5; ++i) {
    const Spec& spec = in[static_cast<std::size_t>(i)];
    if (i != 2 && (spec.shape != in[0].shape || spec.dtype != in[0].dtype)) {
      fail(name, cat("operand ", i, " ", to_string(spec), " does not match the running mean ",
                     to_string(in[0])));
    }
  }
  if (in[2].dtype != DType::i64 || in[2].shape.rank() != 0) {
    fail(name, cat("num_batches_tracked must be [] i64, got ", to_string(in[2])));
  }
  if (!(momentum >= 0 && momentum <= 1))
    fail(name, cat("momentum ", momentum, " is not in [0, 1]"));
  return {in[0], in[1], in[2]};
}

}  // namespace ops

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const BatchNormState& state, const BatchNormOptions& options) {
  const bool batch_statistics = options.training || !state.running_mean.defined();
  if (!batch_statistics) {
    return apply(ops::BatchNorm{false, options.eps}, x, weight, bias, state.running_mean,
                 state.running_var)[0];
  }
  const TensorList out =
      apply(ops::BatchNorm{true, options.eps}, x, weight, bias, Tensor(), Tensor());
  if (options.training && state.running_mean.defined()) {
    const NoGrad no_grad;
    const PhaseScope phase(Phase::update);
    const ops::BatchNormUpdate update{options.momentum.value_or(0), !options.momentum,
                                      ops::values_per_channel(x.shape())};
    const DType type = state.running_mean.dtype();
    apply(update, state.running_mean, state.running_var, state.num_batches_tracked,
          cast(out[1], type), cast(out[2], type));
  }
  return out[0];
}

}  // namespace glassbox
