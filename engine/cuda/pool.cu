// Pooling: cuDNN averages regular windows, and takes their maxima where nobody asks where these
// were; own kernels do the rest. A gradient is gathered: a thread for each input element goes over
// the windows that may hold it, so nothing is added by two threads.
#include "engine/cuda/launch.h"
#include "engine/cuda/vendor.h"
#include "engine/ops/pool.h"

namespace glassbox {
namespace cuda {
namespace {

// The windows of one dimension: regular ones, or with kernel 0 adaptive ones (see ops/pool.h).
struct Windows {
  std::int64_t in, out;
  int kernel, stride, padding, dilation;

  GLASSBOX_HD bool adaptive() const { return kernel == 0; }
  // The first input of window o, which may be negative; how many taps it has, and between them.
  GLASSBOX_HD std::int64_t first(std::int64_t o) const {
    return adaptive() ? o * in / out : o * stride - padding;
  }
  GLASSBOX_HD std::int64_t taps(std::int64_t o) const {
    return adaptive() ? ((o + 1) * in + out - 1) / out - first(o) : kernel;
  }
  GLASSBOX_HD bool holds(std::int64_t at) const { return at >= 0 && at < in; }
  GLASSBOX_HD std::int64_t at(std::int64_t o, std::int64_t tap) const {
    return first(o) + tap * dilation;
  }
  // The windows that may hold input i: from lowest(i) to highest(i).
  GLASSBOX_HD std::int64_t lowest(std::int64_t i) const {
    if (adaptive()) return i * out / in;
    const std::int64_t reach = i + padding - std::int64_t(kernel - 1) * dilation;
    return reach <= 0 ? 0 : (reach + stride - 1) / stride;
  }
  GLASSBOX_HD std::int64_t highest(std::int64_t i) const {
    const std::int64_t o = adaptive() ? ((i + 1) * out + in - 1) / in - 1 : (i + padding) / stride;
    return o < out ? o : out - 1;
  }
  // Whether a tap of window o lies on input i.
  GLASSBOX_HD bool covers(std::int64_t o, std::int64_t i) const {
    const std::int64_t d = i - first(o);
    return d >= 0 && d % dilation == 0 && d / dilation < taps(o);
  }
  // What an average divides by in this dimension.
  GLASSBOX_HD std::int64_t divisor(std::int64_t o, bool include_padding) const {
    const std::int64_t begin = first(o), end = begin + taps(o);
    if (include_padding) return (end < in + padding ? end : in + padding) - begin;
    return (end < in ? end : in) - (begin > 0 ? begin : 0);
  }
};

struct Plane {
  Windows rows, columns;
  Plane(const Shape& x, const Shape& y, Pair kernel, Pair stride, Pair padding, Pair dilation)
      : rows{x[2], y[2], kernel.h, stride.h, padding.h, dilation.h},
        columns{x[3], y[3], kernel.w, stride.w, padding.w, dilation.w} {}
  Plane(const Shape& x, const Shape& y) : Plane(x, y, 0, 1, 0, 1) {}  // adaptive
};

Pair stride_of(Pair stride, Pair kernel) { return stride == Pair() ? kernel : stride; }

template <class T>
struct Maximum {
  Plane s;
  const T* x;
  T* y;
  std::int32_t* indices;  // null: not wanted
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t q = i % s.columns.out, r = i / s.columns.out % s.rows.out;
    const T* const plane = x + i / (s.columns.out * s.rows.out) * s.rows.in * s.columns.in;
    Compute<T> best = -std::numeric_limits<Compute<T>>::infinity();
    std::int64_t place = -1;
    for (std::int64_t a = 0; a < s.rows.taps(r); ++a) {
      const std::int64_t row = s.rows.at(r, a);
      if (!s.rows.holds(row)) continue;
      for (std::int64_t b = 0; b < s.columns.taps(q); ++b) {
        const std::int64_t column = s.columns.at(q, b);
        if (!s.columns.holds(column)) continue;
        const Compute<T> value = cuda::load(plane[row * s.columns.in + column]);
        // Of equal values the first wins, and the last NaN over everything.
        if (value > best || value != value || place < 0) {
          best = value;
          place = row * s.columns.in + column;
        }
      }
    }
    y[i] = store<T>(best);
    if (indices) indices[i] = static_cast<std::int32_t>(place);
  }
};

template <class T>
struct MaximumGradient {
  Plane s;
  const T* dy;
  const std::int32_t* indices;
  T* dx;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t column = i % s.columns.in, row = i / s.columns.in % s.rows.in;
    const std::int64_t plane = i / (s.columns.in * s.rows.in) * s.rows.out * s.columns.out;
    Compute<T> sum(0);
    for (std::int64_t r = s.rows.lowest(row); r <= s.rows.highest(row); ++r) {
      for (std::int64_t q = s.columns.lowest(column); q <= s.columns.highest(column); ++q) {
        const std::int64_t from = plane + r * s.columns.out + q;
        if (indices[from] == row * s.columns.in + column) sum += cuda::load(dy[from]);
      }
    }
    dx[i] = store<T>(sum);
  }
};

template <class T>
struct Average {
  Plane s;
  bool include_padding;
  const T* x;
  T* y;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t q = i % s.columns.out, r = i / s.columns.out % s.rows.out;
    const T* const plane = x + i / (s.columns.out * s.rows.out) * s.rows.in * s.columns.in;
    Compute<T> sum(0);
    for (std::int64_t a = 0; a < s.rows.taps(r); ++a) {
      const std::int64_t row = s.rows.at(r, a);
      if (!s.rows.holds(row)) continue;
      for (std::int64_t b = 0; b < s.columns.taps(q); ++b) {
        const std::int64_t column = s.columns.at(q, b);
        if (s.columns.holds(column)) sum += cuda::load(plane[row * s.columns.in + column]);
      }
    }
    const std::int64_t n =
        s.rows.divisor(r, include_padding) * s.columns.divisor(q, include_padding);
    y[i] = store<T>(sum / static_cast<Compute<T>>(n));
  }
};

template <class T>
struct AverageGradient {
  Plane s;
  bool include_padding;
  const T* dy;
  T* dx;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t column = i % s.columns.in, row = i / s.columns.in % s.rows.in;
    const std::int64_t plane = i / (s.columns.in * s.rows.in) * s.rows.out * s.columns.out;
    Compute<T> sum(0);
    for (std::int64_t r = s.rows.lowest(row); r <= s.rows.highest(row); ++r) {
      if (!s.rows.covers(r, row)) continue;
      for (std::int64_t q = s.columns.lowest(column); q <= s.columns.highest(column); ++q) {
        if (!s.columns.covers(q, column)) continue;
        const std::int64_t n =
            s.rows.divisor(r, include_padding) * s.columns.divisor(q, include_padding);
        sum += cuda::load(dy[plane + r * s.columns.out + q]) / static_cast<Compute<T>>(n);
      }
    }
    dx[i] = store<T>(sum);
  }
};

void maximum(Context& ctx, const Plane& s, const Tensor& x, Outs out) {
  dispatch_floating(ctx, x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, out[0].numel(),
             Maximum<T>{s, in_ptr<T>(x), out_ptr<T>(out[0]),
                        out.size() > 1 ? out_ptr<std::int32_t>(out[1]) : nullptr});
  });
}

void average(Context& ctx, const Plane& s, bool include_padding, const Tensor& x, const Tensor& y) {
  dispatch_floating(ctx, x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, y.numel(), Average<T>{s, include_padding, in_ptr<T>(x), out_ptr<T>(y)});
  });
}

void average_gradient(Context& ctx, const Plane& s, bool include_padding, const Tensor& dy,
                      const Tensor& dx) {
  dispatch_floating(ctx, dy.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, dx.numel(),
             AverageGradient<T>{s, include_padding, in_ptr<T>(dy), out_ptr<T>(dx)});
  });
}

// cuDNN's windows all begin inside the padded image and end there: those of ceil_mode need not.
bool cudnn_takes(const PoolProblem& p) {
  const auto fits = [](std::int64_t in, std::int64_t out, int kernel, int stride, int padding) {
    return (in + 2 * padding - kernel) / stride + 1 == out && padding < kernel;
  };
  // Its sizes are 32 bits, and of the types it surely has these two.
  return p.x.numel() > 0 && p.x.numel() <= INT32_MAX &&
         (p.dtype == DType::f32 || p.dtype == DType::f16) &&
         fits(p.x[2], p.y[2], p.kernel.h, p.stride.h, p.padding.h) &&
         fits(p.x[3], p.y[3], p.kernel.w, p.stride.w, p.padding.w);
}

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::MaxPool2d& op, Context& ctx, Ins in, Outs out) {
  const Tensor &x = in[0], &y = out[0];
  const Pair stride = stride_of(op.stride, op.kernel_size);
  const PoolProblem p{false,     true,           x.dtype(), x.shape(),
                      y.shape(), op.kernel_size, stride,    op.padding};
  if (out.size() == 1 && op.dilation == Pair(1) && cudnn_takes(p) && aligned({&x, &y})) {
    return pool_forward(ctx, p, x.raw(), y.raw());
  }
  maximum(ctx, Plane(x.shape(), y.shape(), op.kernel_size, stride, op.padding, op.dilation), x,
          out);
}

void run(const ops::AdaptiveMaxPool2d&, Context& ctx, Ins in, Outs out) {
  maximum(ctx, Plane(in[0].shape(), out[0].shape()), in[0], out);
}

void run(const ops::MaxPool2dGrad& op, Context& ctx, Ins in, Outs out) {
  const Tensor &dy = in[0], &dx = out[0];
  const ops::MaxPool2d& p = op.pool;
  const Plane s = op.adaptive ? Plane(op.x, dy.shape())
                              : Plane(op.x, dy.shape(), p.kernel_size,
                                      stride_of(p.stride, p.kernel_size), p.padding, p.dilation);
  dispatch_floating(ctx, dy.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, dx.numel(),
             MaximumGradient<T>{s, in_ptr<T>(dy), in_ptr<std::int32_t>(in[1]), out_ptr<T>(dx)});
  });
}

void run(const ops::AvgPool2d& op, Context& ctx, Ins in, Outs out) {
  const Tensor &x = in[0], &y = out[0];
  const Pair stride = stride_of(op.stride, op.kernel_size);
  const PoolProblem p{true,      op.count_include_pad, x.dtype(), x.shape(),
                      y.shape(), op.kernel_size,       stride,    op.padding};
  if (cudnn_takes(p) && aligned({&x, &y})) return pool_forward(ctx, p, x.raw(), y.raw());
  average(ctx, Plane(x.shape(), y.shape(), op.kernel_size, stride, op.padding, 1),
          op.count_include_pad, x, y);
}

void run(const ops::AvgPool2dGrad& op, Context& ctx, Ins in, Outs out) {
  const Tensor &dy = in[0], &dx = out[0];
  const ops::AvgPool2d& pool = op.pool;
  average_gradient(ctx,
                   Plane(op.x, dy.shape(), pool.kernel_size,
                         stride_of(pool.stride, pool.kernel_size), pool.padding, 1),
                   pool.count_include_pad, dy, dx);
}

void run(const ops::AdaptiveAvgPool2d&, Context& ctx, Ins in, Outs out) {
  average(ctx, Plane(in[0].shape(), out[0].shape()), false, in[0], out[0]);
}

void run(const ops::AdaptiveAvgPool2dGrad& op, Context& ctx, Ins in, Outs out) {
  average_gradient(ctx, Plane(op.x, in[0].shape()), false, in[0], out[0]);
}

}  // namespace glassbox
