#include "engine/ops/matmul.h"

#include "engine/autograd/autocast.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"

namespace glassbox {
namespace ops {

namespace {

// The operand as matrices: a vector is a row on the left, a column on the right.
Shape left_matrices(const Shape& a) { return a.rank() == 1 ? Shape{1, a[0]} : a; }
Shape right_matrices(const Shape& b) { return b.rank() == 1 ? Shape{b[0], 1} : b; }

// Sizes of the last two dimensions as multiplied.
std::int64_t rows_of(const Shape& x, bool transposed) { return x.size(transposed ? -1 : -2); }
std::int64_t columns_of(const Shape& x, bool transposed) { return x.size(transposed ? -2 : -1); }

Shape batch_of(const Shape& x) {
  return Shape(std::span<const std::int64_t>(x.begin(), x.end() - 2));
}

void check_factor(std::string_view op, std::string_view operand, const Spec& spec,
                  bool transposed) {
  if (spec.shape.rank() >= (transposed ? 2 : 1)) return;
  fail(op, cat(operand, " must have at least ",
               transposed ? "2 dimensions to be transposed" : "1 dimension", ", got ", spec.shape));
}

// x as the matrix [product of all sizes but the last, the last].
Tensor as_matrix(const Tensor& x) {
  const Shape& shape = x.shape();
  return reshape(x, Shape{shape.product(0, shape.rank() - 1), shape.back()});
}

}  // namespace

SpecList MatMul::infer(Specs in, bool) const {
  check_defined(name, in);
  check_factor(name, "a", in[0], transpose_a);
  check_factor(name, "b", in[1], transpose_b);
  check_floating(name, in);
  check_same_dtype(name, in);
  const Shape a = left_matrices(in[0].shape), b = right_matrices(in[1].shape);
  const std::int64_t columns = columns_of(a, transpose_a), rows = rows_of(b, transpose_b);
  if (columns != rows) {
    fail(name, cat("a has ", columns, " columns but b has ", rows, " rows (a ", in[0].shape,
                   transpose_a ? " transposed" : "", ", b ", in[1].shape,
                   transpose_b ? " transposed" : "", ")"));
  }
  Spec out = in[0];
  out.shape = broadcast_shapes(name, batch_of(a), batch_of(b));
  if (in[0].shape.rank() > 1) out.shape.push_back(rows_of(a, transpose_a));
  if (in[1].shape.rank() > 1) out.shape.push_back(columns_of(b, transpose_b));
  return {out};
}

Cost MatMul::cost(Specs in, Specs out) const {
  const std::int64_t k = columns_of(left_matrices(in[0].shape), transpose_a);
  return product_cost(static_cast<double>(out[0].numel()) * static_cast<double>(k), 0, in, out);
}

void MatMul::backward(const Saved& saved, Ins dy, Grads& grads) const {
  // With A and B the operands as multiplied, dA = dy B^T and dB = A^T dy; what broadcasting
  // repeated is added up.
  const Shape &a_shape = saved.in_spec(0).shape, &b_shape = saved.in_spec(1).shape;
  const Shape a_as = left_matrices(a_shape), b_as = right_matrices(b_shape);
  const auto shaped = [](const Tensor& x, const Shape& shape) {
    return x.shape() == shape ? x : reshape(x, shape);
  };
  Shape d_as = broadcast_shapes(name, batch_of(a_as), batch_of(b_as));
  d_as.push_back(rows_of(a_as, transpose_a));
  d_as.push_back(columns_of(b_as, transpose_b));
  const Tensor d = shaped(dy[0], d_as);
  if (saved.needs(0)) {
    const Tensor b = shaped(saved.input(1), b_as);
    const Tensor da = transpose_a ? matmul(b, d, {.transpose_a = transpose_b, .transpose_b = true})
                                  : matmul(d, b, {.transpose_b = !transpose_b});
    grads.set(0, shaped(sum_to(da, a_as), a_shape));
  }
  if (saved.needs(1)) {
    Tensor a = shaped(saved.input(0), a_as), d_rows = d;
    // One b for all of a's rows: its gradient is one product, not a sum of them.
    if (b_as.rank() == 2 && a_as.rank() > 2 && !transpose_a) {
      a = as_matrix(a);
      d_rows = as_matrix(d);
    }
    const Tensor db = transpose_b
                          ? matmul(d_rows, a, {.transpose_a = true, .transpose_b = transpose_a})
                          : matmul(a, d_rows, {.transpose_a = !transpose_a});
    grads.set(1, shaped(sum_to(db, b_as), b_shape));
  }
}

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
  return glassbox::apply(op, autocast::compute(a, b))[0];
}
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) {
  return glassbox::apply(ops::Linear{}, autocast::compute(x, w, b))[0];
}

}  // namespace glassbox
