#include "engine/ops/group_norm.h"

#include "engine/autograd/autocast.h"

namespace glassbox {
namespace ops {

namespace {

void check_input(std::string_view op, std::string_view operand, const Spec& x, int groups) {
  if (!x.defined) fail(op, cat(operand, " is undefined"));
  if (x.shape.rank() < 2) {
    fail(op, cat(operand, " must be [N,C] or [N,C,...], got ", to_string(x)));
  }
  check_floating(op, Specs(&x, 1));
  if (groups < 1) fail(op, cat("groups ", groups, " must be at least 1"));
  if (x.shape[1] % groups != 0) {
    fail(op, cat("the ", x.shape[1], " channels of ", operand, " ", x.shape, " do not divide into ",
                 groups, " groups"));
  }
}

void check_channel(std::string_view op, std::string_view operand, const Spec& spec, const Spec& x) {
  if (!spec.defined) return;
  if (spec.shape != Shape{x.shape[1]} || spec.dtype != x.dtype) {
    fail(op, cat(operand, " must be [", x.shape[1], "] ", x.dtype, " for x ", to_string(x),
                 ", got ", to_string(spec)));
  }
}

Spec statistic(const Spec& x, int groups) {
  return {.shape = {x.shape[0], groups}, .dtype = DType::f64, .device = x.device};
}

}  // namespace

SpecList GroupNorm::infer(Specs in, bool grad) const {
  const Spec& x = in[0];
  check_input(name, "x", x, groups);
  check_channel(name, "weight", in[1], x);
  check_channel(name, "bias", in[2], x);
  if (!(eps >= 0)) fail(name, cat("eps ", eps, " must be at least 0"));
  if (x.numel() == groups && x.shape[0] == 1) {
    fail(name, cat("needs more than one value in a group, got x ", to_string(x), " in ", groups,
                   groups == 1 ? " group" : " groups"));
  }
  if (!grad) return {x};
  Spec each = statistic(x, groups);
  each.internal = true;
  return {x, each, each};
}

Cost GroupNorm::cost(Specs in, Specs out) const {
  Cost cost = streaming_cost(6.0 * static_cast<double>(in[0].numel()), in, out);
  cost.bytes_read += static_cast<std::int64_t>(in[0].bytes());  // for the statistics, then for y
  return cost;
}

void GroupNorm::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const bool has_weight = saved.in_spec(1).defined && saved.needs(0);
  const TensorList out =
      apply(GroupNormGrad{groups}, dy[0], saved.input(0), has_weight ? saved.input(1) : Tensor(),
            saved.output(1), saved.output(2));
  for (int i = 0; i < 3; ++i) {
    if (saved.needs(i)) grads.set(i, out[static_cast<std::size_t>(i)]);
  }
}

SpecList GroupNormGrad::infer(Specs in, bool) const {
  const Spec &dy = in[0], &x = in[1];
  check_input(name, "dy", dy, groups);
  if (!x.defined) fail(name, "x is undefined");
  if (x.shape != dy.shape || x.dtype != dy.dtype) {
    fail(name, cat("dy ", to_string(dy), " does not match x ", to_string(x)));
  }
  check_channel(name, "weight", in[2], dy);
  const Spec each = statistic(dy, groups);
  for (std::size_t i = 3; i < 5; ++i) {
    if (in[i].defined && in[i].shape == each.shape && in[i].dtype == each.dtype) continue;
    fail(name,
         cat(i == 3 ? "mean" : "1/std", " must be ", to_string(each), ", got ", to_string(in[i])));
  }
  const Spec channel{.shape = {dy.shape[1]}, .dtype = dy.dtype, .device = dy.device};
  return {dy, channel, channel};
}

Cost GroupNormGrad::cost(Specs in, Specs out) const {
  Cost cost = streaming_cost(8.0 * static_cast<double>(in[0].numel()), in, out);
  // dy and x are read for the sums and again for dx.
  cost.bytes_read += static_cast<std::int64_t>(in[0].bytes() + in[1].bytes());
  return cost;
}

}  // namespace ops

Tensor group_norm(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias,
                  double eps) {
  return glassbox::apply(ops::GroupNorm{groups, eps}, autocast::f32(x, weight, bias))[0];
}

}  // namespace glassbox
