#include "engine/ops/layer_norm.h"

#include "engine/autograd/autocast.h"

namespace glassbox {
namespace ops {

namespace {

bool ends_in(const Shape& x, const Shape& tail) {
  if (x.rank() < tail.rank()) return false;
  for (int d = 1; d <= tail.rank(); ++d) {
    if (x.size(-d) != tail.size(-d)) return false;
  }
  return true;
}

Shape rows_of(const Shape& x, const Shape& tail) {
  return Shape(std::span<const std::int64_t>(x.begin(), x.end() - tail.rank()));
}

void check_input(std::string_view op, const Spec& x, const Shape& normalized_shape) {
  if (normalized_shape.empty()) fail(op, "normalized_shape needs at least 1 dimension, got []");
  if (!ends_in(x.shape, normalized_shape)) {
    fail(op, cat("x must end in normalized_shape ", normalized_shape, ", got ", x.shape));
  }
  check_floating(op, Specs(&x, 1));
}

void check_affine(std::string_view op, std::string_view operand, const Spec& spec, const Spec& x,
                  const Shape& normalized_shape) {
  if (!spec.defined || (spec.shape == normalized_shape && spec.dtype == x.dtype)) return;
  fail(op, cat(operand, " must be ", normalized_shape, " ", x.dtype, " for x ", to_string(x),
               ", got ", to_string(spec)));
}

}  // namespace

SpecList LayerNorm::infer(Specs in, bool grad) const {
  const Spec& x = in[0];
  check_defined(name, in, 1);
  check_input(name, x, normalized_shape);
  check_affine(name, "weight", in[1], x, normalized_shape);
  check_affine(name, "bias", in[2], x, normalized_shape);
  if (!(eps >= 0)) fail(name, cat("eps ", eps, " must be at least 0"));
  if (!grad) return {x};
  const Spec per_row{rows_of(x.shape, normalized_shape), DType::f64, x.device, true, true};
  return {x, per_row, per_row};
}

Cost LayerNorm::cost(Specs in, Specs out) const {
  // The mean takes 1, the variance 3, normalising 2; x is read once, a row at a time.
  const double each = 6.0 + in[1].defined + in[2].defined;
  return streaming_cost(each * static_cast<double>(in[0].numel()), in, out);
}

void LayerNorm::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const bool weighted = saved.in_spec(1).defined && saved.needs(0);
  const TensorList out =
      apply(LayerNormGrad{normalized_shape}, dy[0], saved.input(0),
            weighted ? saved.input(1) : Tensor(), saved.output(1), saved.output(2));
  for (int i = 0; i < 3; ++i) {
    if (saved.needs(i)) grads.set(i, out[static_cast<std::size_t>(i)]);
  }
}

SpecList LayerNormGrad::infer(Specs in, bool) const {
  const Spec &dy = in[0], &x = in[1];
  check_defined(name, in, 2);
  check_input(name, dy, normalized_shape);
  if (x.shape != dy.shape || x.dtype != dy.dtype) {
    fail(name, cat("dy ", to_string(dy), " does not match x ", to_string(x)));
  }
  check_affine(name, "weight", in[2], dy, normalized_shape);
  const Shape rows = rows_of(dy.shape, normalized_shape);
  for (const Spec& statistic : in.subspan(3)) {
    if (!statistic.defined || statistic.shape != rows || statistic.dtype != DType::f64) {
      fail(name, cat("mean and rstd must be ", rows, " f64, got ", to_string(statistic)));
    }
  }
  const Spec parameter{normalized_shape, dy.dtype, dy.device};
  return {dy, parameter, parameter};
}

Cost LayerNormGrad::cost(Specs in, Specs out) const {
  // dx takes 10, the sums of the parameters 3.
  const double each = 13.0 + in[2].defined;
  return streaming_cost(each * static_cast<double>(in[0].numel()), in, out);
}

}  // namespace ops

Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight,
                  const Tensor& bias, double eps) {
  return glassbox::apply(ops::LayerNorm{normalized_shape, eps}, autocast::f32(x, weight, bias))[0];
}

}  // namespace glassbox
