// Constants and ranges.
#include "engine/ops/create.h"

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"

namespace glassbox {

using namespace cpu;

namespace {

template <class T>
T make(double value) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return T(static_cast<float>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    return value != 0;
  } else {
    return static_cast<T>(value);
  }
}

template <class F>
void fill(cpu::Context& ctx, const Tensor& out, const F& value) {
  dispatch_any(out.dtype(), [&](auto type) {
    using T = decltype(type);
    T* y = out_ptr<T>(out);
    parallel_chunks(ctx, out.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = make<T>(value(i));
    });
  });
}

}  // namespace

void run(const ops::Full& op, cpu::Context& ctx, Ins, Outs out) {
  fill(ctx, out[0], [&](std::int64_t) { return op.value; });
}

void run(const ops::Arange& op, cpu::Context& ctx, Ins, Outs out) {
  fill(ctx, out[0], [&](std::int64_t i) { return op.start + static_cast<double>(i) * op.step; });
}

void run(const ops::Linspace& op, cpu::Context& ctx, Ins, Outs out) {
  const double step = op.steps > 1 ? (op.end - op.start) / static_cast<double>(op.steps - 1) : 0;
  // Why from both ends: the last value is exactly `end`, as in numpy.
  fill(ctx, out[0], [&](std::int64_t i) {
    return 2 * i < op.steps ? op.start + static_cast<double>(i) * step
                            : op.end - static_cast<double>(op.steps - 1 - i) * step;
  });
}

}  // namespace glassbox
