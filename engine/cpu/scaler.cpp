// Loss scaling: one pass over each gradient, which divides and looks for what is not finite.
#include "engine/ops/scaler.h"

#include <atomic>
#include <cmath>
#include <limits>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"

namespace glassbox {

using namespace cpu;

namespace {

// x *= factor; whether all were finite.
template <class T>
bool scale_finite(T* x, std::int64_t n, T factor) {
  constexpr T largest = std::numeric_limits<T>::max();
  bool finite = true;
  for (std::int64_t i = 0; i < n; ++i) {
    finite &= std::abs(x[i]) <= largest;
    x[i] *= factor;
  }
  return finite;
}

}  // namespace

void run(const ops::UnscaleGrads& op, cpu::Context& ctx, Ins in, Outs) {
  double* const state = out_ptr<double>(in[0]);
  const auto states = static_cast<std::size_t>(1 + op.groups);
  const double factor = 1 / state[0];
  std::atomic<bool> found{false};
  for (const Tensor& g : in.subspan(states)) {
    dispatch_floating(op.name, g.dtype(), [&](auto type) {
      using T = decltype(type);
      T* const x = out_ptr<T>(g);
      parallel_chunks(ctx, g.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
        if (!scale_finite(x + begin, end - begin, T(factor))) {
          found.store(true, std::memory_order_relaxed);
        }
      });
    });
  }
  for (const Tensor& group : in.subspan(1, states - 1)) {
    out_ptr<double>(group)[ops::update_skip] = found ? 1 : 0;
  }
  if (found) state[2] = 1;
  state[3] = 0;
}

void run(const ops::ScalerUpdate& op, cpu::Context&, Ins in, Outs) {
  op.apply_to(out_ptr<double>(in[0]));
  for (const Tensor& group : in.subspan(1)) out_ptr<double>(group)[ops::update_skip] = 0;
}

}  // namespace glassbox
