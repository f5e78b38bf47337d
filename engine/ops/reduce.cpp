#include "engine/ops/reduce.h"

#include "engine/ops/pointwise.h"
#include "engine/ops/shape.h"

namespace glassbox {
namespace ops {

Shape reduced_shape(std::string_view op, const Shape& x, const std::vector<int>& dims,
                    bool keepdim) {
  std::vector<bool> reduced(static_cast<std::size_t>(x.rank()), dims.empty());
  for (int d : dims) {
    const auto own = static_cast<std::size_t>(normalize_dim(op, d, x.rank()));
    if (reduced[own]) fail(op, cat("dimension ", d, " is named twice"));
    reduced[own] = true;
  }
  Shape out;
  for (int d = 0; d < x.rank(); ++d) {
    if (!reduced[static_cast<std::size_t>(d)]) {
      out.push_back(x[d]);
    } else if (keepdim) {
      out.push_back(1);
    }
  }
  return out;
}

namespace {

Attrs reduction_attrs(const std::vector<int>& dims, bool keepdim) {
  return {{"dims", std::vector<std::int64_t>(dims.begin(), dims.end()), dims.empty()},
          {"keepdim", keepdim, !keepdim}};
}

SpecList reduction_spec(std::string_view name, Specs in, const std::vector<int>& dims,
                        bool keepdim) {
  check_defined(name, in);
  check_floating(name, in);
  Spec out = in[0];
  out.shape = reduced_shape(name, in[0].shape, dims, keepdim);
  return {out};
}

// dy under the shape that broadcasts to x's.
Tensor kept(std::string_view name, const Tensor& dy, const Shape& x, const std::vector<int>& dims) {
  return reshape(dy, reduced_shape(name, x, dims, true));
}

}  // namespace

Attrs Sum::attrs(Specs) const { return reduction_attrs(dims, keepdim); }
SpecList Sum::infer(Specs in, bool) const { return reduction_spec(name, in, dims, keepdim); }
void Sum::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const Shape& x = saved.in_spec(0).shape;
  grads.set(0, expand(kept(name, dy[0], x, dims), x));
}

Attrs Mean::attrs(Specs) const { return reduction_attrs(dims, keepdim); }
SpecList Mean::infer(Specs in, bool) const { return reduction_spec(name, in, dims, keepdim); }
void Mean::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const Shape& x = saved.in_spec(0).shape;
  const double count = static_cast<double>(x.numel()) / static_cast<double>(dy[0].numel());
  grads.set(0, expand(kept(name, dy[0] / count, x, dims), x));
}

Attrs Var::attrs(Specs) const {
  Attrs attrs = reduction_attrs(dims, keepdim);
  attrs.push_back({"correction", correction, correction == 1});
  return attrs;
}
SpecList Var::infer(Specs in, bool) const {
  if (correction < 0) fail(name, cat("correction ", correction, " is negative"));
  return reduction_spec(name, in, dims, keepdim);
}
void Var::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const Tensor x = saved.input(0);
  const double count = static_cast<double>(x.numel()) / static_cast<double>(dy[0].numel());
  const Tensor deviation = x - glassbox::mean(x, {.dims = dims, .keepdim = true});
  grads.set(0, deviation * (kept(name, dy[0], x.shape(), dims) * (2 / (count - correction))));
}

}  // namespace ops

Tensor sum(const Tensor& x, const ops::Sum& op) { return apply(op, x)[0]; }
Tensor mean(const Tensor& x, const ops::Mean& op) { return apply(op, x)[0]; }

Tensor var(const Tensor& x, const ops::Var& op) { return apply(op, x)[0]; }

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  std::vector<int> dims;
  const int extra = x.dim() - shape.rank();
  for (int d = 0; d < x.dim(); ++d) {
    if (d < extra || (shape[d - extra] == 1 && x.shape()[d] != 1)) dims.push_back(d);
  }
  if (dims.empty()) return reshape(x, shape);
  return reshape(sum(x, {.dims = dims}), shape);
}

Tensor Tensor::sum() const { return glassbox::sum(*this); }
Tensor Tensor::mean() const { return glassbox::mean(*this); }

}  // namespace glassbox
