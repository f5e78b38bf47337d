// Optimizer updates: one pass over each parameter, its gradient and its moments, many parameters to
// a launch. Options and step counts come from the state on the device: a block's first thread makes
// its parameter's scalars of them in double. The last launch advances the counts. A step that is to
// be skipped is launched as well, since only the device knows.
#include "engine/cuda/group.h"
#include "engine/ops/math.h"
#include "engine/ops/optim.h"

namespace glassbox {
namespace cuda {
namespace {

// A step's scalars, rounded to what a parameter is computed in, and the update of one element: the
// step is number `step` of its parameter.

template <class C>
struct SgdRule {
  struct Scalars {
    C rate, momentum, keep, decay;
    bool first;
  };
  bool has_momentum, nesterov, maximize;

  explicit SgdRule(const ops::Sgd& op)
      : has_momentum(op.has_momentum), nesterov(op.nesterov), maximize(op.maximize) {}
  __device__ void prepare(const double* state, double step, Scalars& s) const {
    s.rate = C(state[0]);
    s.momentum = C(state[1]);
    s.keep = C(1 - state[2]);
    s.decay = C(state[3]);
    s.first = step == 1;
  }
  __device__ void operator()(const Scalars& s, C& p, C g, C (&m)[3]) const {
    C d = (maximize ? -g : g) + s.decay * p;
    if (has_momentum) {
      m[0] = s.first ? d : s.momentum * m[0] + s.keep * d;
      d = nesterov ? d + s.momentum * m[0] : m[0];
    }
    p -= s.rate * d;
  }
};

template <class C>
struct AdamRule {
  struct Scalars {
    C take1, keep2, take2, decay, shrink, rate, correction, eps;
  };
  bool amsgrad, decoupled, maximize;

  explicit AdamRule(const ops::Adam& op)
      : amsgrad(op.amsgrad), decoupled(op.decoupled_weight_decay), maximize(op.maximize) {}
  __device__ void prepare(const double* state, double step, Scalars& s) const {
    const double lr = state[0], beta1 = state[1], beta2 = state[2];
    s.take1 = C(1 - beta1);
    s.keep2 = C(beta2);
    s.take2 = C(1 - beta2);
    s.decay = C(decoupled ? 0 : state[4]);
    s.shrink = C(decoupled ? 1 - lr * state[4] : 1);
    s.rate = C(lr / (1 - math::pow(beta1, step)));
    s.correction = C(1 / math::sqrt(1 - math::pow(beta2, step)));
    s.eps = C(state[3]);
  }
  __device__ void operator()(const Scalars& s, C& p, C g, C (&m)[3]) const {
    const C d = (maximize ? -g : g) + s.decay * p;
    m[0] += s.take1 * (d - m[0]);
    m[1] = s.keep2 * m[1] + s.take2 * d * d;
    C top = m[1];
    if (amsgrad) m[2] = top = math::max(top, m[2]);
    p = s.shrink * p - s.rate * m[0] / (math::sqrt(top) * s.correction + s.eps);
  }
};

template <class C>
struct RmsPropRule {
  struct Scalars {
    C rate, keep, take, eps, decay, momentum;
  };
  bool has_momentum, centered, maximize;

  explicit RmsPropRule(const ops::RmsProp& op)
      : has_momentum(op.has_momentum), centered(op.centered), maximize(op.maximize) {}
  __device__ void prepare(const double* state, double, Scalars& s) const {
    s.rate = C(state[0]);
    s.keep = C(state[1]);
    s.take = C(1 - state[1]);
    s.eps = C(state[2]);
    s.decay = C(state[3]);
    s.momentum = C(state[4]);
  }
  __device__ void operator()(const Scalars& s, C& p, C g, C (&m)[3]) const {
    const C d = (maximize ? -g : g) + s.decay * p;
    m[0] = s.keep * m[0] + s.take * d * d;
    C spread = m[0];
    C& mean = has_momentum ? m[2] : m[1];
    if (centered) {
      mean += s.take * (d - mean);
      spread -= mean * mean;
    }
    C step = d / (math::sqrt(spread) + s.eps);
    if (has_momentum) {
      step += s.momentum * m[1];
      m[1] = step;
    }
    p -= s.rate * step;
  }
};

// A set is p, g and up to 3 moments, null past their count.
constexpr int set_size = 5;

template <class T, class Rule>
struct UpdateChunk {
  const double* state;
  Rule rule;
  template <class Chunk>
  __device__ void operator()(const Chunk& chunk) const {
    using C = Compute<T>;
    if (state[ops::update_skip] != 0) return;  // the whole block
    __shared__ typename Rule::Scalars scalars;
    if (threadIdx.x == 0) {
      rule.prepare(state, state[ops::update_header + chunk.item.index] + 1, scalars);
    }
    __syncthreads();
    T* const p = chunk.template ptr<T>(0);
    const T* const g = chunk.template ptr<const T>(1);
    T* const moments[3] = {chunk.template ptr<T>(2), chunk.template ptr<T>(3),
                           chunk.template ptr<T>(4)};
    for (std::int64_t i = chunk.begin + threadIdx.x; i < chunk.end; i += blockDim.x) {
      C value = load(p[i]), m[3] = {};
      for (int k = 0; k < 3; ++k) {
        if (moments[k]) m[k] = load(moments[k][i]);
      }
      rule(scalars, value, load(g[i]), m);
      p[i] = store<T>(value);
      for (int k = 0; k < 3; ++k) {
        if (moments[k]) moments[k][i] = store<T>(m[k]);
      }
    }
  }
};

// Which of up to `most` parameters took a step.
struct Advance {
  static constexpr std::int64_t most = 2048;
  const double* state;
  double* steps;
  std::uint64_t stepped[most / 64] = {};
  __device__ void operator()(std::int64_t i) const {
    if (state[ops::update_skip] != 0) return;
    if (stepped[i / 64] >> (i % 64) & 1) steps[i] += 1;
  }
};

template <template <class> class Rule, class Op>
void update_group(const Op& op, const Context& ctx, Ins in, Outs out) {
  double* const state = out_ptr<double>(out[0]);
  const auto each = static_cast<std::int64_t>(2 + op.moments().size());
  const std::int64_t n = (static_cast<std::int64_t>(in.size()) - 1) / each;
  const auto tensor = [&](std::int64_t i, std::int64_t k) -> const Tensor& {
    return in[static_cast<std::size_t>(1 + i * each + k)];
  };
  const auto set = [&](std::int64_t i, const Tensor*(&list)[set_size]) {
    for (std::int64_t k = 0; k < each; ++k) list[k] = &tensor(i, k);
    return tensor(i, 1).defined();
  };
  for_groups<set_size>(n, set, [&](DType dtype, const Group<set_size>& group) {
    dispatch_floating(ctx, dtype, [&](auto type) {
      using T = decltype(type);
      using R = Rule<Compute<T>>;
      for_chunks(ctx, group, UpdateChunk<T, R>{state, R(op)});
    });
  });
  for (std::int64_t first = 0; first < n; first += Advance::most) {
    Advance advance{state, state + ops::update_header + first};
    const std::int64_t count = std::min(Advance::most, n - first);
    for (std::int64_t i = 0; i < count; ++i) {
      if (tensor(first + i, 1).defined()) advance.stepped[i / 64] |= std::uint64_t(1) << (i % 64);
    }
    for_each(ctx, count, advance);
  }
}

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::Sgd& op, Context& ctx, Ins in, Outs out) {
  update_group<SgdRule>(op, ctx, in, out);
}
void run(const ops::Adam& op, Context& ctx, Ins in, Outs out) {
  update_group<AdamRule>(op, ctx, in, out);
}
void run(const ops::RmsProp& op, Context& ctx, Ins in, Outs out) {
  update_group<RmsPropRule>(op, ctx, in, out);
}

}  // namespace glassbox
