#include "engine/ops/gather.h"

namespace glassbox {
namespace ops {

namespace {

void check_index(std::string_view op, const Spec& index, const Shape& x, int dim) {
  if (!index.defined) fail(op, "index is undefined");
  if (index.dtype != DType::i64) fail(op, cat("index must be i64, got ", to_string(index)));
  if (index.shape.rank() != x.rank()) {
    fail(op, cat("index ", index.shape, " must have as many dimensions as x ", x));
  }
  const int along = normalize_dim(op, dim, x.rank());
  for (int d = 0; d < x.rank(); ++d) {
    if (d == along || index.shape[d] <= x[d] || index.numel() == 0) continue;
    fail(op, cat("index ", index.shape, " is larger than x ", x, " in dimension ", d,
                 ", which is not the gathered ", along));
  }
}

}  // namespace

SpecList Gather::infer(Specs in, bool) const {
  if (!in[0].defined) fail(name, "x is undefined");
  check_index(name, in[1], in[0].shape, dim);
  Spec y = in[0];
  y.shape = in[1].shape;
  return {y};
}

// Of x only what is picked is read.
Cost Gather::cost(Specs in, Specs out) const {
  const auto picked = static_cast<std::int64_t>(out[0].bytes());
  return {0, picked + static_cast<std::int64_t>(in[1].bytes()), picked};
}

void Gather::backward(const Saved& saved, Ins dy, Grads& grads) const {
  grads.set(0, apply(GatherGrad{dim, saved.in_spec(0).shape}, dy[0], saved.input(1))[0]);
}

SpecList GatherGrad::infer(Specs in, bool) const {
  if (!in[0].defined) fail(name, "dy is undefined");
  check_floating(name, in.first(1));
  check_index(name, in[1], x, dim);
  if (in[1].shape != in[0].shape) {
    fail(name, cat("dy ", in[0].shape, " does not match index ", in[1].shape));
  }
  Spec dx = in[0];
  dx.shape = x;
  return {dx};
}

}  // namespace ops

Tensor gather(const Tensor& x, int dim, const Tensor& index) {
  return apply(ops::Gather{dim}, x, index)[0];
}

}  // namespace glassbox
