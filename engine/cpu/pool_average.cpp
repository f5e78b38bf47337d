// Averages. As in pool.cpp a plane is one thread's; windows of a fixed size are taken tap by tap,
// adaptive ones one by one.
#include <algorithm>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/plane_sum.h"
#include "engine/cpu/pool_windows.h"
#include "engine/ops/pool.h"

namespace glassbox {

using namespace cpu;

namespace {

template <class T>
double sum_window(const T* x, std::int64_t w, Range rows, Range columns) {
  const std::int64_t n = columns.end - columns.begin;
  if (n == w) return plane_sum(x + rows.begin * w, (rows.end - rows.begin) * w);
  double sum = 0;
  for (std::int64_t i = rows.begin; i < rows.end; ++i) {
    sum += plane_sum(x + i * w + columns.begin, n);
  }
  return sum;
}

// What one output of a row counts along the columns, for every output.
template <class T>
std::vector<T> counted_columns(const Axis& columns, bool count_padding) {
  std::vector<T> counted(static_cast<std::size_t>(columns.out));
  for (std::int64_t j = 0; j < columns.out; ++j) {
    counted[static_cast<std::size_t>(j)] = static_cast<T>(columns.counted(j, count_padding));
  }
  return counted;
}

template <class T>
void average_plane(const Axes& a, const std::vector<T>& counted, bool count_padding, const T* x,
                   T* y) {
  const Axis &rows = a.rows, &columns = a.columns;
  // By taps where that is many outputs to few taps, which are then added in T; else by windows.
  const bool by_taps = columns.out >= 4 && rows.kernel * columns.kernel <= 64;
  for (std::int64_t i = 0; i < rows.out; ++i, y += columns.out) {
    std::fill_n(y, columns.out, T(0));
    if (by_taps) {
      a.for_taps(i, [&](std::int64_t to, std::int64_t from, std::int64_t n) {
        with_stride(columns.stride, [&](auto step) {
          for (std::int64_t q = 0; q < n; ++q) y[to + q] += x[from + q * step];
        });
      });
    } else {
      const auto window = [](const Axis& axis, std::int64_t o) {
        const std::int64_t begin = o * axis.stride - axis.padding;
        return Range{begin, begin + axis.kernel}.within(0, axis.in);
      };
      for (std::int64_t j = 0; j < columns.out; ++j) {
        y[j] = static_cast<T>(sum_window(x, columns.in, window(rows, i), window(columns, j)));
      }
    }
    const auto count = static_cast<T>(rows.counted(i, count_padding));
    for (std::int64_t j = 0; j < columns.out; ++j)
      y[j] /= count * counted[static_cast<std::size_t>(j)];
  }
}

template <class T>
void average_grad_plane(const Axes& a, const std::vector<T>& counted, bool count_padding,
                        const T* dy, T* dx) {
  std::fill_n(dx, a.rows.in * a.columns.in, T(0));
  for (std::int64_t i = 0; i < a.rows.out; ++i, dy += a.columns.out) {
    const auto count = static_cast<T>(a.rows.counted(i, count_padding));
    a.for_taps(i, [&](std::int64_t from, std::int64_t to, std::int64_t n) {
      const T* const divisor = counted.data() + from;
      with_stride(a.columns.stride, [&](auto step) {
        for (std::int64_t q = 0; q < n; ++q)
          dx[to + q * step] += dy[from + q] / (count * divisor[q]);
      });
    });
  }
}

void average(std::string_view name, const Axes& a, bool count_padding, const cpu::Context& ctx,
             const Planes& s, Ins in, Outs out) {
  dispatch_floating(name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const std::vector<T> counted = counted_columns<T>(a.columns, count_padding);
    const T* const x = in_ptr<T>(in[0]);
    T* const y = out_ptr<T>(out[0]);
    s.each(ctx, [&](std::int64_t p) {
      average_plane(a, counted, count_padding, x + p * s.in(), y + p * s.out());
    });
  });
}

void average_grad(std::string_view name, const Axes& a, bool count_padding, const cpu::Context& ctx,
                  const Planes& s, Ins in, Outs out) {
  dispatch_floating(name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const std::vector<T> counted = counted_columns<T>(a.columns, count_padding);
    const T* const dy = in_ptr<T>(in[0]);
    T* const dx = out_ptr<T>(out[0]);
    s.each(ctx, [&](std::int64_t p) {
      average_grad_plane(a, counted, count_padding, dy + p * s.out(), dx + p * s.in());
    });
  });
}

// Adaptive windows are of one size where the sizes divide; taps pay where a row has many outputs.
bool divides(const Planes& s) { return s.h % s.oh == 0 && s.w % s.ow == 0 && s.ow >= 4; }
Axes divided(const Planes& s) {
  const int h = static_cast<int>(s.h / s.oh), w = static_cast<int>(s.w / s.ow);
  return {Axis(s.h, s.oh, h, h, 0, 1), Axis(s.w, s.ow, w, w, 0, 1)};
}

}  // namespace

void run(const ops::AvgPool2d& op, cpu::Context& ctx, Ins in, Outs out) {
  const Axes a = axes_of(op, 1, in[0].shape(), out[0].shape());
  average(op.name, a, op.count_include_pad, ctx, Planes(in[0].shape(), out[0].shape()), in, out);
}

void run(const ops::AvgPool2dGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Axes a = axes_of(op.pool, 1, out[0].shape(), in[0].shape());
  average_grad(op.name, a, op.pool.count_include_pad, ctx, Planes(out[0].shape(), in[0].shape()),
               in, out);
}

void run(const ops::AdaptiveAvgPool2d& op, cpu::Context& ctx, Ins in, Outs out) {
  const Planes s(in[0].shape(), out[0].shape());
  if (divides(s)) return average(op.name, divided(s), false, ctx, s, in, out);
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const x = in_ptr<T>(in[0]);
    T* const y = out_ptr<T>(out[0]);
    s.each(ctx, [&](std::int64_t p) {
      for (std::int64_t o = 0; o < s.out(); ++o) {
        const Range rows = adaptive_window(o / s.ow, s.oh, s.h);
        const Range columns = adaptive_window(o % s.ow, s.ow, s.w);
        const std::int64_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
        y[p * s.out() + o] = static_cast<T>(sum_window(x + p * s.in(), s.w, rows, columns) /
                                            static_cast<double>(count));
      }
    });
  });
}

void run(const ops::AdaptiveAvgPool2dGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Planes s(out[0].shape(), in[0].shape());
  if (divides(s)) return average_grad(op.name, divided(s), false, ctx, s, in, out);
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const dy = in_ptr<T>(in[0]);
    T* const dx = out_ptr<T>(out[0]);
    s.each(ctx, [&](std::int64_t p) {
      T* const plane = dx + p * s.in();
      std::fill_n(plane, s.in(), T(0));
      for (std::int64_t o = 0; o < s.out(); ++o) {
        const Range rows = adaptive_window(o / s.ow, s.oh, s.h);
        const Range columns = adaptive_window(o % s.ow, s.ow, s.w);
        const std::int64_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
        const T share = dy[p * s.out() + o] / static_cast<T>(count);
        for (std::int64_t i = rows.begin; i < rows.end; ++i) {
          T* const row = plane + i * s.w;
          for (std::int64_t j = columns.begin; j < columns.end; ++j) row[j] += share;
        }
      }
    });
  });
}

}  // namespace glassbox
