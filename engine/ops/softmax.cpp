#include "engine/ops/softmax.h"

#include "engine/autograd/autocast.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/reduce.h"

namespace glassbox {

std::string_view name_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::none:
      return "none";
    case Reduction::mean:
      return "mean";
    case Reduction::sum:
      return "sum";
  }
  __builtin_unreachable();
}

namespace ops {

namespace {

SpecList infer_softmax(std::string_view name, Specs in, int dim) {
  check_defined(name, in);
  check_floating(name, in);
  normalize_dim(name, dim, in[0].shape.rank());
  return {in[0]};
}

SpecList infer_softmax_grad(std::string_view name, Specs in, int dim) {
  check_defined(name, in);
  check_floating(name, in);
  check_same_dtype(name, in);
  if (in[0].shape != in[1].shape) {
    fail(name, cat("dy ", in[0].shape, " does not match y ", in[1].shape));
  }
  normalize_dim(name, dim, in[0].shape.rank());
  return {in[0]};
}

Cost softmax_cost(double flops_each, Specs in, Specs out) {
  return streaming_cost(flops_each * static_cast<double>(out[0].numel()), in, out);
}

}  // namespace

SpecList Softmax::infer(Specs in, bool) const { return infer_softmax(name, in, dim); }
SpecList LogSoftmax::infer(Specs in, bool) const { return infer_softmax(name, in, dim); }
SpecList SoftmaxGrad::infer(Specs in, bool) const { return infer_softmax_grad(name, in, dim); }
SpecList LogSoftmaxGrad::infer(Specs in, bool) const { return infer_softmax_grad(name, in, dim); }

// An exponential counts as one: max, subtract, exp, add, and a multiplication or subtraction.
Cost Softmax::cost(Specs in, Specs out) const { return softmax_cost(5, in, out); }
Cost LogSoftmax::cost(Specs in, Specs out) const { return softmax_cost(5, in, out); }
Cost SoftmaxGrad::cost(Specs in, Specs out) const { return softmax_cost(4, in, out); }
Cost LogSoftmaxGrad::cost(Specs in, Specs out) const { return softmax_cost(4, in, out); }

void Softmax::backward(const Saved& saved, Ins dy, Grads& grads) const {
  grads.set(0, apply(SoftmaxGrad{dim}, dy[0], saved.output(0))[0]);
}
void LogSoftmax::backward(const Saved& saved, Ins dy, Grads& grads) const {
  grads.set(0, apply(LogSoftmaxGrad{dim}, dy[0], saved.output(0))[0]);
}

namespace {

Attrs loss_attrs(Reduction reduction, std::int64_t ignore_index) {
  return {{"reduction", std::string(name_of(reduction)), reduction == Reduction::mean},
          {"ignore_index", ignore_index, ignore_index == -100}};
}

void check_targets(std::string_view name, const Spec& targets) {
  if (targets.dtype != DType::i64) {
    fail(name, cat("targets must be i64 class indices, got ", to_string(targets)));
  }
}

// Half-precision scores go with f32 weights.
void check_weight(std::string_view name, const Spec& weight, const Spec& like,
                  std::int64_t classes) {
  if (!weight.defined) return;
  if (weight.shape != Shape{classes}) {
    fail(name, cat("class weight ", weight.shape, " does not match ", classes, " classes"));
  }
  const bool half = like.dtype == DType::f16 || like.dtype == DType::bf16;
  if (weight.dtype != (half ? DType::f32 : like.dtype)) {
    fail(name, cat("class weight ", to_string(weight), " does not match ", to_string(like)));
  }
}

// Checks the three inputs of a loss; returns the shape of the targets.
Shape check_loss(std::string_view name, Specs in) {
  check_defined(name, in, 2);
  const Spec &x = in[0], &targets = in[1];
  check_floating(name, in.first(1));
  if (x.shape.empty()) fail(name, "needs scores [N,C,...], got []");
  const int class_dim = x.shape.rank() > 1 ? 1 : 0;
  Shape rows = x.shape;
  rows.erase(class_dim);
  check_targets(name, targets);
  if (targets.shape != rows) {
    fail(name, cat("input ", x.shape, " needs targets ", rows, ", got ", targets.shape));
  }
  check_weight(name, in[2], x, x.shape[class_dim]);
  return rows;
}

Spec loss_spec(const Spec& x, const Shape& rows, Reduction reduction) {
  Spec out = x;
  out.shape = reduction == Reduction::none ? rows : Shape{};
  return out;
}

Spec internal_f64(const Shape& shape, Device device) {
  return Spec{shape, DType::f64, device, true, true};
}

// dy has the shape of the loss of rows of this shape.
void check_loss_dy(std::string_view name, const Spec& dy, const Shape& rows, Reduction reduction) {
  const Shape expected = reduction == Reduction::none ? rows : Shape{};
  if (dy.shape != expected) {
    fail(name, cat("dy ", dy.shape, " does not match the loss ", expected));
  }
}

void check_total(std::string_view name, const Spec& total) {
  if (!total.shape.empty() || total.dtype != DType::f64) {
    fail(name, cat("the weight of all rows must be [] f64, got ", to_string(total)));
  }
}

void refuse_weight_grad(std::string_view name, const Saved& saved) {
  if (saved.needs(2)) fail(name, "is not differentiable with respect to the class weight");
}

}  // namespace

Attrs NllLoss::attrs(Specs) const { return loss_attrs(reduction, ignore_index); }

SpecList NllLoss::infer(Specs in, bool grad) const {
  const Shape rows = check_loss(name, in);
  SpecList out{loss_spec(in[0], rows, reduction)};
  if (grad) out.push_back(internal_f64({}, in[0].device));
  return out;
}

Cost NllLoss::cost(Specs in, Specs out) const {
  return streaming_cost(2.0 * static_cast<double>(in[1].numel()), in, out);
}

void NllLoss::backward(const Saved& saved, Ins dy, Grads& grads) const {
  refuse_weight_grad(name, saved);
  const Shape& x = saved.in_spec(0).shape;
  const Tensor weight = saved.in_spec(2).defined ? saved.input(2) : Tensor();
  grads.set(0, apply(NllLossGrad{*this, x[x.rank() > 1 ? 1 : 0]}, dy[0], saved.input(1), weight,
                     saved.output(1))[0]);
}

Attrs NllLossGrad::attrs(Specs in) const {
  Attrs attrs = loss.attrs(in);
  attrs.push_back({"classes", classes});
  return attrs;
}

SpecList NllLossGrad::infer(Specs in, bool) const {
  check_defined(name, in, 2);
  check_defined(name, in.subspan(3));
  check_floating(name, in.first(1));
  check_targets(name, in[1]);
  if (classes < 0) fail(name, cat("classes ", classes, " is negative"));
  check_weight(name, in[2], in[0], classes);
  check_loss_dy(name, in[0], in[1].shape, loss.reduction);
  check_total(name, in[3]);
  Spec out = in[0];
  out.shape = in[1].shape;
  out.shape.insert(out.shape.empty() ? 0 : 1, classes);
  return {out};
}

Cost NllLossGrad::cost(Specs in, Specs out) const {
  return streaming_cost(2.0 * static_cast<double>(in[1].numel()), in, out);
}

Attrs CrossEntropy::attrs(Specs) const {
  Attrs attrs = loss_attrs(reduction, ignore_index);
  attrs.push_back({"label_smoothing", label_smoothing, label_smoothing == 0});
  return attrs;
}

SpecList CrossEntropy::infer(Specs in, bool grad) const {
  if (!(label_smoothing >= 0 && label_smoothing <= 1)) {
    fail(name, cat("label_smoothing ", label_smoothing, " must be between 0 and 1"));
  }
  const Shape rows = check_loss(name, in);
  SpecList out{loss_spec(in[0], rows, reduction)};
  if (grad) {
    out.push_back(internal_f64(rows, in[0].device));
    out.push_back(internal_f64({}, in[0].device));
  }
  return out;
}

Cost CrossEntropy::cost(Specs in, Specs out) const {
  const double each = label_smoothing == 0 ? 4 : 6;
  return streaming_cost(each * static_cast<double>(in[0].numel()), in, out);
}

void CrossEntropy::backward(const Saved& saved, Ins dy, Grads& grads) const {
  refuse_weight_grad(name, saved);
  const Tensor weight = saved.in_spec(2).defined ? saved.input(2) : Tensor();
  grads.set(0, apply(CrossEntropyGrad{*this}, dy[0], saved.input(0), saved.input(1), weight,
                     saved.output(1), saved.output(2))[0]);
}

SpecList CrossEntropyGrad::infer(Specs in, bool) const {
  check_defined(name, in, 3);
  check_defined(name, in.subspan(4));
  const Shape rows = check_loss(name, in.subspan(1));
  const Spec pair[] = {in[0], in[1]};
  check_same_dtype(name, pair);
  check_loss_dy(name, in[0], rows, loss.reduction);
  if (in[4].shape != rows || in[4].dtype != DType::f64) {
    fail(name, cat("the log-sums must be ", rows, " f64, got ", to_string(in[4])));
  }
  check_total(name, in[5]);
  return {in[1]};
}

Cost CrossEntropyGrad::cost(Specs in, Specs out) const {
  return streaming_cost(4.0 * static_cast<double>(out[0].numel()), in, out);
}

}  // namespace ops

Tensor softmax(const Tensor& x, int dim) {
  return glassbox::apply(ops::Softmax{dim}, autocast::f32(x))[0];
}
Tensor log_softmax(const Tensor& x, int dim) {
  return glassbox::apply(ops::LogSoftmax{dim}, autocast::f32(x))[0];
}

Tensor nll_loss(const Tensor& log_probabilities, const Tensor& targets, const ops::NllLoss& op,
                const Tensor& weight) {
  return glassbox::apply(op, autocast::f32(log_probabilities, targets, weight))[0];
}
Tensor cross_entropy(const Tensor& x, const Tensor& targets, const ops::CrossEntropy& op,
                     const Tensor& weight) {
  return glassbox::apply(op, autocast::f32(x, targets, weight))[0];
}

Tensor mse_loss(const Tensor& x, const Tensor& y, Reduction reduction) {
  if (x.shape() != y.shape()) {
    fail("mse_loss", cat("x ", x.shape(), " and y ", y.shape(), " have different shapes"));
  }
  const auto [a, b] = autocast::f32(x, y);
  const Tensor squares = pow(a - b, 2);
  if (reduction == Reduction::none) return squares;
  return reduction == Reduction::sum ? sum(squares) : mean(squares);
}

}  // namespace glassbox
