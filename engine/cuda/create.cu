// Constants and ranges, a thread for each element. What an element is worth is computed in double
// and then rounded, as on the CPU.
#include <cmath>

#include "engine/cuda/launch.h"
#include "engine/ops/create.h"

namespace glassbox {
namespace cuda {
namespace {

template <class T>
GLASSBOX_HD T make(double value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value != 0;
  } else {
    return store<T>(static_cast<Compute<T>>(value));
  }
}

template <class T>
struct Constant {
  T* y;
  T value;
  __device__ void operator()(std::int64_t i) const { y[i] = value; }
};

// Why fma by name: compilers make one of a product and a sum on some targets and not on others.
struct Steps {
  double start, step;
  GLASSBOX_HD double operator()(std::int64_t i) const {
    return ::fma(static_cast<double>(i), step, start);
  }
};

struct BothEnds {
  double start, end, step;
  std::int64_t steps;
  // Why from both ends: the last value is exactly `end`, as in numpy.
  GLASSBOX_HD double operator()(std::int64_t i) const {
    return 2 * i < steps ? ::fma(static_cast<double>(i), step, start)
                         : ::fma(-static_cast<double>(steps - 1 - i), step, end);
  }
};

template <class T, class F>
struct Range {
  T* y;
  F value;
  __device__ void operator()(std::int64_t i) const { y[i] = make<T>(value(i)); }
};

template <class F>
void fill_range(const Context& ctx, const Tensor& out, const F& value) {
  dispatch_any(out.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, out.numel(), Range<T, F>{out_ptr<T>(out), value});
  });
}

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::Full& op, Context& ctx, Ins, Outs out) {
  const std::size_t bytes = out[0].spec().bytes();
  if (bytes == 0) return;
  if (op.value == 0 && !std::signbit(op.value)) {  // zero bits in every type
    check(ctx.op, "cudaMemsetAsync", cudaMemsetAsync(out[0].raw(), 0, bytes, ctx.stream));
    return;
  }
  dispatch_any(out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, out[0].numel(), Constant<T>{out_ptr<T>(out[0]), make<T>(op.value)});
  });
}

void run(const ops::Arange& op, Context& ctx, Ins, Outs out) {
  fill_range(ctx, out[0], Steps{op.start, op.step});
}

void run(const ops::Linspace& op, Context& ctx, Ins, Outs out) {
  const double step = op.steps > 1 ? (op.end - op.start) / static_cast<double>(op.steps - 1) : 0;
  fill_range(ctx, out[0], BothEnds{op.start, op.end, step, op.steps});
}

}  // namespace glassbox
