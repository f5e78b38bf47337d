#include "engine/ops/pool.h"

namespace glassbox {
namespace ops {

namespace {

void check_image(std::string_view op, const Spec& x) {
  if (x.shape.rank() != 4) fail(op, cat("x must be [N,C,H,W], got ", to_string(x)));
  check_floating(op, Specs(&x, 1));
}

// PyTorch's output size of one dimension.
std::int64_t pooled(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                    std::int64_t dilation, bool ceil) {
  const std::int64_t span = in + 2 * padding - dilation * (kernel - 1) - 1;
  if (span < 0) return 0;
  std::int64_t out = (span + (ceil ? stride - 1 : 0)) / stride + 1;
  if (ceil && (out - 1) * stride >= in + padding) --out;
  return out;
}

SpecList window_spec(std::string_view op, const Spec& x, Pair kernel, Pair stride, Pair padding,
                     Pair dilation, bool ceil) {
  check_image(op, x);
  if (kernel.h < 1 || kernel.w < 1 || stride.h < 1 || stride.w < 1 || dilation.h < 1 ||
      dilation.w < 1) {
    fail(op, cat("kernel ", to_string(kernel), ", stride ", to_string(stride), " and dilation ",
                 to_string(dilation), " must be at least 1"));
  }
  if (padding.h < 0 || padding.w < 0 || padding.h > kernel.h / 2 || padding.w > kernel.w / 2) {
    fail(op, cat("padding ", to_string(padding), " must be at least 0 and at most half the kernel ",
                 to_string(kernel)));
  }
  Spec y = x;
  y.shape[2] = pooled(x.shape[2], kernel.h, stride.h, padding.h, dilation.h, ceil);
  y.shape[3] = pooled(x.shape[3], kernel.w, stride.w, padding.w, dilation.w, ceil);
  if (y.shape[2] < 1 || y.shape[3] < 1) {
    fail(op, cat("kernel ", to_string(kernel), " is larger than the padded input of x ", x.shape));
  }
  return {y};
}

SpecList adaptive_spec(std::string_view op, const Spec& x, Pair size) {
  check_image(op, x);
  if (size.h < 1 || size.w < 1)
    fail(op, cat("output size ", to_string(size), " must be at least 1"));
  if (x.shape[2] < 1 || x.shape[3] < 1) fail(op, cat("x ", x.shape, " has an empty image"));
  Spec y = x;
  y.shape[2] = size.h;
  y.shape[3] = size.w;
  return {y};
}

void add_indices(SpecList& out, bool grad) {
  if (!grad) return;
  Spec indices = out[0];
  indices.dtype = DType::i32;
  indices.internal = true;
  out.push_back(indices);
}

Pair effective(Pair stride, Pair kernel) { return stride == Pair() ? kernel : stride; }

void check_plane(std::string_view op, const Spec& x) {
  // Indices are 32 bits wide.
  if (x.shape.rank() == 4 && x.shape.product(2, 4) > INT32_MAX)
    fail(op, cat("the planes of x ", x.shape, " are too large"));
}

SpecList grad_spec(std::string_view op, const Spec& dy, const Shape& x) {
  check_image(op, dy);
  if (x.rank() != 4 || x[0] != dy.shape[0] || x[1] != dy.shape[1]) {
    fail(op, cat("dy ", dy.shape, " does not match x ", x));
  }
  Spec dx = dy;
  dx.shape = x;
  return {dx};
}

double window_flops(const Shape& y, Pair kernel) {
  return static_cast<double>(y.numel()) * kernel.h * kernel.w;
}

}  // namespace

Attrs MaxPool2d::attrs(Specs) const {
  const Pair s = effective(stride, kernel_size);
  return {{"kernel_size", kernel_size, kernel_size == Pair(2)},
          {"stride", s, s == kernel_size},
          {"padding", padding, padding == Pair(0)},
          {"dilation", dilation, dilation == Pair(1)},
          {"ceil_mode", ceil_mode, !ceil_mode}};
}
SpecList MaxPool2d::infer(Specs in, bool grad) const {
  check_plane(name, in[0]);
  SpecList out = window_spec(name, in[0], kernel_size, effective(stride, kernel_size), padding,
                             dilation, ceil_mode);
  add_indices(out, grad);
  return out;
}
Cost MaxPool2d::cost(Specs in, Specs out) const {
  return streaming_cost(window_flops(out[0].shape, kernel_size), in, out);
}
void MaxPool2d::backward(const Saved& saved, Ins dy, Grads& grads) const {
  grads.set(0, apply(MaxPool2dGrad{saved.in_spec(0).shape, *this}, dy[0], saved.output(1))[0]);
}

SpecList AdaptiveMaxPool2d::infer(Specs in, bool grad) const {
  check_plane(name, in[0]);
  SpecList out = adaptive_spec(name, in[0], output_size);
  add_indices(out, grad);
  return out;
}
Cost AdaptiveMaxPool2d::cost(Specs in, Specs out) const {
  return streaming_cost(static_cast<double>(in[0].numel()), in, out);
}
void AdaptiveMaxPool2d::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const MaxPool2dGrad grad{saved.in_spec(0).shape, {}, true};
  grads.set(0, apply(grad, dy[0], saved.output(1))[0]);
}

Attrs MaxPool2dGrad::attrs(Specs in) const {
  Attrs attrs = pool.attrs(in);
  attrs.push_back({"x", x});
  attrs.push_back({"adaptive", adaptive, !adaptive});
  return attrs;
}
SpecList MaxPool2dGrad::infer(Specs in, bool) const {
  if (in[1].shape != in[0].shape || in[1].dtype != DType::i32) {
    fail(name, cat("indices ", to_string(in[1]), " do not match dy ", to_string(in[0])));
  }
  return grad_spec(name, in[0], x);
}
Cost MaxPool2dGrad::cost(Specs in, Specs out) const {
  return streaming_cost(static_cast<double>(in[0].numel()), in, out);
}

Attrs AvgPool2d::attrs(Specs) const {
  const Pair s = effective(stride, kernel_size);
  return {{"kernel_size", kernel_size, kernel_size == Pair(2)},
          {"stride", s, s == kernel_size},
          {"padding", padding, padding == Pair(0)},
          {"ceil_mode", ceil_mode, !ceil_mode},
          {"count_include_pad", count_include_pad, count_include_pad}};
}
SpecList AvgPool2d::infer(Specs in, bool) const {
  return window_spec(name, in[0], kernel_size, effective(stride, kernel_size), padding, 1,
                     ceil_mode);
}
Cost AvgPool2d::cost(Specs in, Specs out) const {
  return streaming_cost(window_flops(out[0].shape, kernel_size), in, out);
}
void AvgPool2d::backward(const Saved& saved, Ins dy, Grads& grads) const {
  grads.set(0, apply(AvgPool2dGrad{*this, saved.in_spec(0).shape}, dy[0])[0]);
}

Attrs AvgPool2dGrad::attrs(Specs in) const {
  Attrs attrs = pool.attrs(in);
  attrs.push_back({"x", x});
  return attrs;
}
SpecList AvgPool2dGrad::infer(Specs in, bool) const {
  SpecList out = grad_spec(name, in[0], x);
  const SpecList y = pool.infer(out, false);
  if (y[0].shape != in[0].shape) fail(name, cat("dy ", in[0].shape, " does not match x ", x));
  return out;
}
Cost AvgPool2dGrad::cost(Specs in, Specs out) const {
  return streaming_cost(window_flops(in[0].shape, pool.kernel_size), in, out);
}

SpecList AdaptiveAvgPool2d::infer(Specs in, bool) const {
  return adaptive_spec(name, in[0], output_size);
}
Cost AdaptiveAvgPool2d::cost(Specs in, Specs out) const {
  return streaming_cost(static_cast<double>(in[0].numel()), in, out);
}
void AdaptiveAvgPool2d::backward(const Saved& saved, Ins dy, Grads& grads) const {
  grads.set(0, apply(AdaptiveAvgPool2dGrad{saved.in_spec(0).shape}, dy[0])[0]);
}
SpecList AdaptiveAvgPool2dGrad::infer(Specs in, bool) const { return grad_spec(name, in[0], x); }
Cost AdaptiveAvgPool2dGrad::cost(Specs in, Specs out) const {
  return streaming_cost(static_cast<double>(out[0].numel()), in, out);
}

}  // namespace ops

Tensor max_pool2d(const Tensor& x, const ops::MaxPool2d& op) { return apply(op, x)[0]; }
Tensor avg_pool2d(const Tensor& x, const ops::AvgPool2d& op) { return apply(op, x)[0]; }
Tensor adaptive_max_pool2d(const Tensor& x, const ops::AdaptiveMaxPool2d& op) {
  return apply(op, x)[0];
}
Tensor adaptive_avg_pool2d(const Tensor& x, const ops::AdaptiveAvgPool2d& op) {
  return apply(op, x)[0];
}

}  // namespace glassbox
