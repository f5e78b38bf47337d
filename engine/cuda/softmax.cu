// Softmax, a row at a time: its largest, then the sum of its exponentials, then the result. The
// second and third time a row comes from the cache.
#include "engine/cuda/rows.h"
#include "engine/ops/math.h"
#include "engine/ops/softmax.h"

namespace glassbox {
namespace cuda {
namespace {

template <class T, bool log>
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
    const double sum = team.sum(rows.n, power);
    const C norm = static_cast<C>(log ? math::log(sum) : sum);
    team.each(rows.n, [&](std::int64_t i) {
      y[first + i * step] = store<T>(log ? value(i) - top - norm : power(i) / norm);
    });
  }
};

// dx = y (dy - sum of dy y), and of the logarithm dx = dy - e^y (sum of dy).
template <class T, bool log>
struct SoftmaxGradRow {
  Rows rows;
  const T *dy, *y;
  T* dx;
  template <class Team>
  __device__ void operator()(const Team& team, std::int64_t row) const {
    using C = Compute<T>;
    const std::int64_t first = rows.at(row, 0), step = rows.inner;
    const auto grad = [&](std::int64_t i) { return load(dy[first + i * step]); };
    const auto value = [&](std::int64_t i) { return load(y[first + i * step]); };
    const C total = static_cast<C>(
        team.sum(rows.n, [&](std::int64_t i) { return log ? grad(i) : grad(i) * value(i); }));
    team.each(rows.n, [&](std::int64_t i) {
      dx[first + i * step] =
          store<T>(log ? grad(i) - math::exp(value(i)) * total : value(i) * (grad(i) - total));
    });
  }
};

template <template <class, bool> class Kernel, bool log, class Op>
void run_rows(const Op& op, const Context& ctx, Ins in, Outs out) {
  const Rows rows(out[0].shape(), normalize_dim(op.name, op.dim, out[0].dim()));
  dispatch_floating(ctx, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const second = in.size() > 1 ? in_ptr<T>(in[1]) : nullptr;
    for_each_row(ctx, rows, Kernel<T, log>{rows, in_ptr<T>(in[0]), second, out_ptr<T>(out[0])});
  });
}

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::Softmax& op, Context& ctx, Ins in, Outs out) {
  run_rows<SoftmaxRow, false>(op, ctx, in, out);
}
void run(const ops::LogSoftmax& op, Context& ctx, Ins in, Outs out) {
  run_rows<SoftmaxRow, true>(op, ctx, in, out);
}
void run(const ops::SoftmaxGrad& op, Context& ctx, Ins in, Outs out) {
  run_rows<SoftmaxGradRow, false>(op, ctx, in, out);
}
void run(const ops::LogSoftmaxGrad& op, Context& ctx, Ins in, Outs out) {
  run_rows<SoftmaxGradRow, true>(op, ctx, in, out);
}

}  // namespace glassbox
