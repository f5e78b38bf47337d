#include "engine/ops/index.h"

#include "engine/ops/pointwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"

namespace glassbox {
namespace ops {

namespace {

Shape without(std::string_view op, const Shape& x, int dim, bool keepdim) {
  Shape out = x;
  const int d = normalize_dim(op, dim, x.rank());
  if (keepdim)
    out[d] = 1;
  else
    out.erase(d);
  return out;
}

void check_not_empty(std::string_view op, const Shape& x, std::int64_t reduced) {
  if (reduced == 0) fail(op, cat("no largest or smallest of nothing: x is ", x));
}

SpecList values_and_indices(std::string_view op, Specs in, int dim, bool keepdim) {
  check_defined(op, in);
  const Shape& x = in[0].shape;
  Spec values = in[0];
  values.shape = without(op, x, dim, keepdim);
  if (values.shape.numel() != 0) check_not_empty(op, x, x.size(dim));
  Spec indices = values;
  indices.dtype = DType::i64;
  return {values, indices};
}

SpecList one_value(std::string_view op, Specs in) {
  check_defined(op, in);
  check_not_empty(op, in[0].shape, in[0].numel());
  Spec out = in[0];
  out.shape = {};
  return {out};
}

void pick_backward(std::string_view op, const Saved& saved, Ins dy, Grads& grads, int dim,
                   bool keepdim) {
  if (!dy[0].defined()) return;
  const Shape& x = saved.in_spec(0).shape;
  grads.set(0, apply(PickGrad{dim, keepdim, x[normalize_dim(op, dim, x.rank())]}, dy[0],
                     saved.output(1))[0]);
}

void share_backward(const Saved& saved, Ins dy, Grads& grads) {
  const Tensor x = saved.input(0);
  // x != x are the NaNs: where there are any, the value is NaN and equals nothing.
  const Tensor winners = cast(eq(x, saved.output(0)), x.dtype()) + cast(ne(x, x), x.dtype());
  grads.set(0, winners * (dy[0] / sum(winners)));
}

}  // namespace

SpecList Max::infer(Specs in, bool) const { return values_and_indices(name, in, dim, keepdim); }
SpecList Min::infer(Specs in, bool) const { return values_and_indices(name, in, dim, keepdim); }
void Max::backward(const Saved& saved, Ins dy, Grads& grads) const {
  pick_backward(name, saved, dy, grads, dim, keepdim);
}
void Min::backward(const Saved& saved, Ins dy, Grads& grads) const {
  pick_backward(name, saved, dy, grads, dim, keepdim);
}
SpecList MaxAll::infer(Specs in, bool) const { return one_value(name, in); }
SpecList MinAll::infer(Specs in, bool) const { return one_value(name, in); }
void MaxAll::backward(const Saved& saved, Ins dy, Grads& grads) const {
  share_backward(saved, dy, grads);
}
void MinAll::backward(const Saved& saved, Ins dy, Grads& grads) const {
  share_backward(saved, dy, grads);
}

Attrs ArgMax::attrs(Specs) const {
  return {{"dim", dim ? std::to_string(*dim) : "all", !dim}, {"keepdim", keepdim, !keepdim}};
}

SpecList ArgMax::infer(Specs in, bool) const {
  check_defined(name, in);
  Spec out = in[0];
  out.dtype = DType::i64;
  if (dim) {
    out.shape = without(name, in[0].shape, *dim, keepdim);
    if (out.shape.numel() != 0) check_not_empty(name, in[0].shape, in[0].shape.size(*dim));
    return {out};
  }
  check_not_empty(name, in[0].shape, in[0].numel());
  out.shape = {};
  for (int d = 0; keepdim && d < in[0].shape.rank(); ++d) out.shape.push_back(1);
  return {out};
}

SpecList PickGrad::infer(Specs in, bool) const {
  check_defined(name, in);
  check_floating(name, in.first(1));
  if (size < 0) fail(name, cat("size ", size, " is negative"));
  if (in[1].shape != in[0].shape || in[1].dtype != DType::i64) {
    fail(name, cat("indices ", to_string(in[1]), " do not match dy ", to_string(in[0])));
  }
  Spec out = in[0];
  const int d = normalize_dim(name, dim, out.shape.rank() + (keepdim ? 0 : 1));
  if (keepdim && out.shape[d] != 1) {
    fail(name, cat("dy ", out.shape, " must have size 1 along dimension ", d));
  }
  if (keepdim)
    out.shape[d] = size;
  else
    out.shape.insert(d, size);
  return {out};
}

}  // namespace ops

Tensor max(const Tensor& x) { return apply(ops::MaxAll{}, x)[0]; }
Tensor min(const Tensor& x) { return apply(ops::MinAll{}, x)[0]; }
ValuesIndices max(const Tensor& x, int dim, bool keepdim) {
  const TensorList out = apply(ops::Max{dim, keepdim}, x);
  return {out[0], out[1]};
}
ValuesIndices min(const Tensor& x, int dim, bool keepdim) {
  const TensorList out = apply(ops::Min{dim, keepdim}, x);
  return {out[0], out[1]};
}
Tensor argmax(const Tensor& x) { return apply(ops::ArgMax{}, x)[0]; }
Tensor argmax(const Tensor& x, int dim, bool keepdim) {
  return apply(ops::ArgMax{dim, keepdim}, x)[0];
}

}  // namespace glassbox
