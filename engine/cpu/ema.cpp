// Averages of weights, element by element.
#include "engine/ops/ema.h"

#include <cstring>
#include <type_traits>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"

namespace glassbox {

using namespace cpu;

namespace {

// Averages with the rounding of PyTorch's separate operations: volatile keeps the compiler from
// joining them.
template <class T>
T integer_average(T average, T x, double decay) {
  const volatile float kept = static_cast<float>(average) * static_cast<float>(decay);
  const volatile float added = static_cast<float>(x) * static_cast<float>(1 - decay);
  return static_cast<T>(kept + added);
}

template <class T>
void average(const cpu::Context& ctx, T* to, const T* from, std::int64_t n, double decay) {
  const T take = T(1 - decay);
  parallel_chunks(ctx, n, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if constexpr (std::is_integral_v<T>)
        to[i] = integer_average(to[i], from[i], decay);
      else
        to[i] += take * (from[i] - to[i]);
    }
  });
}

}  // namespace

void run(const ops::Ema& op, cpu::Context& ctx, Ins in, Outs out) {
  double* const state = out_ptr<double>(out[0]);
  const double decay = state[0];
  const bool first = state[1] == 0;
  for (std::size_t i = 1; i < in.size(); i += 2) {
    const Tensor &to = in[i], &from = in[i + 1];
    if (first) {
      std::memcpy(to.raw(), from.raw(), to.spec().bytes());
      continue;
    }
    dispatch_number(op.name, to.dtype(), [&](auto type) {
      using T = decltype(type);
      average(ctx, out_ptr<T>(to), in_ptr<T>(from), to.numel(), decay);
    });
  }
  state[1] += 1;
}

}  // namespace glassbox
