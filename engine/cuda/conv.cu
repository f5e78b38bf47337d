// Convolution: cuDNN's plan where it has one (see vendor.h), else the plain kernels here, which
// take every shape and type: one thread sums one output or input pixel, one block one weight.
#include "engine/cuda/launch.h"
#include "engine/cuda/vendor.h"
#include "engine/ops/conv.h"

namespace glassbox {
namespace cuda {
namespace {

// Where taps of a convolution are. x [N,C,H,W], w [O,C/groups,KH,KW], y [N,O,OH,OW].
struct ConvShape {
  std::int64_t n, c, h, w, o, oh, ow, in, kh, kw;  // in: channels of a group
  std::int64_t out;                                // output channels of a group
  int stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w;

  ConvShape(const ops::Conv2d& op, const Shape& x, const Shape& weight, const Shape& y)
      : n(x[0]),
        c(x[1]),
        h(x[2]),
        w(x[3]),
        o(y[1]),
        oh(y[2]),
        ow(y[3]),
        in(weight[1]),
        kh(weight[2]),
        kw(weight[3]),
        out(y[1] / op.groups),
        stride_h(op.stride.h),
        stride_w(op.stride.w),
        padding_h(op.padding.h),
        padding_w(op.padding.w),
        dilation_h(op.dilation.h),
        dilation_w(op.dilation.w) {}

  // The row of x under tap i of output row r.
  GLASSBOX_HD std::int64_t row(std::int64_t r, std::int64_t i) const {
    return r * stride_h - padding_h + i * dilation_h;
  }
  GLASSBOX_HD std::int64_t column(std::int64_t q, std::int64_t j) const {
    return q * stride_w - padding_w + j * dilation_w;
  }
  // The output row whose tap i lies on row r of x, or -1.
  GLASSBOX_HD std::int64_t output_row(std::int64_t r, std::int64_t i) const {
    return output(r + padding_h - i * dilation_h, stride_h, oh);
  }
  GLASSBOX_HD std::int64_t output_column(std::int64_t q, std::int64_t j) const {
    return output(q + padding_w - j * dilation_w, stride_w, ow);
  }

 private:
  GLASSBOX_HD static std::int64_t output(std::int64_t at, int stride, std::int64_t size) {
    return at < 0 || at % stride != 0 || at / stride >= size ? -1 : at / stride;
  }
};

template <class T>
struct Forward {
  ConvShape s;
  const T *x, *w, *b;
  T* y;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t q = i % s.ow, r = i / s.ow % s.oh, o = i / (s.ow * s.oh) % s.o;
    const std::int64_t n = i / (s.ow * s.oh * s.o), first = o / s.out * s.in;
    Compute<T> sum = b ? cuda::load(b[o]) : Compute<T>(0);
    for (std::int64_t c = 0; c < s.in; ++c) {
      const T* const plane = x + (n * s.c + first + c) * s.h * s.w;
      const T* const taps = w + (o * s.in + c) * s.kh * s.kw;
      for (std::int64_t i2 = 0; i2 < s.kh; ++i2) {
        const std::int64_t row = s.row(r, i2);
        if (row < 0 || row >= s.h) continue;
        for (std::int64_t j = 0; j < s.kw; ++j) {
          const std::int64_t column = s.column(q, j);
          if (column < 0 || column >= s.w) continue;
          sum += cuda::load(plane[row * s.w + column]) * cuda::load(taps[i2 * s.kw + j]);
        }
      }
    }
    y[i] = store<T>(sum);
  }
};

template <class T>
struct GradInput {
  ConvShape s;
  const T *dy, *w;
  T* dx;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t q = i % s.w, r = i / s.w % s.h, c = i / (s.w * s.h) % s.c;
    const std::int64_t n = i / (s.w * s.h * s.c), group = c / s.in;
    Compute<T> sum(0);
    for (std::int64_t o = group * s.out; o < (group + 1) * s.out; ++o) {
      const T* const plane = dy + (n * s.o + o) * s.oh * s.ow;
      const T* const taps = w + (o * s.in + c % s.in) * s.kh * s.kw;
      for (std::int64_t i2 = 0; i2 < s.kh; ++i2) {
        const std::int64_t row = s.output_row(r, i2);
        if (row < 0) continue;
        for (std::int64_t j = 0; j < s.kw; ++j) {
          const std::int64_t column = s.output_column(q, j);
          if (column < 0) continue;
          sum += cuda::load(plane[row * s.ow + column]) * cuda::load(taps[i2 * s.kw + j]);
        }
      }
    }
    dx[i] = store<T>(sum);
  }
};

template <class T>
struct GradWeight {
  ConvShape s;
  const T *x, *dy;
  T* dw;
  __device__ void operator()(std::int64_t at) const {  // a block for each weight
    const std::int64_t j = at % s.kw, i = at / s.kw % s.kh, c = at / (s.kw * s.kh) % s.in;
    const std::int64_t o = at / (s.kw * s.kh * s.in), channel = o / s.out * s.in + c;
    Compute<T> sum(0);
    const std::int64_t plane = s.oh * s.ow;
    for (std::int64_t k = threadIdx.x; k < s.n * plane; k += blockDim.x) {
      const std::int64_t n = k / plane, pixel = k % plane;
      const std::int64_t row = s.row(pixel / s.ow, i), column = s.column(pixel % s.ow, j);
      if (row < 0 || row >= s.h || column < 0 || column >= s.w) continue;
      sum += cuda::load(dy[(n * s.o + o) * plane + pixel]) *
             cuda::load(x[((n * s.c + channel) * s.h + row) * s.w + column]);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) dw[at] = store<T>(sum);
  }
};

template <class T>
struct AddBias {
  const T* b;
  T* y;
  std::int64_t channels, plane;
  __device__ void operator()(std::int64_t i) const {
    y[i] = store<T>(cuda::load(y[i]) + cuda::load(b[i / plane % channels]));
  }
};

void add_bias(const Context& ctx, const Tensor& b, const Tensor& y) {
  dispatch_floating(ctx, y.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, y.numel(),
             AddBias<T>{in_ptr<T>(b), out_ptr<T>(y), y.size(1), y.size(2) * y.size(3)});
  });
}

ConvProblem problem_of(ConvKind kind, const ops::Conv2d& op, DType dtype, const Shape& x,
                       const Shape& w, const Shape& y) {
  return {kind, dtype, x, w, y, op.stride, op.padding, op.dilation, op.groups};
}

bool is_empty(const ConvProblem& p) {
  return p.x.numel() == 0 || p.w.numel() == 0 || p.y.numel() == 0;
}

std::size_t scratch_of(const Context& ctx, const ConvProblem& p) {
  if (is_empty(p)) return 0;
  const std::int64_t bytes = conv_workspace(ctx, p);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

// Runs cuDNN's plan, if there is one.
bool run_plan(const Context& ctx, const ConvProblem& p, const Tensor& a, const Tensor& b,
              const Tensor& result) {
  if (is_empty(p) || !aligned({&a, &b, &result}) || conv_workspace(ctx, p) < 0) return false;
  conv(ctx, p, a.raw(), b.raw(), result.raw(), ctx.scratch);
  return true;
}

}  // namespace
}  // namespace cuda

using namespace cuda;

std::size_t scratch(const ops::Conv2d& op, const Context& ctx, Specs in, Specs out) {
  return scratch_of(
      ctx, problem_of(ConvKind::forward, op, in[0].dtype, in[0].shape, in[1].shape, out[0].shape));
}

void run(const ops::Conv2d& op, Context& ctx, Ins in, Outs out) {
  const Tensor &x = in[0], &w = in[1], &b = in[2], &y = out[0];
  const ConvProblem p =
      problem_of(ConvKind::forward, op, x.dtype(), x.shape(), w.shape(), y.shape());
  if (run_plan(ctx, p, x, w, y)) {
    if (b.defined()) add_bias(ctx, b, y);
    return;
  }
  dispatch_floating(ctx, x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, y.numel(),
             Forward<T>{ConvShape(op, x.shape(), w.shape(), y.shape()), in_ptr<T>(x), in_ptr<T>(w),
                        in_ptr<T>(b), out_ptr<T>(y)});
  });
}

std::size_t scratch(const ops::Conv2dGradInput& op, const Context& ctx, Specs in, Specs) {
  return scratch_of(
      ctx, problem_of(ConvKind::grad_input, op.conv, in[0].dtype, op.x, in[1].shape, in[0].shape));
}

void run(const ops::Conv2dGradInput& op, Context& ctx, Ins in, Outs out) {
  const Tensor &dy = in[0], &w = in[1], &dx = out[0];
  const ConvProblem p =
      problem_of(ConvKind::grad_input, op.conv, dy.dtype(), op.x, w.shape(), dy.shape());
  if (run_plan(ctx, p, dy, w, dx)) return;
  dispatch_floating(ctx, dy.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, dx.numel(),
             GradInput<T>{ConvShape(op.conv, op.x, w.shape(), dy.shape()), in_ptr<T>(dy),
                          in_ptr<T>(w), out_ptr<T>(dx)});
  });
}

std::size_t scratch(const ops::Conv2dGradWeight& op, const Context& ctx, Specs in, Specs) {
  return scratch_of(
      ctx, problem_of(ConvKind::grad_weight, op.conv, in[0].dtype, in[0].shape, op.w, in[1].shape));
}

void run(const ops::Conv2dGradWeight& op, Context& ctx, Ins in, Outs out) {
  const Tensor &x = in[0], &dy = in[1], &dw = out[0];
  const ConvProblem p =
      problem_of(ConvKind::grad_weight, op.conv, x.dtype(), x.shape(), op.w, dy.shape());
  if (run_plan(ctx, p, x, dy, dw)) return;
  dispatch_floating(ctx, x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_rows(ctx, dw.numel(), dy.numel() / std::max<std::int64_t>(1, dy.size(1)),
             GradWeight<T>{ConvShape(op.conv, x.shape(), op.w, dy.shape()), in_ptr<T>(x),
                           in_ptr<T>(dy), out_ptr<T>(dw)});
  });
}

// The transposed convolution is the other's input gradient, of an image of y's size; then the bias.
std::size_t scratch(const ops::ConvTranspose2d& op, const Context& ctx, Specs in, Specs out) {
  return scratch(ops::Conv2dGradInput{op.conv(), out[0].shape}, ctx, in.first(2), out);
}

void run(const ops::ConvTranspose2d& op, Context& ctx, Ins in, Outs out) {
  run(ops::Conv2dGradInput{op.conv(), out[0].shape()}, ctx, in.first(2), out);
  if (in[2].defined()) add_bias(ctx, in[2], out[0]);
}

}  // namespace glassbox
