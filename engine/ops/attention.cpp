#include "engine/ops/attention.h"

#include <cmath>
#include <limits>

#include "engine/autograd/autocast.h"
#include "engine/ops/create.h"
#include "engine/ops/matmul.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"

namespace glassbox {
namespace ops {

namespace {

Shape without_last(const Shape& x, int count) {
  return Shape(std::span<const std::int64_t>(x.begin(), x.end() - count));
}

// The shape of the scores [..., L, S].
Shape scores_shape(const Spec& q, const Spec& k) {
  Shape scores = q.shape;
  scores[scores.rank() - 1] = k.shape.size(-2);
  return scores;
}

// Whether broadcasting brings `mask` to `scores` and no further.
bool broadcasts_to(const Shape& mask, const Shape& scores) {
  if (mask.rank() > scores.rank()) return false;
  for (int d = 1; d <= mask.rank(); ++d) {
    if (mask.size(-d) != 1 && mask.size(-d) != scores.size(-d)) return false;
  }
  return true;
}

// q, k, v and mask are the first of `in`.
void check_operands(std::string_view op, Specs in) {
  check_defined(op, in, 3);
  const Spec &q = in[0], &k = in[1], &v = in[2], &mask = in[3];
  check_floating(op, in.first(3));
  check_same_dtype(op, in.first(3));
  const auto shapes = [&] { return cat(" (q ", q.shape, ", k ", k.shape, ", v ", v.shape, ")"); };
  for (const Spec& x : in.first(3)) {
    if (x.shape.rank() < 2 || x.shape.rank() != q.shape.rank() ||
        without_last(x.shape, 2) != without_last(q.shape, 2)) {
      fail(op, cat("q, k and v need the same leading sizes and 2 more", shapes()));
    }
  }
  if (q.shape.back() != k.shape.back()) {
    fail(op, cat("q has ", q.shape.back(), " features but k has ", k.shape.back(), shapes()));
  }
  if (k.shape.size(-2) != v.shape.size(-2)) {
    fail(op, cat("k has ", k.shape.size(-2), " rows but v has ", v.shape.size(-2), shapes()));
  }
  if (!mask.defined) return;
  if (mask.dtype != DType::boolean && mask.dtype != q.dtype) {
    fail(op, cat("mask must be bool or ", q.dtype, ", got ", to_string(mask)));
  }
  const Shape scores = scores_shape(q, k);
  if (!broadcasts_to(mask.shape, scores)) {
    fail(op, cat("mask ", mask.shape, " does not broadcast to the scores ", scores));
  }
}

double score_count(const Spec& q, const Spec& k) {
  return static_cast<double>(q.shape.product(0, q.shape.rank() - 1)) *
         static_cast<double>(k.shape.size(-2));
}

}  // namespace

Attrs ScaledDotProductAttention::attrs(Specs) const {
  return {{"is_causal", is_causal, !is_causal},
          {"scale", scale ? Attr::Value(*scale) : Attr::Value("1/sqrt(E)"), !scale}};
}

SpecList ScaledDotProductAttention::infer(Specs in, bool grad) const {
  check_operands(name, in);
  Spec y = in[0];
  y.shape[y.shape.rank() - 1] = in[2].shape.back();
  if (!grad) return {y};
  return {y, Spec{without_last(y.shape, 1), DType::f64, y.device, true, true}};
}

Cost ScaledDotProductAttention::cost(Specs in, Specs out) const {
  const auto e = static_cast<double>(in[0].shape.back() + in[2].shape.back());
  const double scores = score_count(in[0], in[1]);
  return product_cost(scores * e, 5 * scores, in, out);
}

namespace {

// dmask = P (dy v^T - sum of dy y), summed where the mask broadcast.
Tensor mask_grad(const ScaledDotProductAttention& op, const Saved& saved, const Tensor& dy) {
  const Tensor q = saved.input(0), k = saved.input(1), mask = saved.input(3), y = saved.output(0);
  const double scale = op.scale.value_or(1 / std::sqrt(static_cast<double>(q.shape().back())));
  Tensor scores = matmul(q, k, {.transpose_b = true}) * scale + mask;
  if (op.is_causal) {
    const DeviceScope device(scores.device());
    const Tensor rows = reshape(arange(scores.size(-2)), {-1, 1}),
                 columns = arange(scores.size(-1));
    scores = where(ge(rows, columns), scores,
                   full({}, -std::numeric_limits<double>::infinity(), scores.dtype()));
  }
  const Tensor log_sums = unsqueeze(cast(saved.output(1), scores.dtype()), -1);
  const Tensor dp = matmul(dy, saved.input(2), {.transpose_b = true});
  return sum_to(exp(scores - log_sums) * (dp - sum(dy * y, {.dims = {-1}, .keepdim = true})),
                mask.shape());
}

}  // namespace

void ScaledDotProductAttention::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const Tensor mask = saved.in_spec(3).defined ? saved.input(3) : Tensor();
  if (saved.needs(0) || saved.needs(1) || saved.needs(2)) {
    const TensorList out =
        apply(ScaledDotProductAttentionGrad{*this}, dy[0], saved.input(0), saved.input(1),
              saved.input(2), mask, saved.output(0), saved.output(1));
    for (int i = 0; i < 3; ++i) {
      if (saved.needs(i)) grads.set(i, out[static_cast<std::size_t>(i)]);
    }
  }
  if (saved.needs(3)) grads.set(3, mask_grad(*this, saved, dy[0]));
}

SpecList ScaledDotProductAttentionGrad::infer(Specs in, bool) const {
  check_defined(name, in, 4);
  check_operands(name, in.subspan(1, 4));
  Spec y = in[1];
  y.shape[y.shape.rank() - 1] = in[3].shape.back();
  for (const std::size_t i : {std::size_t(0), std::size_t(5)}) {
    if (in[i].defined && in[i].shape == y.shape && in[i].dtype == y.dtype) continue;
    fail(name, cat(i ? "y" : "dy", " must be ", to_string(y), ", got ", to_string(in[i])));
  }
  const Shape rows = without_last(y.shape, 1);
  if (!in[6].defined || in[6].shape != rows || in[6].dtype != DType::f64) {
    fail(name, cat("the log-sums must be ", rows, " f64, got ", to_string(in[6])));
  }
  return {in[1], in[2], in[3]};
}

Cost ScaledDotProductAttentionGrad::cost(Specs in, Specs out) const {
  const auto e = static_cast<double>(in[1].shape.back()),
             ev = static_cast<double>(in[3].shape.back());
  const double scores = score_count(in[1], in[2]);
  return product_cost(scores * (3 * e + 2 * ev), 6 * scores, in, out);
}

}  // namespace ops

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& mask, const ops::ScaledDotProductAttention& op) {
  return glassbox::apply(op, autocast::compute(q, k, v, mask))[0];
}

}  // namespace glassbox
