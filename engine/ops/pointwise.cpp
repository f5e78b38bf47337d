#include "engine/ops/pointwise.h"

#include "engine/autograd/autocast.h"
#include "engine/ops/create.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"

namespace glassbox {
namespace ops {

namespace {

Spec broadcast_all(std::string_view name, Specs in) {
  Spec out = in[0];
  for (const Spec& spec : in.subspan(1)) {
    out.shape = broadcast_shapes(name, out.shape, spec.shape);
  }
  return out;
}

}  // namespace

SpecList infer_pointwise(std::string_view name, Specs in, int arity) {
  check_defined(name, in, static_cast<std::size_t>(arity));
  check_floating(name, in);
  check_same_dtype(name, in);
  return {broadcast_all(name, in)};
}

SpecList infer_pointwise_grad(std::string_view name, Specs in, bool reads_x, bool reads_y) {
  const Spec& dy = in[0];
  check_defined(name, in, 1);
  check_floating(name, in);
  for (int i = 1; i < 3; ++i) {
    const Spec& read = in[static_cast<std::size_t>(i)];
    if (!(i == 1 ? reads_x : reads_y)) continue;
    if (!read.defined) fail(name, cat("operand ", i, " is undefined"));
    if (read.shape != dy.shape || read.dtype != dy.dtype) {
      fail(name, cat(i == 1 ? "x " : "y ", to_string(read), " does not match dy ", to_string(dy)));
    }
  }
  return {dy};
}

SpecList infer_comparison(std::string_view name, Specs in) {
  check_defined(name, in);
  check_same_dtype(name, in);
  Spec out = broadcast_all(name, in);
  out.dtype = DType::boolean;
  return {out};
}

void Add::backward(const Saved& saved, Ins dy, Grads& grads) const {
  for (int i = 0; i < 2; ++i) {
    if (saved.needs(i)) grads.set(i, sum_to(dy[0], saved.in_spec(i).shape));
  }
}

void Sub::backward(const Saved& saved, Ins dy, Grads& grads) const {
  if (saved.needs(0)) grads.set(0, sum_to(dy[0], saved.in_spec(0).shape));
  if (saved.needs(1)) grads.set(1, neg(sum_to(dy[0], saved.in_spec(1).shape)));
}

void Mul::backward(const Saved& saved, Ins dy, Grads& grads) const {
  if (saved.needs(0)) grads.set(0, sum_to(dy[0] * saved.input(1), saved.in_spec(0).shape));
  if (saved.needs(1)) grads.set(1, sum_to(dy[0] * saved.input(0), saved.in_spec(1).shape));
}

void Div::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const Tensor da = dy[0] / saved.input(1);
  if (saved.needs(0)) grads.set(0, sum_to(da, saved.in_spec(0).shape));
  if (saved.needs(1)) grads.set(1, sum_to(neg(da * saved.output(0)), saved.in_spec(1).shape));
}

void Minimum::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const Tensor a = saved.input(0), b = saved.input(1);
  if (saved.needs(0)) grads.set(0, sum_to(apply(LesserGrad{}, dy[0], a, b)[0], a.shape()));
  if (saved.needs(1)) grads.set(1, sum_to(apply(LesserGrad{}, dy[0], b, a)[0], b.shape()));
}

void Maximum::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const Tensor a = saved.input(0), b = saved.input(1);
  if (saved.needs(0)) grads.set(0, sum_to(apply(LesserGrad{}, dy[0], b, a)[0], a.shape()));
  if (saved.needs(1)) grads.set(1, sum_to(apply(LesserGrad{}, dy[0], a, b)[0], b.shape()));
}

SpecList Where::infer(Specs in, bool) const {
  check_defined(name, in);
  if (in[0].dtype != DType::boolean) {
    fail(name, cat("the condition must be bool, got ", to_string(in[0])));
  }
  check_same_dtype(name, in.subspan(1));
  Spec out = in[1];
  out.shape = broadcast_shapes(name, in[0].shape, broadcast_shapes(name, in[1].shape, in[2].shape));
  return {out};
}

void Where::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const Tensor zero = full({}, 0.0, dy[0].dtype(), dy[0].device());
  const Tensor condition = saved.input(0);
  if (saved.needs(1)) {
    grads.set(1, sum_to(where(condition, dy[0], zero), saved.in_spec(1).shape));
  }
  if (saved.needs(2)) {
    grads.set(2, sum_to(where(condition, zero, dy[0]), saved.in_spec(2).shape));
  }
}

SpecList Cast::infer(Specs in, bool) const {
  check_defined(name, in);
  Spec out = in[0];
  out.dtype = dtype;
  return {out};
}

void Cast::backward(const Saved& saved, Ins dy, Grads& grads) const {
  grads.set(0, cast(dy[0], saved.in_spec(0).dtype));
}

}  // namespace ops

namespace {

// A scalar beside an integer or boolean tensor has no op of its own: the CPU computes floats.
template <class Op>
Tensor with_scalar(const Tensor& x, double value) {
  return apply(Op{value}, x)[0];
}

template <class Op>
Tensor of_two(const Tensor& a, const Tensor& b) {
  return glassbox::apply(Op{}, autocast::widest(a, b))[0];
}
template <class Op>
Tensor in_f32(const Op& op, const Tensor& x) {
  return glassbox::apply(op, autocast::f32(x))[0];
}

}  // namespace

Tensor relu(const Tensor& x) { return apply(ops::Relu{}, x)[0]; }
Tensor leaky_relu(const Tensor& x, const ops::LeakyRelu& op) { return apply(op, x)[0]; }
Tensor gelu(const Tensor& x) { return apply(ops::Gelu{}, x)[0]; }
Tensor silu(const Tensor& x) { return apply(ops::Silu{}, x)[0]; }
Tensor sigmoid(const Tensor& x) { return apply(ops::Sigmoid{}, x)[0]; }
Tensor tanh(const Tensor& x) { return apply(ops::Tanh{}, x)[0]; }
Tensor exp(const Tensor& x) { return in_f32(ops::Exp{}, x); }
Tensor log(const Tensor& x) { return in_f32(ops::Log{}, x); }
Tensor sqrt(const Tensor& x) { return apply(ops::Sqrt{}, x)[0]; }
Tensor abs(const Tensor& x) { return apply(ops::Abs{}, x)[0]; }
Tensor neg(const Tensor& x) { return apply(ops::Neg{}, x)[0]; }
Tensor sin(const Tensor& x) { return apply(ops::Sin{}, x)[0]; }
Tensor cos(const Tensor& x) { return apply(ops::Cos{}, x)[0]; }
Tensor clamp(const Tensor& x, const ops::Clamp& op) { return apply(op, x)[0]; }
Tensor pow(const Tensor& x, double exponent) { return in_f32(ops::Pow{exponent}, x); }

Tensor operator-(const Tensor& x) { return neg(x); }
Tensor operator+(const Tensor& a, const Tensor& b) { return of_two<ops::Add>(a, b); }
Tensor operator-(const Tensor& a, const Tensor& b) { return of_two<ops::Sub>(a, b); }
Tensor operator*(const Tensor& a, const Tensor& b) { return of_two<ops::Mul>(a, b); }
Tensor operator/(const Tensor& a, const Tensor& b) { return of_two<ops::Div>(a, b); }
Tensor operator+(const Tensor& a, double b) { return with_scalar<ops::AddScalar>(a, b); }
Tensor operator-(const Tensor& a, double b) { return with_scalar<ops::AddScalar>(a, -b); }
Tensor operator*(const Tensor& a, double b) { return with_scalar<ops::MulScalar>(a, b); }
Tensor operator/(const Tensor& a, double b) { return with_scalar<ops::DivScalar>(a, b); }
Tensor operator+(double a, const Tensor& b) { return with_scalar<ops::AddScalar>(b, a); }
Tensor operator-(double a, const Tensor& b) { return with_scalar<ops::RsubScalar>(b, a); }
Tensor operator*(double a, const Tensor& b) { return with_scalar<ops::MulScalar>(b, a); }
Tensor operator/(double a, const Tensor& b) { return with_scalar<ops::RdivScalar>(b, a); }
Tensor minimum(const Tensor& a, const Tensor& b) { return of_two<ops::Minimum>(a, b); }
Tensor maximum(const Tensor& a, const Tensor& b) { return of_two<ops::Maximum>(a, b); }

Tensor eq(const Tensor& a, const Tensor& b) { return of_two<ops::Equal>(a, b); }
Tensor ne(const Tensor& a, const Tensor& b) { return of_two<ops::NotEqual>(a, b); }
Tensor lt(const Tensor& a, const Tensor& b) { return of_two<ops::Less>(a, b); }
Tensor le(const Tensor& a, const Tensor& b) { return of_two<ops::LessEqual>(a, b); }
Tensor gt(const Tensor& a, const Tensor& b) { return of_two<ops::Greater>(a, b); }
Tensor ge(const Tensor& a, const Tensor& b) { return of_two<ops::GreaterEqual>(a, b); }
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return glassbox::apply(ops::Where{}, autocast::widest(condition, a, b))[0];
}
Tensor cast(const Tensor& x, DType dtype) {
  return x.dtype() == dtype ? x : apply(ops::Cast{dtype}, x)[0];
}
Tensor Tensor::to(DType dtype) const { return cast(*this, dtype); }

}  // namespace glassbox
