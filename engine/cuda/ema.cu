// Averages of weights, element by element, many tensors to a launch. Whether it is the first
// update only the device knows.
#include <type_traits>

#include "engine/cuda/group.h"
#include "engine/ops/ema.h"

namespace glassbox {
namespace cuda {
namespace {

// Averages with the rounding of PyTorch's separate operations: volatile keeps the compiler from
// joining them.
template <class T>
__device__ T integer_average(T average, T x, double decay) {
  const volatile float kept = static_cast<float>(average) * static_cast<float>(decay);
  const volatile float added = static_cast<float>(x) * static_cast<float>(1 - decay);
  return static_cast<T>(kept + added);
}

template <class T>
struct AverageChunk {
  const double* state;  // decay, updates so far
  template <class Chunk>
  __device__ void operator()(const Chunk& chunk) const {
    T* const to = chunk.template ptr<T>(0);
    const T* const from = chunk.template ptr<const T>(1);
    const double decay = state[0];
    const bool first = state[1] == 0;
    for (std::int64_t i = chunk.begin + threadIdx.x; i < chunk.end; i += blockDim.x) {
      if (first) {
        to[i] = from[i];
      } else if constexpr (std::is_integral_v<T>) {
        to[i] = integer_average(to[i], from[i], decay);
      } else {
        const Compute<T> take = static_cast<Compute<T>>(1 - decay), old = load(to[i]);
        to[i] = store<T>(old + take * (load(from[i]) - old));
      }
    }
  }
};

struct CountUpdate {
  double* state;
  __device__ void operator()(std::int64_t) const { state[1] += 1; }
};

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::Ema&, Context& ctx, Ins in, Outs out) {
  double* const state = out_ptr<double>(out[0]);
  const auto pair = [&](std::int64_t i, const Tensor*(&list)[2]) {
    list[0] = &in[static_cast<std::size_t>(1 + 2 * i)];
    list[1] = &in[static_cast<std::size_t>(2 + 2 * i)];
    return true;
  };
  const std::int64_t n = static_cast<std::int64_t>(in.size()) / 2;
  for_groups<2>(n, pair, [&](DType dtype, const Group<2>& group) {
    dispatch_number(ctx, dtype, [&](auto type) {
      for_chunks(ctx, group, AverageChunk<decltype(type)>{state});
    });
  });
  for_each(ctx, 1, CountUpdate{state});
}

}  // namespace glassbox
