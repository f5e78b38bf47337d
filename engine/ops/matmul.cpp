#include "engine/ops/matmul.h"

#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"

namespace glassbox {
namespace ops {

SpecList MatMul::infer(Specs in, bool) const {
  check_defined(name, in);
  check_rank(name, "a", in[0], 2);
  check_rank(name, "b", in[1], 2);
  check_floating(name, in);
  check_same_dtype(name, in);
  const Shape &a = in[0].shape, &b = in[1].shape;
  const std::int64_t a_columns = a[transpose_a ? 0 : 1], b_rows = b[transpose_b ? 1 : 0];
  if (a_columns != b_rows) {
    fail(name,
         cat("a has ", a_columns, " columns but b has ", b_rows, " rows (a ", a,
             transpose_a ? " transposed" : "", ", b ", b, transpose_b ? " transposed" : "", ")"));
  }
  Spec out = in[0];
  out.shape = {a[transpose_a ? 1 : 0], b[transpose_b ? 0 : 1]};
  return {out};
}

Cost MatMul::cost(Specs in, Specs out) const {
  const std::int64_t k = in[0].shape[transpose_a ? 0 : 1];
  return product_cost(static_cast<double>(out[0].numel()) * static_cast<double>(k), 0, in, out);
}

void MatMul::backward(const Saved& saved, Ins dy, Grads& grads) const {
  // With A and B the operands as multiplied, dA = dy B^T and dB = A^T dy.
  if (saved.needs(0)) {
    const Tensor b = saved.input(1);
    grads.set(0, transpose_a ? matmul(b, dy[0], {.transpose_a = transpose_b, .transpose_b = true})
                             : matmul(dy[0], b, {.transpose_b = !transpose_b}));
  }
  if (saved.needs(1)) {
    const Tensor a = saved.input(0);
    grads.set(1, transpose_b ? matmul(dy[0], a, {.transpose_a = true, .transpose_b = transpose_a})
                             : matmul(a, dy[0], {.transpose_a = !transpose_a}));
  }
}

namespace {

// x [..., n] as the matrix [product of the others, n].
Tensor as_matrix(const Tensor& x) {
  const Shape& shape = x.shape();
  return reshape(x, Shape{shape.product(0, shape.rank() - 1), shape.back()});
}

}  // namespace

Attrs Linear::attrs(Specs in) const {
  return {{"in_features", in[1].shape[1]},
          {"out_features", in[1].shape[0]},
          {"bias", in[2].defined, in[2].defined}};
}

SpecList Linear::infer(Specs in, bool) const {
  const Spec &x = in[0], &w = in[1], &b = in[2];
  check_defined(name, in, 2);
  check_rank(name, "weight", w, 2);
  check_floating(name, in);
  check_same_dtype(name, in);
  if (x.shape.empty()) fail(name, "x needs at least 1 dimension, got []");
  if (x.shape.back() != w.shape[1]) {
    fail(name, cat("input has ", x.shape.back(), " features but weight expects ", w.shape[1],
                   " (x ", x.shape, ", w ", w.shape, ")"));
  }
  if (b.defined && b.shape != Shape{w.shape[0]}) {
    fail(name, cat("bias ", b.shape, " does not match the ", w.shape[0],
                   " features that weight gives (w ", w.shape, ")"));
  }
  Spec out = x;
  out.shape[out.shape.rank() - 1] = w.shape[0];
  return {out};
}

Cost Linear::cost(Specs in, Specs out) const {
  const auto outputs = static_cast<double>(out[0].numel());
  const double adds = in[2].defined ? outputs : 0;
  return product_cost(outputs * static_cast<double>(in[1].shape[1]), adds, in, out);
}

void Linear::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const Tensor rows = as_matrix(dy[0]);
  if (saved.needs(0)) {
    grads.set(0, reshape(matmul(rows, saved.input(1)), saved.in_spec(0).shape));
  }
  if (saved.needs(1)) {
    grads.set(1, matmul(rows, as_matrix(saved.input(0)), {.transpose_a = true}));
  }
  if (saved.needs(2)) grads.set(2, sum(rows, {.dims = {0}}));
}

}  // namespace ops

Tensor matmul(const Tensor& a, const Tensor& b, const ops::MatMul& op) {
  return apply(op, a, b)[0];
}
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) {
  return apply(ops::Linear{}, x, w, b)[0];
}

}  // namespace glassbox
