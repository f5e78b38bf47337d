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

  GLASSBOX_HD std::int64_t divisor(std::int64_t r, std::int64_t q, bool include_padding) const {
    return rows.divisor(r, include_padding) * columns.divisor(q, include_padding);
  }
  // For an output element, of all planes: f(where in x, where in its plane) for its window's taps.
  template <class F>
  GLASSBOX_HD void each_tap(std::int64_t output, const F& f) const {
    const std::int64_t q = output % columns.out, r = output / columns.out % rows.out;
    const std::int64_t plane = output / (columns.out * rows.out) * rows.in * columns.in;
    for (std::int64_t a = 0; a < rows.taps(r); ++a) {
      const std::int64_t row = rows.at(r, a);
      if (!rows.holds(row)) continue;
      for (std::int64_t b = 0; b < columns.taps(q); ++b) {
        const std::int64_t column = columns.at(q, b), place = row * columns.in + column;
        if (columns.holds(column)) f(plane + place, place);
      }
    }
  }
  // For an input element: f(where in y, window row, window column) for the windows around it, of
  // which some may not have a tap on it.
  template <class F>
  GLASSBOX_HD void each_window(std::int64_t input, const F& f) const {
    const std::int64_t column = input % columns.in, row = input / columns.in % rows.in;
    const std::int64_t plane = input / (columns.in * rows.in) * rows.out * columns.out;
    for (std::int64_t r = rows.lowest(row); r <= rows.highest(row); ++r) {
      for (std::int64_t q = columns.lowest(column); q <= columns.highest(column); ++q) {
        f(plane + r * columns.out + q, r, q);
      }
    }
  }
  // Where an input element lies in its plane, and whether window r, q has a tap on it.
  GLASSBOX_HD std::int64_t place_of(std::int64_t input) const {
    return input % (rows.in * columns.in);
  }
  GLASSBOX_HD bool covers(std::int64_t r, std::int64_t q, std::int64_t input) const {
    return rows.covers(r, input / columns.in % rows.in) && columns.covers(q, input % columns.in);
  }
};

Pair stride_of(Pair stride, Pair kernel) { return stride == Pair() ? kernel : stride; }

template <class T>
struct Maximum {
  Plane s;
  const T* x;
  T* y;
  std::int32_t* indices;  // null: not wanted
  __device__ void operator()(std::int64_t i) const {
    Compute<T> best = -std::numeric_limits<Compute<T>>::infinity();
    std::int64_t place = -1;
    s.each_tap(i, [&](std::int64_t at, std::int64_t in_plane) {
      const Compute<T> value = cuda::load(x[at]);
      // Of equal values the first wins, and the last NaN over everything.
      if (value > best || value != value || place < 0) {
        best = value;
        place = in_plane;
      }
    });
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
    Compute<T> sum(0);
    s.each_window(i, [&](std::int64_t from, std::int64_t, std::int64_t) {
      if (indices[from] == s.place_of(i)) sum += cuda::load(dy[from]);
    });
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
    Compute<T> sum(0);
    s.each_tap(i, [&](std::int64_t at, std::int64_t) { sum += cuda::load(x[at]); });
    const std::int64_t q = i % s.columns.out, r = i / s.columns.out % s.rows.out;
    y[i] = store<T>(sum / static_cast<Compute<T>>(s.divisor(r, q, include_padding)));
  }
};

template <class T>
struct AverageGradient {
  Plane s;
  bool include_padding;
  const T* dy;
  T* dx;
  __device__ void operator()(std::int64_t i) const {
    Compute<T> sum(0);
    s.each_window(i, [&](std::int64_t from, std::int64_t r, std::int64_t q) {
      if (!s.covers(r, q, i)) return;
      sum += cuda::load(dy[from]) / static_cast<Compute<T>>(s.divisor(r, q, include_padding));
    });
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
