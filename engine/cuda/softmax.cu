// Softmax, a row at a time: its largest, then the sum of its exponentials, then the result. The
// second and third time a row comes from the cache.
#include "engine/cuda/rows.h"
#include "engine/ops/math.h"
#include "engine/ops/softmax.h"

namespace glassbox {
namespace cuda {
namespace {

template <class T>
struct SoftmaxRow {
  Rows rows;
  const T *x, *unused;
  T* y;
  template <class Team>
  __device__ void operator()(const Team& team, std::int64_t row) const {
    using C = Compute<T>;
    const std::int64_t first = rows.at(row, 0), step = rows.inner;
    const auto value = [&](std::int64_t i) { return load(x[first + i * step]); };
    const C top = team.template largest<C>(rows.n, value);
    const auto power = [&](std::int64_t i) { return math::exp(value(i) - top); };
    const C sum = static_cast<C>(team.sum(rows.n, power));
    team.each(rows.n, [&](std::int64_t i) { y[first + i * step] = store<T>(power(i) / sum); });
  }
};

template <class T>
struct LogSoftmaxRow {
  Rows rows;
  const T *x, *unused;
  T* y;
  template <class Team>
  __device__ void operator()(const Team& team, std::int64_t row) const {
    using C = Compute<T>;
    const std::int64_t first = rows.at(row, 0), step = rows.inner;
    const auto value = [&](std::int64_t i) { return load(x[first + i * step]); };
    const C top = team.template largest<C>(rows.n, value);
    const double sum = team.sum(rows.n, [&](std::int64_t i) { return math::exp(value(i) - top); });
    const C log_sum = static_cast<C>(math::log(sum));
    team.each(rows.n,
              [&](std::int64_t i) { y[first + i * step] = store<T>(value(i) - top - log_sum); });
  }
};

template <class T>
struct SoftmaxGradRow {
  Rows rows;
  const T *dy, *y;
  T* dx;
  template <class Team>
  __device__ void operator()(const Team& team, std::int64_t row) const {
    using C = Compute<T>;
    const std::int64_t first = rows.at(row, 0), step = rows.inner;
    const C dot = static_cast<C>(team.sum(rows.n, [&](std::int64_t i) {
      return load(dy[first + i * step]) * load(y[first + i * step]);
    }));
    team.each(rows.n, [&](std::int64_t i) {
      const std::int64_t at = first + i * step;
      dx[at] = store<T>(load(y[at]) * (load(dy[at]) - dot));
    });
  }
};

template <class T>
struct LogSoftmaxGradRow {
  Rows rows;
  const T *dy, *y;
  T* dx;
  template <class Team>
  __device__ void operator()(const Team& team, std::int64_t row) const {
    using C = Compute<T>;
    const std::int64_t first = rows.at(row, 0), step = rows.inner;
    const C total = static_cast<C>(
        team.sum(rows.n, [&](std::int64_t i) { return load(dy[first + i * step]); }));
    team.each(rows.n, [&](std::int64_t i) {
      const std::int64_t at = first + i * step;
      dx[at] = store<T>(load(dy[at]) - math::exp(load(y[at])) * total);
    });
  }
};

template <template <class> class Kernel, class Op>
void run_rows(const Op& op, const Context& ctx, Ins in, Outs out) {
  const Rows rows(out[0].shape(), normalize_dim(op.name, op.dim, out[0].dim()));
  dispatch_floating(ctx, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const second = in.size() > 1 ? in_ptr<T>(in[1]) : nullptr;
    for_each_row(ctx, rows, Kernel<T>{rows, in_ptr<T>(in[0]), second, out_ptr<T>(out[0])});
  });
}

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::Softmax& op, Context& ctx, Ins in, Outs out) {
  run_rows<SoftmaxRow>(op, ctx, in, out);
}
void run(const ops::LogSoftmax& op, Context& ctx, Ins in, Outs out) {
  run_rows<LogSoftmaxRow>(op, ctx, in, out);
}
void run(const ops::SoftmaxGrad& op, Context& ctx, Ins in, Outs out) {
  run_rows<SoftmaxGradRow>(op, ctx, in, out);
}
void run(const ops::LogSoftmaxGrad& op, Context& ctx, Ins in, Outs out) {
  run_rows<LogSoftmaxGradRow>(op, ctx, in, out);
}

}  // namespace glassbox
