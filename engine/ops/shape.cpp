#include "engine/ops/shape.h"

#include <algorithm>

#include "engine/autograd/autocast.h"
#include "engine/ops/create.h"
#include "engine/ops/reduce.h"

namespace glassbox {
namespace ops {

SpecList Reshape::infer(Specs in, bool) const {
  check_defined(name, in);
  Spec out = in[0];
  out.shape = {};
  const std::int64_t n = in[0].numel();
  int unknown = -1;
  std::int64_t known = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1 && unknown < 0) {
      unknown = static_cast<int>(i);
      out.shape.push_back(1);
    } else if (shape[i] < 0) {
      fail(name, cat("size ", shape[i], " of dimension ", i, " is negative",
                     shape[i] == -1 ? " (only one size may be -1)" : ""));
    } else {
      out.shape.push_back(shape[i]);
    }
  }
  known = out.shape.numel();
  if (unknown >= 0 && known > 0 && n % known == 0) out.shape[unknown] = n / known;
  if (unknown >= 0 && known == 0) out.shape[unknown] = 0;
  if (out.shape.numel() != n) {
    fail(name, cat("cannot view ", to_string(in[0].shape), " (", n, " elements) as ",
                   to_string(Attr::Value(shape)), known > 0 ? "" : " with a size of 0"));
  }
  return {out};
}

SpecList ToDevice::infer(Specs in, bool) const {
  check_defined(name, in);
  Spec out = in[0];
  out.device = device;
  return {out};
}

void ToDevice::backward(const Saved& saved, Ins dy, Grads& grads) const {
  grads.set(0, dy[0].to(saved.in_spec(0).device));
}

void Reshape::backward(const Saved& saved, Ins dy, Grads& grads) const {
  grads.set(0, glassbox::reshape(dy[0], saved.in_spec(0).shape));
}

SpecList Select::infer(Specs in, bool) const {
  check_defined(name, in);
  const Shape& x = in[0].shape;
  if (x.rank() == 0) fail(name, "a tensor without dimensions cannot be indexed");
  if (index < -x[0] || index >= x[0]) {
    fail(name, cat("index ", index, " is out of range for dimension 0 of ", x));
  }
  Spec out = in[0];
  out.shape.erase(0);
  return {out};
}

std::size_t Select::view_offset(Specs in) const {
  const Shape& x = in[0].shape;
  const std::int64_t row = index < 0 ? index + x[0] : index;
  return static_cast<std::size_t>(row * x.product(1, x.rank())) * size_of(in[0].dtype);
}

void Select::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const Shape& x = saved.in_spec(0).shape;
  const std::int64_t row = index < 0 ? index + x[0] : index;
  grads.set(0, apply(SliceGrad{Slice{0, row, row + 1, 1}, x[0]}, unsqueeze(dy[0], 0))[0]);
}

Attrs Permute::attrs(Specs) const {
  return {{"dims", std::vector<std::int64_t>(dims.begin(), dims.end())}};
}

SpecList Copy::infer(Specs in, bool) const {
  check_defined(name, in);
  return {in[0]};
}

SpecList Permute::infer(Specs in, bool) const {
  check_defined(name, in);
  const Shape& x = in[0].shape;
  if (static_cast<int>(dims.size()) != x.rank()) {
    fail(name, cat("names ", dims.size(), " dimensions of ", x));
  }
  Spec out = in[0];
  out.shape = {};
  std::vector<bool> seen(dims.size());
  for (int d : dims) {
    const int own = normalize_dim(name, d, x.rank());
    if (seen[static_cast<std::size_t>(own)]) fail(name, cat("dimension ", own, " is named twice"));
    seen[static_cast<std::size_t>(own)] = true;
    out.shape.push_back(x[own]);
  }
  return {out};
}

void Permute::backward(const Saved& saved, Ins dy, Grads& grads) const {
  std::vector<int> inverse(dims.size());
  const int rank = saved.in_spec(0).shape.rank();
  for (std::size_t i = 0; i < dims.size(); ++i) {
    inverse[static_cast<std::size_t>(normalize_dim(name, dims[i], rank))] = static_cast<int>(i);
  }
  grads.set(0, permute(dy[0], inverse));
}

namespace {

// Python's rule: negative bounds count from the end, then both are brought into [0, size].
void resolve_bounds(const Slice& op, std::int64_t size, std::int64_t& start, std::int64_t& count) {
  const auto bound = [size](std::int64_t b) {
    return std::clamp<std::int64_t>(b < 0 ? b + size : b, 0, size);
  };
  start = bound(op.start);
  const std::int64_t stop = bound(op.stop);
  count = stop > start ? (stop - start - 1) / op.step + 1 : 0;
}

}  // namespace

Attrs Slice::attrs(Specs) const {
  return {{"dim", dim, dim == 0},
          {"start", start, start == 0},
          {"stop", stop, stop == to_end},
          {"step", step, step == 1}};
}

SpecList Slice::infer(Specs in, bool) const {
  check_defined(name, in);
  if (step < 1) fail(name, cat("step ", step, " must be at least 1"));
  Spec out = in[0];
  const int d = normalize_dim(name, dim, out.shape.rank());
  std::int64_t first = 0, count = 0;
  resolve_bounds(*this, out.shape[d], first, count);
  out.shape[d] = count;
  return {out};
}

Cost Slice::cost(Specs, Specs out) const {
  return {0, static_cast<std::int64_t>(out[0].bytes()), static_cast<std::int64_t>(out[0].bytes())};
}

void Slice::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const Shape& x = saved.in_spec(0).shape;
  grads.set(0, apply(SliceGrad{*this, x[normalize_dim(name, dim, x.rank())]}, dy[0])[0]);
}

Attrs SliceGrad::attrs(Specs in) const {
  Attrs attrs = slice.attrs(in);
  attrs.push_back({"size", size});
  return attrs;
}

SpecList SliceGrad::infer(Specs in, bool) const {
  check_defined(name, in);
  Spec out = in[0];
  const int d = normalize_dim(name, slice.dim, out.shape.rank());
  std::int64_t first = 0, count = 0;
  resolve_bounds(slice, size, first, count);
  if (slice.step < 1 || out.shape[d] != count) {
    fail(name,
         cat("dy has ", out.shape[d], " elements along dimension ", d, ", the slice ", count));
  }
  out.shape[d] = size;
  return {out};
}

SpecList Concat::infer(Specs in, bool) const {
  if (in.empty()) fail(name, "needs at least one tensor");
  check_defined(name, in);
  check_same_dtype(name, in);
  Spec out = in[0];
  const int d = normalize_dim(name, dim, out.shape.rank());
  for (std::size_t i = 1; i < in.size(); ++i) {
    Shape a = in[0].shape, b = in[i].shape;
    const std::int64_t added = b.rank() == a.rank() ? b[d] : 0;
    if (b.rank() == a.rank()) a[d] = b[d];
    if (a != b) {
      fail(name, cat("input ", i, " ", in[i].shape, " does not fit input 0 ", in[0].shape,
                     " along dimension ", d));
    }
    out.shape[d] += added;
  }
  return {out};
}

void Concat::backward(const Saved& saved, Ins dy, Grads& grads) const {
  std::int64_t at = 0;
  for (int i = 0; i < saved.inputs(); ++i) {
    const Shape& x = saved.in_spec(i).shape;
    const std::int64_t size = x[normalize_dim(name, dim, x.rank())];
    if (saved.needs(i)) grads.set(i, slice(dy[0], {.dim = dim, .start = at, .stop = at + size}));
    at += size;
  }
}

SpecList Pad::infer(Specs in, bool) const {
  check_defined(name, in);
  Spec out = in[0];
  if (amounts.size() % 2 != 0 || amounts.size() > 2 * static_cast<std::size_t>(out.shape.rank())) {
    fail(name, cat("needs two amounts for each padded dimension, got ", amounts.size(), " for ",
                   out.shape));
  }
  for (std::size_t i = 0; i < amounts.size() / 2; ++i) {
    const int d = out.shape.rank() - 1 - static_cast<int>(i);
    const std::int64_t size = out.shape[d] + amounts[2 * i] + amounts[2 * i + 1];
    if (size < 0) fail(name, cat("crops dimension ", d, " of ", in[0].shape, " below 0"));
    out.shape[d] = size;
  }
  return {out};
}

void Pad::backward(const Saved&, Ins dy, Grads& grads) const {
  Pad undo{amounts, 0};
  for (std::int64_t& amount : undo.amounts) amount = -amount;
  grads.set(0, apply(undo, dy[0])[0]);
}

SpecList Expand::infer(Specs in, bool) const {
  check_defined(name, in);
  if (broadcast_shapes(name, in[0].shape, shape) != shape) {
    fail(name, cat(in[0].shape, " does not expand to ", shape));
  }
  Spec out = in[0];
  out.shape = shape;
  return {out};
}

void Expand::backward(const Saved& saved, Ins dy, Grads& grads) const {
  grads.set(0, sum_to(dy[0], saved.in_spec(0).shape));
}

}  // namespace ops

Tensor reshape(const Tensor& x, std::initializer_list<std::int64_t> shape) {
  return apply(ops::Reshape{shape}, x)[0];
}
Tensor reshape(const Tensor& x, const Shape& shape) {
  return apply(ops::Reshape{{shape.begin(), shape.end()}}, x)[0];
}

Tensor flatten(const Tensor& x, int start_dim, int end_dim) {
  if (x.dim() == 0) return reshape(x, {1});
  const int first = normalize_dim("flatten", start_dim, x.dim());
  const int last = normalize_dim("flatten", end_dim, x.dim());
  if (last < first) fail("flatten", cat("dimension ", start_dim, " comes after ", end_dim));
  Shape shape;
  for (int d = 0; d < first; ++d) shape.push_back(x.shape()[d]);
  shape.push_back(x.shape().product(first, last + 1));
  for (int d = last + 1; d < x.dim(); ++d) shape.push_back(x.shape()[d]);
  return reshape(x, shape);
}

Tensor squeeze(const Tensor& x) {
  Shape shape;
  for (std::int64_t size : x.shape()) {
    if (size != 1) shape.push_back(size);
  }
  return reshape(x, shape);
}

Tensor squeeze(const Tensor& x, int dim) {
  const int d = normalize_dim("squeeze", dim, x.dim());
  Shape shape = x.shape();
  if (shape[d] == 1) shape.erase(d);
  return reshape(x, shape);
}

Tensor unsqueeze(const Tensor& x, int dim) {
  Shape shape = x.shape();
  shape.insert(normalize_dim("unsqueeze", dim, x.dim() + 1), 1);
  return reshape(x, shape);
}

Tensor select(const Tensor& x, std::int64_t index) { return apply(ops::Select{index}, x)[0]; }
Tensor copy(const Tensor& x) { return apply(ops::Copy{}, x)[0]; }
Tensor permute(const Tensor& x, std::vector<int> dims) {
  return apply(ops::Permute{std::move(dims)}, x)[0];
}

Tensor transpose(const Tensor& x, int dim0, int dim1) {
  std::vector<int> dims(static_cast<std::size_t>(x.dim()));
  for (int d = 0; d < x.dim(); ++d) dims[static_cast<std::size_t>(d)] = d;
  std::swap(dims[static_cast<std::size_t>(normalize_dim("transpose", dim0, x.dim()))],
            dims[static_cast<std::size_t>(normalize_dim("transpose", dim1, x.dim()))]);
  return permute(x, std::move(dims));
}

Tensor slice(const Tensor& x, const ops::Slice& op) { return apply(op, x)[0]; }

Tensor concat(std::span<const Tensor> xs, int dim) {
  if (!autocast::is_on()) return glassbox::apply(ops::Concat{dim}, xs)[0];
  Tensors operands(xs.begin(), xs.end());
  autocast::to_widest(operands);
  return glassbox::apply(ops::Concat{dim}, Ins(operands))[0];
}

Tensor stack(std::span<const Tensor> xs, int dim) {
  if (xs.empty()) fail("stack", "needs at least one tensor");
  Tensors rows;
  for (const Tensor& x : xs) {
    if (x.shape() != xs[0].shape()) {
      fail("stack", cat("shapes ", xs[0].shape(), " and ", x.shape(), " differ"));
    }
    rows.push_back(unsqueeze(x, dim));
  }
  return concat(rows, normalize_dim("stack", dim, xs[0].dim() + 1));
}

Tensor pad(const Tensor& x, const ops::Pad& op) { return apply(op, x)[0]; }
Tensor expand(const Tensor& x, const Shape& shape) { return apply(ops::Expand{shape}, x)[0]; }

Tensor Tensor::operator[](std::int64_t index) const { return select(*this, index); }
Tensor Tensor::reshape(std::initializer_list<std::int64_t> shape) const {
  return glassbox::reshape(*this, shape);
}
Tensor Tensor::reshape(const Shape& shape) const { return glassbox::reshape(*this, shape); }
Tensor Tensor::flatten(int start_dim, int end_dim) const {
  return glassbox::flatten(*this, start_dim, end_dim);
}
Tensor Tensor::permute(std::vector<int> dims) const {
  return glassbox::permute(*this, std::move(dims));
}
Tensor Tensor::clone() const { return copy(*this); }

Tensor Tensor::to(Device device) const {
  if (this->device() == device) return *this;
  if (device.is_meta()) return empty(shape(), dtype(), device);
  if (this->device().is_meta()) fail("to", "a tensor on the meta device has no data to copy");
  return apply(ops::ToDevice{device}, *this)[0];
}

}  // namespace glassbox
