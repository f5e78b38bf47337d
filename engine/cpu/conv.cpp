// Which kernel takes which convolution: the direct one where it can, a loop over planes where every
// group has one input channel, else im2col and a matrix product. The choice depends on the shape
// alone.
#include "engine/cpu/conv.h"

#include "engine/cpu/conv_depthwise.h"
#include "engine/cpu/conv_direct.h"
#include "engine/cpu/conv_gemm.h"
#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"
#include "engine/ops/conv.h"

namespace glassbox {

namespace cpu {
namespace {
bool reference_only = false;
}
void force_reference_conv(bool on) { reference_only = on; }
}  // namespace cpu

using namespace cpu;

namespace {

enum class Way { direct, depthwise, gemm };

Way choose(const ConvShape& s, bool direct) {
  if (reference_only || s.h * s.w == 0) return Way::gemm;  // images of padding alone
  if (direct) return Way::direct;
  return conv_depthwise_supports(s) ? Way::depthwise : Way::gemm;
}

ConvShape conv_shape(const ops::Conv2d& op, const Shape& x, const Shape& w, const Shape& y) {
  return {.n = x[0],
          .c = x[1],
          .h = x[2],
          .w = x[3],
          .o = w[0],
          .kh = w[2],
          .kw = w[3],
          .oh = y[2],
          .ow = y[3],
          .sh = op.stride.h,
          .sw = op.stride.w,
          .ph = op.padding.h,
          .pw = op.padding.w,
          .dh = op.dilation.h,
          .dw = op.dilation.w,
          .groups = op.groups};
}

// The size that asks for working memory; a type without a kernel is refused when it runs.
template <class F>
std::size_t scratch_for(DType dtype, const F& f) {
  if (dtype == DType::f32) return f(float());
  return dtype == DType::f64 ? f(double()) : 0;
}

}  // namespace

std::size_t scratch(const ops::Conv2d& op, const cpu::Context& ctx, Specs in, Specs out) {
  const ConvShape s = conv_shape(op, in[0].shape, in[1].shape, out[0].shape);
  return scratch_for(out[0].dtype, [&](auto type) -> std::size_t {
    using T = decltype(type);
    switch (choose(s, conv_direct_supports(s))) {
      case Way::direct:
        return conv_direct_forward_scratch<T>(s, ctx.threads());
      case Way::depthwise:
        return 0;
      case Way::gemm:
        return conv_gemm_forward_scratch<T>(s, ctx.threads());
    }
    return 0;
  });
}

void run(const ops::Conv2d& op, cpu::Context& ctx, Ins in, Outs out) {
  const ConvShape s = conv_shape(op, in[0].shape(), in[1].shape(), out[0].shape());
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T *x = in_ptr<T>(in[0]), *w = in_ptr<T>(in[1]), *b = in_ptr<T>(in[2]);
    T* y = out_ptr<T>(out[0]);
    switch (choose(s, conv_direct_supports(s))) {
      case Way::direct:
        return conv2d_direct(s, x, w, b, y, ctx.scratch(), ctx.threads());
      case Way::depthwise:
        return conv2d_depthwise(ctx, s, x, w, b, y);
      case Way::gemm:
        return conv2d_gemm(ctx, s, x, w, b, y);
    }
  });
}

std::size_t scratch(const ops::Conv2dGradInput& op, const cpu::Context& ctx, Specs in, Specs) {
  const ConvShape s = conv_shape(op.conv, op.x, in[1].shape, in[0].shape);
  return scratch_for(in[0].dtype, [&](auto type) -> std::size_t {
    using T = decltype(type);
    switch (choose(s, conv_direct_supports_grad_input(s))) {
      case Way::direct:
        return conv_direct_grad_input_scratch<T>(s, ctx.threads());
      case Way::depthwise:
        return 0;
      case Way::gemm:
        return conv_gemm_grad_input_scratch<T>(s, ctx.threads());
    }
    return 0;
  });
}

void run(const ops::Conv2dGradInput& op, cpu::Context& ctx, Ins in, Outs out) {
  const ConvShape s = conv_shape(op.conv, op.x, in[1].shape(), in[0].shape());
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T *dy = in_ptr<T>(in[0]), *w = in_ptr<T>(in[1]);
    T* dx = out_ptr<T>(out[0]);
    switch (choose(s, conv_direct_supports_grad_input(s))) {
      case Way::direct:
        return conv2d_direct_grad_input(s, dy, w, dx, ctx.scratch(), ctx.threads());
      case Way::depthwise:
        return conv2d_depthwise_grad_input(ctx, s, dy, w, dx);
      case Way::gemm:
        return conv2d_gemm_grad_input(ctx, s, dy, w, dx);
    }
  });
}

std::size_t scratch(const ops::Conv2dGradWeight& op, const cpu::Context& ctx, Specs in, Specs) {
  const ConvShape s = conv_shape(op.conv, in[0].shape, op.w, in[1].shape);
  return scratch_for(in[0].dtype, [&](auto type) -> std::size_t {
    using T = decltype(type);
    switch (choose(s, conv_direct_supports(s))) {
      case Way::direct:
        return conv_direct_grad_weight_scratch<T>(s, ctx.threads());
      case Way::depthwise:
        return conv_depthwise_grad_weight_scratch<T>(s);
      case Way::gemm:
        return conv_gemm_grad_weight_scratch<T>(s, ctx.threads());
    }
    return 0;
  });
}

void run(const ops::Conv2dGradWeight& op, cpu::Context& ctx, Ins in, Outs out) {
  const ConvShape s = conv_shape(op.conv, in[0].shape(), op.w, in[1].shape());
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T *x = in_ptr<T>(in[0]), *dy = in_ptr<T>(in[1]);
    T* dw = out_ptr<T>(out[0]);
    switch (choose(s, conv_direct_supports(s))) {
      case Way::direct:
        return conv2d_direct_grad_weight(s, x, dy, dw, ctx.scratch(), ctx.threads());
      case Way::depthwise:
        return conv2d_depthwise_grad_weight(ctx, s, x, dy, dw);
      case Way::gemm:
        return conv2d_gemm_grad_weight(ctx, s, x, dy, dw);
    }
  });
}

// The transposed convolution is the other's input gradient, of an image of y's size; then the bias.
std::size_t scratch(const ops::ConvTranspose2d& op, const cpu::Context& ctx, Specs in, Specs out) {
  return scratch(ops::Conv2dGradInput{op.conv(), out[0].shape}, ctx, in.first(2), out);
}

void run(const ops::ConvTranspose2d& op, cpu::Context& ctx, Ins in, Outs out) {
  const Shape& y = out[0].shape();
  const std::int64_t plane = y[2] * y[3];
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    run(ops::Conv2dGradInput{op.conv(), y}, ctx, in.first(2), out);
    if (!in[2].defined()) return;
    const T* b = in_ptr<T>(in[2]);
    T* to = out_ptr<T>(out[0]);
    parallel_for(ctx, y[0] * y[1], [&](std::int64_t unit) {
      const T value = b[unit % y[1]];
      for (std::int64_t i = unit * plane; i < (unit + 1) * plane; ++i) to[i] += value;
    });
  });
}

}  // namespace glassbox
