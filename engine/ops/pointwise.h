// Pointwise ops. Each formula and its derivative are written once, as templates that mean the same
// for float, double, SIMD packs and CUDA. Operands broadcast by numpy's rule and have one
// floating-point type; comparisons take integers too and give booleans.
//
// To add one: write the struct, its function at the end, and its name in the list. An op of one
// input has operator()(x) and grad(dy, x, y), and says which of x and y its grad reads.
#pragma once
#include <array>
#include <limits>
#include <tuple>

#include "engine/apply.h"
#include "engine/ops/math.h"

namespace glassbox {

Tensor sum_to(const Tensor& x, const Shape& shape);  // engine/ops/reduce.h

namespace ops {

using math::select;

// --- one input --------------------------------------------------------------------------------

struct Relu {  // y = max(x, 0); the gradient at 0 is 0, and NaN passes both ways
  static constexpr std::string_view name = "relu", kind = "Relu";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = false, grad_reads_y = true;
  bool operator==(const Relu&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    using namespace math;
    return max(x, T(0));
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T, T y) const {
    return select(y <= T(0), T(0), dy);
  }
};

struct LeakyRelu {  // y = x for x > 0, else negative_slope x
  static constexpr std::string_view name = "leaky_relu", kind = "LeakyRelu";
  static constexpr int arity = 1, flops = 2;
  static constexpr bool grad_reads_x = true, grad_reads_y = false;
  double negative_slope = 0.01;
  bool operator==(const LeakyRelu&) const = default;
  Attrs attrs(Specs) const { return {{"negative_slope", negative_slope, negative_slope == 0.01}}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    return select(x > T(0), x, x * T(negative_slope));
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T x, T) const {
    return select(x > T(0), dy, dy * T(negative_slope));
  }
};

struct Gelu {  // y = x Phi(x) with the exact normal distribution: x/2 (1 + erf(x/sqrt 2))
  static constexpr std::string_view name = "gelu", kind = "Gelu";
  static constexpr int arity = 1, flops = 8;
  static constexpr bool grad_reads_x = true, grad_reads_y = false;
  bool operator==(const Gelu&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    using namespace math;
    return x * T(0.5) * (T(1) + erf(x * T(0.70710678118654752440)));
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T x, T) const {
    using namespace math;
    const T cdf = T(0.5) * (T(1) + erf(x * T(0.70710678118654752440)));
    const T pdf = exp(x * x * T(-0.5)) * T(0.39894228040143267794);
    return dy * (cdf + x * pdf);
  }
};

struct Silu {  // y = x / (1 + e^-x)
  static constexpr std::string_view name = "silu", kind = "Silu";
  static constexpr int arity = 1, flops = 4;
  static constexpr bool grad_reads_x = true, grad_reads_y = false;
  bool operator==(const Silu&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    using namespace math;
    return x / (T(1) + exp(-x));
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T x, T) const {
    using namespace math;
    const T s = T(1) / (T(1) + exp(-x));
    return dy * s * (T(1) + x * (T(1) - s));
  }
};

struct Sigmoid {  // y = 1 / (1 + e^-x)
  static constexpr std::string_view name = "sigmoid", kind = "Sigmoid";
  static constexpr int arity = 1, flops = 3;
  static constexpr bool grad_reads_x = false, grad_reads_y = true;
  bool operator==(const Sigmoid&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    using namespace math;
    return T(1) / (T(1) + exp(-x));
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T, T y) const {
    return dy * y * (T(1) - y);
  }
};

struct Tanh {
  static constexpr std::string_view name = "tanh", kind = "Tanh";
  static constexpr int arity = 1, flops = 5;
  static constexpr bool grad_reads_x = false, grad_reads_y = true;
  bool operator==(const Tanh&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    using namespace math;
    return tanh(x);
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T, T y) const {
    return dy * (T(1) - y * y);
  }
};

struct Exp {
  static constexpr std::string_view name = "exp", kind = "Exp";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = false, grad_reads_y = true;
  bool operator==(const Exp&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    using namespace math;
    return exp(x);
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T, T y) const {
    return dy * y;
  }
};

struct Log {
  static constexpr std::string_view name = "log", kind = "Log";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = true, grad_reads_y = false;
  bool operator==(const Log&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    using namespace math;
    return log(x);
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T x, T) const {
    return dy / x;
  }
};

struct Sqrt {
  static constexpr std::string_view name = "sqrt", kind = "Sqrt";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = false, grad_reads_y = true;
  bool operator==(const Sqrt&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    using namespace math;
    return sqrt(x);
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T, T y) const {
    return dy / (T(2) * y);
  }
};

struct Abs {  // the gradient at 0 is 0
  static constexpr std::string_view name = "abs", kind = "Abs";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = true, grad_reads_y = false;
  bool operator==(const Abs&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    using namespace math;
    return abs(x);
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T x, T) const {
    return select(x > T(0), dy, select(x < T(0), -dy, T(0)));
  }
};

struct Neg {
  static constexpr std::string_view name = "neg", kind = "Neg";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = false, grad_reads_y = false;
  bool operator==(const Neg&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    return -x;
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T, T) const {
    return -dy;
  }
};

struct Sin {
  static constexpr std::string_view name = "sin", kind = "Sin";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = true, grad_reads_y = false;
  bool operator==(const Sin&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    using namespace math;
    return sin(x);
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T x, T) const {
    using namespace math;
    return dy * cos(x);
  }
};

struct Cos {
  static constexpr std::string_view name = "cos", kind = "Cos";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = true, grad_reads_y = false;
  bool operator==(const Cos&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    using namespace math;
    return cos(x);
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T x, T) const {
    using namespace math;
    return -(dy * sin(x));
  }
};

struct Clamp {  // y = min(max(x, min), max); the gradient is 0 on a bound and outside
  static constexpr std::string_view name = "clamp", kind = "Clip";
  static constexpr int arity = 1, flops = 2;
  static constexpr bool grad_reads_x = true, grad_reads_y = false;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool operator==(const Clamp&) const = default;
  Attrs attrs(Specs) const {
    return {{"min", min, min == Clamp{}.min}, {"max", max, max == Clamp{}.max}};
  }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    const T raised = select(x < T(min), T(min), x);
    return select(raised > T(max), T(max), raised);
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T x, T) const {
    return select((x > T(min)) & (x < T(max)), dy, T(0));
  }
};

struct Pow {  // y = x^exponent
  static constexpr std::string_view name = "pow", kind = "Pow";
  static constexpr int arity = 1, flops = 2;
  static constexpr bool grad_reads_x = true, grad_reads_y = false;
  double exponent = 2;
  bool operator==(const Pow&) const = default;
  Attrs attrs(Specs) const { return {{"exponent", exponent, exponent == 2}}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    using namespace math;
    if (exponent == 2) return x * x;
    return pow(x, exponent);
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T x, T) const {
    using namespace math;
    if (exponent == 0) return T(0);  // Why: 0 * 0^-1 would be NaN
    if (exponent == 2) return dy * x * T(2);
    return dy * T(exponent) * pow(x, exponent - 1);
  }
};

// x + value, x * value, x / value, value / x, value - x.
struct AddScalar {
  static constexpr std::string_view name = "add_scalar", kind = "Add";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = false, grad_reads_y = false;
  double value = 0;
  bool operator==(const AddScalar&) const = default;
  Attrs attrs(Specs) const { return {{"value", value, value == 0}}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    return x + T(value);
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T, T) const {
    return dy;
  }
};
struct MulScalar {
  static constexpr std::string_view name = "mul_scalar", kind = "Mul";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = false, grad_reads_y = false;
  double value = 1;
  bool operator==(const MulScalar&) const = default;
  Attrs attrs(Specs) const { return {{"value", value, value == 1}}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    return x * T(value);
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T, T) const {
    return dy * T(value);
  }
};
struct DivScalar {
  static constexpr std::string_view name = "div_scalar", kind = "Div";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = false, grad_reads_y = false;
  double value = 1;
  bool operator==(const DivScalar&) const = default;
  Attrs attrs(Specs) const { return {{"value", value, value == 1}}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    return x / T(value);
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T, T) const {
    return dy / T(value);
  }
};
struct RdivScalar {
  static constexpr std::string_view name = "rdiv_scalar", kind = "Div";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = true, grad_reads_y = false;
  double value = 1;
  bool operator==(const RdivScalar&) const = default;
  Attrs attrs(Specs) const { return {{"value", value, value == 1}}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    return T(value) / x;
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T x, T) const {
    return -(dy * T(value) / (x * x));
  }
};
struct RsubScalar {
  static constexpr std::string_view name = "rsub_scalar", kind = "Sub";
  static constexpr int arity = 1, flops = 1;
  static constexpr bool grad_reads_x = false, grad_reads_y = false;
  double value = 0;
  bool operator==(const RsubScalar&) const = default;
  Attrs attrs(Specs) const { return {{"value", value, value == 0}}; }
  template <class T>
  GLASSBOX_HD T operator()(T x) const {
    return T(value) - x;
  }
  template <class T>
  GLASSBOX_HD T grad(T dy, T, T) const {
    return -dy;
  }
};

// --- two and three inputs -----------------------------------------------------------------------

struct Add {
  static constexpr std::string_view name = "add", kind = "Add";
  static constexpr int arity = 2, flops = 1;
  bool operator==(const Add&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T a, T b) const {
    return a + b;
  }
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct Sub {
  static constexpr std::string_view name = "sub", kind = "Sub";
  static constexpr int arity = 2, flops = 1;
  bool operator==(const Sub&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T a, T b) const {
    return a - b;
  }
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct Mul {
  static constexpr std::string_view name = "mul", kind = "Mul";
  static constexpr int arity = 2, flops = 1;
  bool operator==(const Mul&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T a, T b) const {
    return a * b;
  }
  Saves saves() const { return Saves().input(0, grad_of(1)).input(1, grad_of(0)); }
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct Div {
  static constexpr std::string_view name = "div", kind = "Div";
  static constexpr int arity = 2, flops = 1;
  bool operator==(const Div&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T a, T b) const {
    return a / b;
  }
  Saves saves() const { return Saves().input(1).output(0, grad_of(1)); }
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct Minimum {  // of equal operands each gets half of the gradient, as in PyTorch
  static constexpr std::string_view name = "minimum", kind = "Min";
  static constexpr int arity = 2, flops = 1;
  bool operator==(const Minimum&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T a, T b) const {
    using namespace math;
    return min(a, b);
  }
  Saves saves() const { return Saves().input(0).input(1); }
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct Maximum {
  static constexpr std::string_view name = "maximum", kind = "Max";
  static constexpr int arity = 2, flops = 1;
  bool operator==(const Maximum&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T a, T b) const {
    using namespace math;
    return max(a, b);
  }
  Saves saves() const { return Saves().input(0).input(1); }
  void backward(const Saved&, Ins dy, Grads&) const;
};
// The part of dy that goes to a when the lesser of a and b is wanted: all of it, half when they are
// equal, or none; all when one of them is NaN.
struct LesserGrad {
  static constexpr std::string_view name = "lesser_grad", kind = "MinMaxGrad";
  static constexpr int arity = 3, flops = 2;
  bool operator==(const LesserGrad&) const = default;
  Attrs attrs(Specs) const { return {}; }
  template <class T>
  GLASSBOX_HD T operator()(T dy, T a, T b) const {
    return select(a > b, T(0), select(a == b, dy * T(0.5), dy));
  }
};

// --- comparisons: booleans from numbers -------------------------------------------------------

struct Equal {
  static constexpr std::string_view name = "eq", kind = "Equal";
  static constexpr int compares = 2;
  bool operator==(const Equal&) const = default;
  template <class T>
  GLASSBOX_HD bool operator()(T a, T b) const {
    return a == b;
  }
};
struct NotEqual {
  static constexpr std::string_view name = "ne", kind = "NotEqual";
  static constexpr int compares = 2;
  bool operator==(const NotEqual&) const = default;
  template <class T>
  GLASSBOX_HD bool operator()(T a, T b) const {
    return a != b;
  }
};
struct Less {
  static constexpr std::string_view name = "lt", kind = "Less";
  static constexpr int compares = 2;
  bool operator==(const Less&) const = default;
  template <class T>
  GLASSBOX_HD bool operator()(T a, T b) const {
    return a < b;
  }
};
struct LessEqual {
  static constexpr std::string_view name = "le", kind = "LessOrEqual";
  static constexpr int compares = 2;
  bool operator==(const LessEqual&) const = default;
  template <class T>
  GLASSBOX_HD bool operator()(T a, T b) const {
    return a <= b;
  }
};
struct Greater {
  static constexpr std::string_view name = "gt", kind = "Greater";
  static constexpr int compares = 2;
  bool operator==(const Greater&) const = default;
  template <class T>
  GLASSBOX_HD bool operator()(T a, T b) const {
    return a > b;
  }
};
struct GreaterEqual {
  static constexpr std::string_view name = "ge", kind = "GreaterOrEqual";
  static constexpr int compares = 2;
  bool operator==(const GreaterEqual&) const = default;
  template <class T>
  GLASSBOX_HD bool operator()(T a, T b) const {
    return a >= b;
  }
};

struct Where {  // y = a where the boolean condition holds, else b; all three broadcast
  static constexpr std::string_view name = "where", kind = "Where";
  bool operator==(const Where&) const = default;
  Attrs attrs(Specs) const { return {}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
  Saves saves() const { return Saves().input(0); }
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct Cast {  // the same values as another type; to an integer truncates, to boolean is != 0
  static constexpr std::string_view name = "cast", kind = "Cast";
  DType dtype = DType::f32;
  bool operator==(const Cast&) const = default;
  Attrs attrs(Specs) const { return {{"dtype", std::string(name_of(dtype)), dtype == DType::f32}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

// --- the lists that kernels are made from -------------------------------------------------------

template <class... Ops>
struct OpList {};
using UnaryOps = OpList<Relu, LeakyRelu, Gelu, Silu, Sigmoid, Tanh, Exp, Log, Sqrt, Abs, Neg, Sin,
                        Cos, Clamp, Pow, AddScalar, MulScalar, DivScalar, RdivScalar, RsubScalar>;
using BinaryOps = OpList<Add, Sub, Mul, Div, Minimum, Maximum, LesserGrad>;
using CompareOps = OpList<Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual>;

template <class F>
concept Pointwise = requires {
  { F::arity } -> std::convertible_to<int>;
};
template <class F>
concept PointwiseUnary = Pointwise<F> && F::arity == 1;
template <class F>
concept Comparison = requires {
  { F::compares } -> std::convertible_to<int>;
};

namespace detail {
template <class F, class List>
inline constexpr bool listed = false;
template <class F, class... Ops>
inline constexpr bool listed<F, OpList<Ops...>> = (std::is_same_v<F, Ops> || ...);

template <std::size_t N>
constexpr auto with_suffix(std::string_view base, const char (&suffix)[N]) {
  std::array<char, 64> text{};
  std::size_t n = 0;
  for (char c : base) text[n++] = c;
  for (std::size_t i = 0; i + 1 < N; ++i) text[n++] = suffix[i];
  return text;
}
template <class F>
inline constexpr auto grad_name = with_suffix(F::name, "_grad");
template <class F>
inline constexpr auto grad_kind = with_suffix(F::kind, "Grad");
}  // namespace detail

SpecList infer_pointwise(std::string_view name, Specs in, int arity);
SpecList infer_pointwise_grad(std::string_view name, Specs in, bool reads_x, bool reads_y);
SpecList infer_comparison(std::string_view name, Specs in);

// dx of a pointwise op of one input. Inputs: dy, x, y; the last two are absent when not read.
template <PointwiseUnary F>
struct PointwiseGrad {
  static constexpr std::string_view name{detail::grad_name<F>.data(), F::name.size() + 5};
  static constexpr std::string_view kind{detail::grad_kind<F>.data(), F::kind.size() + 4};
  F f = {};
  bool operator==(const PointwiseGrad&) const = default;
  Attrs attrs(Specs in) const { return f.attrs(in); }
  SpecList infer(Specs in, bool) const {
    return infer_pointwise_grad(name, in, F::grad_reads_x, F::grad_reads_y);
  }
  Cost cost(Specs in, Specs out) const {
    return streaming_cost((F::flops + 1.0) * static_cast<double>(out[0].numel()), in, out);
  }
};

// What a pointwise struct leaves to its family (see engine/apply.h).

template <Pointwise F>
SpecList infer(const F&, Specs in, bool) {
  return infer_pointwise(F::name, in, F::arity);
}
template <Comparison F>
SpecList infer(const F&, Specs in, bool) {
  return infer_comparison(F::name, in);
}
template <Pointwise F>
Cost cost(const F&, Specs in, Specs out) {
  return streaming_cost(F::flops * static_cast<double>(out[0].numel()), in, out);
}
template <Comparison F>
Cost cost(const F&, Specs in, Specs out) {
  return streaming_cost(static_cast<double>(out[0].numel()), in, out);
}
template <Comparison F>
Attrs attrs(const F&, Specs) {
  return {};
}
template <PointwiseUnary F>
Saves saves(const F&) {
  Saves saves;
  if (F::grad_reads_x) saves.input(0);
  if (F::grad_reads_y) saves.output(0);
  return saves;
}
template <PointwiseUnary F>
void backward(const F& f, const Saved& saved, Ins dy, Grads& grads) {
  grads.set(0, apply(PointwiseGrad<F>{f}, dy[0], F::grad_reads_x ? saved.input(0) : Tensor(),
                     F::grad_reads_y ? saved.output(0) : Tensor())[0]);
}

}  // namespace ops

// --- CPU kernels --------------------------------------------------------------------------------

namespace cpu {
// Vectorised; made in engine/cpu for the ops in the lists.
template <ops::Pointwise F>
void run_pointwise(const F& f, Context& ctx, Ins in, Outs out);
template <ops::PointwiseUnary F>
void run_pointwise_grad(const F& f, Context& ctx, Ins in, Outs out);
template <ops::Comparison F>
void run_comparison(const F& f, Context& ctx, Ins in, Outs out);

// The plain loop, for a pointwise op that is not in the lists: one's own.
template <class T, int N, class F>
void scalar_loop(const F& f, Ins in, Outs out) {
  const std::span<T> y = out[0].template mutable_data<T>();
  const Shape& shape = out[0].shape();
  std::array<const T*, N> data{};
  std::array<Shape, N> strides;
  for (int k = 0; k < N; ++k) {
    const Tensor& x = in[static_cast<std::size_t>(k)];
    if (!x.defined()) continue;
    data[k] = reinterpret_cast<const T*>(x.raw());
    for (int d = 0; d < shape.rank(); ++d) {
      const int own = d - (shape.rank() - x.dim());
      strides[k].push_back(own < 0 || x.shape()[own] == 1 ? 0
                                                          : x.shape().product(own + 1, x.dim()));
    }
  }
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    std::array<T, N> v{};
    for (int k = 0; k < N; ++k) {
      if (!data[k]) continue;
      std::int64_t rest = i, at = 0;
      for (int d = shape.rank() - 1; d >= 0; --d) {
        at += rest % shape[d] * strides[k][d];
        rest /= shape[d];
      }
      v[k] = data[k][at];
    }
    y[static_cast<std::size_t>(i)] = std::apply(f, v);
  }
}
}  // namespace cpu

template <ops::Pointwise F>
void run(const F& f, cpu::Context& ctx, Ins in, Outs out) {
  if constexpr (ops::detail::listed<F, ops::UnaryOps> || ops::detail::listed<F, ops::BinaryOps>) {
    cpu::run_pointwise(f, ctx, in, out);
  } else if (out[0].dtype() == DType::f64) {
    cpu::scalar_loop<double, F::arity>(f, in, out);
  } else {
    cpu::scalar_loop<float, F::arity>(f, in, out);
  }
}
template <ops::PointwiseUnary F>
void run(const ops::PointwiseGrad<F>& op, cpu::Context& ctx, Ins in, Outs out) {
  const auto grad = [&op](auto dy, auto x, auto y) { return op.f.grad(dy, x, y); };
  if constexpr (ops::detail::listed<F, ops::UnaryOps>) {
    cpu::run_pointwise_grad(op.f, ctx, in, out);
  } else if (out[0].dtype() == DType::f64) {
    cpu::scalar_loop<double, 3>(grad, in, out);
  } else {
    cpu::scalar_loop<float, 3>(grad, in, out);
  }
}
template <ops::Comparison F>
void run(const F& f, cpu::Context& ctx, Ins in, Outs out) {
  cpu::run_comparison(f, ctx, in, out);
}
void run(const ops::Where&, cpu::Context&, Ins, Outs);
void run(const ops::Cast&, cpu::Context&, Ins, Outs);

// --- functions --------------------------------------------------------------------------------

Tensor relu(const Tensor& x);
Tensor leaky_relu(const Tensor& x, const ops::LeakyRelu& op = {});
Tensor gelu(const Tensor& x);
Tensor silu(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor abs(const Tensor& x);
Tensor neg(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor clamp(const Tensor& x, const ops::Clamp& op);
Tensor pow(const Tensor& x, double exponent);

Tensor operator-(const Tensor& x);
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);
Tensor operator+(double a, const Tensor& b);
Tensor operator-(double a, const Tensor& b);
Tensor operator*(double a, const Tensor& b);
Tensor operator/(double a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, const Tensor& b);

Tensor eq(const Tensor& a, const Tensor& b);
Tensor ne(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor cast(const Tensor& x, DType dtype);

}  // namespace glassbox
