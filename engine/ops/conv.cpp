#include "engine/ops/conv.h"

#include <algorithm>

#include "engine/autograd/autocast.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"

namespace glassbox {
namespace ops {

namespace {

void check_options(std::string_view name, const Conv2d& op) {
  if (op.stride.h < 1 || op.stride.w < 1) {
    fail(name, cat("stride ", to_string(op.stride), " must be at least 1"));
  }
  if (op.dilation.h < 1 || op.dilation.w < 1) {
    fail(name, cat("dilation ", to_string(op.dilation), " must be at least 1"));
  }
  if (op.padding.h < 0 || op.padding.w < 0) {
    fail(name, cat("padding ", to_string(op.padding), " is negative"));
  }
  if (op.groups < 1) fail(name, cat("groups ", op.groups, " must be at least 1"));
}

void check_channels(std::string_view name, const Conv2d& op, const Shape& x, const Shape& w) {
  if (w.numel() == 0) fail(name, cat("weight ", w, " is empty"));
  if (x[1] % op.groups != 0) {
    fail(name,
         cat("the ", x[1], " channels of x ", x, " do not divide into ", op.groups, " groups"));
  }
  if (w[0] % op.groups != 0) {
    fail(name, cat("the ", w[0], " output channels of w ", w, " do not divide into ", op.groups,
                   " groups"));
  }
  if (x[1] != w[1] * op.groups) {
    fail(name, cat("input has ", x[1], " channels but weight expects ", w[1] * op.groups,
                   op.groups > 1 ? cat(" (", w[1], " in each of ", op.groups, " groups)") : "",
                   " (x ", x, ", w ", w, ")"));
  }
}

// The shape of y; throws in the name of `name` for everything that can be wrong with x, w, options.
Shape output_shape(std::string_view name, const Conv2d& op, const Shape& x, const Shape& w) {
  check_options(name, op);
  check_channels(name, op, x, w);
  const std::int64_t padded_h = x[2] + 2 * std::int64_t(op.padding.h);
  const std::int64_t padded_w = x[3] + 2 * std::int64_t(op.padding.w);
  const std::int64_t extent_h = (w[2] - 1) * op.dilation.h + 1;
  const std::int64_t extent_w = (w[3] - 1) * op.dilation.w + 1;
  if (extent_h > padded_h || extent_w > padded_w) {
    fail(name, cat("kernel ", w[2], "x", w[3],
                   op.dilation == Pair(1) ? "" : cat(" (", extent_h, "x", extent_w, " dilated)"),
                   " is larger than the padded input ", padded_h, "x", padded_w, " (x ", x, ", w ",
                   w, ")"));
  }
  return {x[0], w[0], (padded_h - extent_h) / op.stride.h + 1,
          (padded_w - extent_w) / op.stride.w + 1};
}

void check_operands(std::string_view name, Specs in, std::string_view first,
                    std::string_view second) {
  if (!in[0].defined) fail(name, cat(first, " is undefined"));
  if (!in[1].defined) fail(name, cat(second, " is undefined"));
  check_floating(name, in);
  check_same_dtype(name, in);
  check_rank(name, first, in[0], 4);
  check_rank(name, second, in[1], 4);
}

Attrs conv_attrs(const Conv2d& op, const Shape& w) {
  return {{"kernel_size", std::vector<std::int64_t>{w[2], w[3]}},
          {"stride", op.stride, op.stride == Pair(1)},
          {"padding", op.padding, op.padding == Pair(0)},
          {"dilation", op.dilation, op.dilation == Pair(1)},
          {"groups", op.groups, op.groups == 1},
          {"channels", std::vector<std::int64_t>{w[1] * op.groups, w[0]}}};
}

// All three products take each weight once per output pixel.
double conv_macs(const Shape& y, const Shape& w) {
  return static_cast<double>(y.numel()) * static_cast<double>(w.product(1, 4));
}

void check_dy(std::string_view name, const Conv2d& op, const Shape& dy, const Shape& x,
              const Shape& w) {
  const Shape y = output_shape(name, op, x, w);
  if (dy != y) fail(name, cat("dy ", dy, " is not the output ", y, " of x ", x, " and w ", w));
}

}  // namespace

Attrs Conv2d::attrs(Specs in) const {
  Attrs attrs = conv_attrs(*this, in[1].shape);
  attrs.push_back({"bias", in[2].defined, in[2].defined});
  return attrs;
}

SpecList Conv2d::infer(Specs in, bool) const {
  check_operands(name, in, "x", "w");
  Spec y = in[0];
  y.shape = output_shape(name, *this, in[0].shape, in[1].shape);
  if (in[2].defined && in[2].shape != Shape{in[1].shape[0]}) {
    fail(name,
         cat("bias must be [", in[1].shape[0], "] for w ", in[1].shape, ", got ", in[2].shape));
  }
  return {y};
}

Cost Conv2d::cost(Specs in, Specs out) const {
  const double adds = in[2].defined ? static_cast<double>(out[0].numel()) : 0;
  return product_cost(conv_macs(out[0].shape, in[1].shape), adds, in, out);
}

void Conv2d::backward(const Saved& saved, Ins dy, Grads& grads) const {
  if (saved.needs(0)) {
    grads.set(0, conv2d_grad_input(dy[0], saved.input(1), saved.in_spec(0).shape, *this));
  }
  if (saved.needs(1)) {
    grads.set(1, conv2d_grad_weight(saved.input(0), dy[0], saved.in_spec(1).shape, *this));
  }
  if (saved.needs(2)) grads.set(2, sum(dy[0], {.dims = {0, 2, 3}}));
}

Attrs Conv2dGradInput::attrs(Specs in) const {
  Attrs attrs = conv_attrs(conv, in[1].shape);
  attrs.push_back({"x", x});
  return attrs;
}

SpecList Conv2dGradInput::infer(Specs in, bool) const {
  check_operands(name, in, "dy", "w");
  Spec dx = in[0];
  dx.shape = x;
  check_rank(name, "x", dx, 4);
  check_dy(name, conv, in[0].shape, x, in[1].shape);
  return {dx};
}

Cost Conv2dGradInput::cost(Specs in, Specs out) const {
  return product_cost(conv_macs(in[0].shape, in[1].shape), 0, in, out);
}

Attrs Conv2dGradWeight::attrs(Specs) const { return conv_attrs(conv, w); }

SpecList Conv2dGradWeight::infer(Specs in, bool) const {
  check_operands(name, in, "x", "dy");
  Spec dw = in[0];
  dw.shape = w;
  check_rank(name, "w", dw, 4);
  check_dy(name, conv, in[1].shape, in[0].shape, w);
  return {dw};
}

Cost Conv2dGradWeight::cost(Specs in, Specs out) const {
  return product_cost(conv_macs(in[1].shape, out[0].shape), 0, in, out);
}

namespace {

// The shape of y; throws for everything that can be wrong with x, w and the options.
Shape transposed_shape(const ConvTranspose2d& op, const Shape& x, const Shape& w) {
  constexpr std::string_view name = ConvTranspose2d::name;
  const Pair extra = op.output_padding;
  check_options(name, op.conv());
  if (extra.h < 0 || extra.w < 0) {
    fail(name, cat("output_padding ", to_string(extra), " is negative"));
  }
  if (extra.h >= std::max(op.stride.h, op.dilation.h) ||
      extra.w >= std::max(op.stride.w, op.dilation.w)) {
    fail(name, cat("output_padding ", to_string(extra), " must be smaller than stride ",
                   to_string(op.stride), " or dilation ", to_string(op.dilation)));
  }
  if (w.numel() == 0) fail(name, cat("weight ", w, " is empty"));
  if (x.product(1, 4) == 0) fail(name, cat("x ", x, " has no pixels"));
  if (x[1] != w[0]) {
    fail(name,
         cat("input has ", x[1], " channels but weight expects ", w[0], " (x ", x, ", w ", w, ")"));
  }
  if (x[1] % op.groups != 0) {
    fail(name,
         cat("the ", x[1], " channels of x ", x, " do not divide into ", op.groups, " groups"));
  }
  const std::int64_t h = (x[2] - 1) * op.stride.h - 2 * std::int64_t(op.padding.h) +
                         (w[2] - 1) * op.dilation.h + 1 + extra.h;
  const std::int64_t v = (x[3] - 1) * op.stride.w - 2 * std::int64_t(op.padding.w) +
                         (w[3] - 1) * op.dilation.w + 1 + extra.w;
  if (h < 1 || v < 1) {
    fail(name, cat("the output of x ", x, " and w ", w, " would be ", h, "x", v,
                   ": reduce padding ", to_string(op.padding)));
  }
  return {x[0], w[1] * op.groups, h, v};
}

}  // namespace

Attrs ConvTranspose2d::attrs(Specs in) const {
  const Shape& w = in[1].shape;
  return {{"kernel_size", std::vector<std::int64_t>{w[2], w[3]}},
          {"stride", stride, stride == Pair(1)},
          {"padding", padding, padding == Pair(0)},
          {"output_padding", output_padding, output_padding == Pair(0)},
          {"dilation", dilation, dilation == Pair(1)},
          {"groups", groups, groups == 1},
          {"channels", std::vector<std::int64_t>{w[0], w[1] * groups}},
          {"bias", in[2].defined, in[2].defined}};
}

SpecList ConvTranspose2d::infer(Specs in, bool) const {
  check_operands(name, in, "x", "w");
  Spec y = in[0];
  y.shape = transposed_shape(*this, in[0].shape, in[1].shape);
  if (in[2].defined && in[2].shape != Shape{y.shape[1]}) {
    fail(name, cat("bias must be [", y.shape[1], "] for w ", in[1].shape, " and ", groups,
                   groups == 1 ? " group" : " groups", ", got ", in[2].shape));
  }
  return {y};
}

// Each weight is taken once per input pixel.
Cost ConvTranspose2d::cost(Specs in, Specs out) const {
  const double adds = in[2].defined ? static_cast<double>(out[0].numel()) : 0;
  return product_cost(conv_macs(in[0].shape, in[1].shape), adds, in, out);
}

void ConvTranspose2d::backward(const Saved& saved, Ins dy, Grads& grads) const {
  const Shape& x = saved.in_spec(0).shape;
  // An output_padding of stride or more, which a larger dilation allows, leaves room in y for more
  // pixels than x has: they count as zeros.
  const Shape room = output_shape(name, conv(), saved.out_spec(0).shape, saved.in_spec(1).shape);
  if (saved.needs(0)) {
    Tensor dx = conv2d(dy[0], saved.input(1), conv());
    for (int d = 2; d < 4; ++d) {
      if (room[d] != x[d]) dx = slice(dx, {.dim = d, .stop = x[d]});
    }
    grads.set(0, dx);
  }
  if (saved.needs(1)) {
    Tensor whole = saved.input(0);
    if (room != x) whole = pad(whole, {.amounts = {0, room[3] - x[3], 0, room[2] - x[2]}});
    grads.set(1, conv2d_grad_weight(dy[0], whole, saved.in_spec(1).shape, conv()));
  }
  if (saved.needs(2)) grads.set(2, sum(dy[0], {.dims = {0, 2, 3}}));
}

}  // namespace ops

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const ops::Conv2d& op) {
  return glassbox::apply(op, autocast::compute(x, w, b))[0];
}
Tensor conv2d(const Tensor& x, const Tensor& w, const ops::Conv2d& op) {
  return conv2d(x, w, Tensor(), op);
}
Tensor conv2d_grad_input(const Tensor& dy, const Tensor& w, const Shape& x, const ops::Conv2d& op) {
  return apply(ops::Conv2dGradInput{op, x}, dy, w)[0];
}
Tensor conv2d_grad_weight(const Tensor& x, const Tensor& dy, const Shape& w,
                          const ops::Conv2d& op) {
  return apply(ops::Conv2dGradWeight{op, w}, x, dy)[0];
}
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& b,
                        const ops::ConvTranspose2d& op) {
  return glassbox::apply(op, autocast::compute(x, w, b))[0];
}
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const ops::ConvTranspose2d& op) {
  return conv_transpose2d(x, w, Tensor(), op);
}

}  // namespace glassbox
