// Loss scaling. A pass over all gradients divides them and leaves a mark where one is not finite;
// one thread then tells the groups and takes the mark into the scaler's state. The host learns
// nothing of it.
#include "engine/cuda/group.h"
#include "engine/ops/scaler.h"

namespace glassbox {
namespace cuda {
namespace {

template <class T>
struct UnscaleChunk {
  double* state;
  template <class Chunk>
  __device__ void operator()(const Chunk& chunk) const {
    T* const x = chunk.template ptr<T>(0);
    const auto factor = static_cast<Compute<T>>(1 / state[0]);
    bool finite = true;
    for (std::int64_t i = chunk.begin + threadIdx.x; i < chunk.end; i += blockDim.x) {
      const Compute<T> g = cuda::load(x[i]);
      finite = finite && g - g == 0;  // infinity and NaN give NaN
      x[i] = store<T>(g * factor);
    }
    if (!finite) state[3] = 1;  // whoever writes writes the same
  }
};

// The states of some groups.
struct States {
  static constexpr int most = 32;
  double* of[most] = {};
  int count = 0;
};

// Calls f(states, last) for all, at least once.
template <class F>
void for_states(Ins groups, const F& f) {
  std::size_t i = 0;
  do {
    States some;
    while (i < groups.size() && some.count < States::most) {
      some.of[some.count++] = out_ptr<double>(groups[i++]);
    }
    f(some, i == groups.size());
  } while (i < groups.size());
}

struct TellGroups {
  double* state;
  States groups;
  bool last;
  __device__ void operator()(std::int64_t) const {
    const double found = state[3];
    for (int k = 0; k < groups.count; ++k) groups.of[k][ops::update_skip] = found;
    if (!last) return;
    if (found != 0) state[2] = 1;
    state[3] = 0;
  }
};

struct UpdateScale {
  ops::ScalerUpdate op;
  double* state;
  States groups;
  bool last;
  __device__ void operator()(std::int64_t) const {
    for (int k = 0; k < groups.count; ++k) groups.of[k][ops::update_skip] = 0;
    if (last) op.apply_to(state);
  }
};

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::UnscaleGrads& op, Context& ctx, Ins in, Outs) {
  double* const state = out_ptr<double>(in[0]);
  const auto states = static_cast<std::size_t>(1 + op.groups);
  const Ins gradients = in.subspan(states);
  const auto one = [&](std::int64_t i, const Tensor*(&list)[1]) {
    list[0] = &gradients[static_cast<std::size_t>(i)];
    return true;
  };
  for_groups<1>(static_cast<std::int64_t>(gradients.size()), one,
                [&](DType dtype, const Group<1>& group) {
                  dispatch_floating(ctx, dtype, [&](auto type) {
                    for_chunks(ctx, group, UnscaleChunk<decltype(type)>{state});
                  });
                });
  for_states(in.subspan(1, states - 1), [&](const States& groups, bool last) {
    for_each(ctx, 1, TellGroups{state, groups, last});
  });
}

void run(const ops::ScalerUpdate& op, Context& ctx, Ins in, Outs) {
  double* const state = out_ptr<double>(in[0]);
  for_states(in.subspan(1), [&](const States& groups, bool last) {
    for_each(ctx, 1, UpdateScale{op, state, groups, last});
  });
}

}  // namespace glassbox
