#include "engine/ops/lstm.h"

#include <algorithm>

#include "engine/autograd/autocast.h"

namespace glassbox {
namespace ops {

namespace {

// T, N, I and H of an x and a w_hh that were checked.
struct Sizes {
  std::int64_t t, n, i, h;
  Sizes(const Spec& x, const Spec& w_hh)
      : t(x.shape[0]), n(x.shape[1]), i(x.shape[2]), h(w_hh.shape[1]) {}
  double cells() const { return static_cast<double>(t) * static_cast<double>(n * h); }
  double macs() const { return 4 * cells() * static_cast<double>(i + h); }
};

Attrs sizes_attrs(const Spec& w_ih, const Spec& w_hh) {
  return {{"input_size", w_ih.shape[1]}, {"hidden_size", w_hh.shape[1]}};
}

void check_operand(std::string_view op, std::string_view operand, const Spec& spec, const Spec& x,
                   const Shape& shape, bool required) {
  if (!spec.defined) {
    if (required) fail(op, cat(operand, " is undefined"));
    return;
  }
  if (spec.shape != shape || spec.dtype != x.dtype) {
    fail(op, cat(operand, " must be ", shape, " ", x.dtype, " for x ", to_string(x), ", got ",
                 to_string(spec)));
  }
}

// w_hh says the hidden size; everything else must fit x and it.
Sizes check_sequence(std::string_view op, const Spec& x, const Spec& h0, const Spec& c0,
                     const Spec& w_ih, const Spec& w_hh) {
  if (!x.defined) fail(op, "x is undefined");
  check_rank(op, "x", x, 3);
  check_floating(op, Specs(&x, 1));
  if (!w_hh.defined) fail(op, "w_hh is undefined");
  if (w_hh.shape.rank() != 2 || w_hh.shape[0] != 4 * w_hh.shape[1] || w_hh.dtype != x.dtype) {
    fail(op, cat("w_hh must be [4H,H] ", x.dtype, ", got ", to_string(w_hh)));
  }
  const Sizes s(x, w_hh);
  check_operand(op, "w_ih", w_ih, x, {4 * s.h, s.i}, true);
  check_operand(op, "h0", h0, x, {s.n, s.h}, false);
  check_operand(op, "c0", c0, x, {s.n, s.h}, false);
  return s;
}

}  // namespace

Attrs Lstm::attrs(Specs in) const {
  Attrs attrs = sizes_attrs(in[3], in[4]);
  attrs.emplace_back("bias", in[5].defined || in[6].defined, in[5].defined || in[6].defined);
  attrs.emplace_back("reverse", reverse, !reverse);
  return attrs;
}

SpecList Lstm::infer(Specs in, bool grad) const {
  const Spec& x = in[0];
  const Sizes s = check_sequence(name, x, in[1], in[2], in[3], in[4]);
  check_operand(name, "b_ih", in[5], x, {4 * s.h}, false);
  check_operand(name, "b_hh", in[6], x, {4 * s.h}, false);
  const Spec y{{s.t, s.n, s.h}, x.dtype, x.device}, state{{s.n, s.h}, x.dtype, x.device};
  if (!grad) return {y, state, state};
  const Spec gates{{s.t, s.n, 4 * s.h}, x.dtype, x.device, true, true};
  const Spec cells{y.shape, x.dtype, x.device, true, true};
  SpecList out{y, state, state, gates};
  out.push_back(cells);
  return out;
}

Cost Lstm::cost(Specs in, Specs out) const {
  const Sizes s(in[0], in[4]);
  const double each = 4 + 4.0 * (in[5].defined + in[6].defined) + 9 + 10 + 4;
  return product_cost(s.macs(), each * s.cells(), in, out);
}

void Lstm::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const auto given = [&](int i) { return saved.in_spec(i).defined ? saved.input(i) : Tensor(); };
  const TensorList out =
      apply(LstmGrad{reverse}, dy[0], dy[1], dy[2], saved.input(0), given(1), given(2),
            saved.input(3), saved.input(4), saved.output(0), saved.output(3), saved.output(4));
  for (int i = 0; i < 7; ++i) {
    if (saved.needs(i)) grads.set(i, out[static_cast<std::size_t>(std::min(i, 5))]);
  }
}

Attrs LstmGrad::attrs(Specs in) const {
  Attrs attrs = sizes_attrs(in[6], in[7]);
  attrs.emplace_back("reverse", reverse, !reverse);
  return attrs;
}

SpecList LstmGrad::infer(Specs in, bool) const {
  const Spec& x = in[3];
  const Sizes s = check_sequence(name, x, in[4], in[5], in[6], in[7]);
  const Shape y{s.t, s.n, s.h}, state{s.n, s.h};
  check_operand(name, "dy", in[0], x, y, false);
  check_operand(name, "dh_n", in[1], x, state, false);
  check_operand(name, "dc_n", in[2], x, state, false);
  check_operand(name, "y", in[8], x, y, true);
  check_operand(name, "gates", in[9], x, {s.t, s.n, 4 * s.h}, true);
  check_operand(name, "cells", in[10], x, y, true);
  const Spec state_spec{state, x.dtype, x.device};
  SpecList out{x, state_spec, state_spec, in[6]};
  out.push_back(in[7]);
  out.push_back(Spec{{4 * s.h}, x.dtype, x.device});
  return out;
}

Cost LstmGrad::cost(Specs in, Specs out) const {
  const Sizes s(in[3], in[7]);
  return product_cost(2 * s.macs(), (4 + 30) * s.cells(), in, out);
}

}  // namespace ops

LstmResult lstm(const Tensor& x, const Tensor& h0, const Tensor& c0, const LstmWeights& weights,
                const ops::Lstm& op) {
  const TensorList out = glassbox::apply(
      op, autocast::f32(x, h0, c0, weights.w_ih, weights.w_hh, weights.b_ih, weights.b_hh));
  return {out[0], out[1], out[2]};
}

}  // namespace glassbox
