// Optimizer updates: one pass over each parameter, its gradient and its moments, element by
// element.
#include "engine/ops/optim.h"

#include <cmath>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"

namespace glassbox {

using namespace cpu;

namespace {

// A step's scalars are computed in double, once for each parameter, and rounded to its type.

struct SgdStep {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize, first;

  SgdStep(const ops::Sgd& op, const double* state, double step)
      : lr(state[0]),
        momentum(state[1]),
        dampening(state[2]),
        weight_decay(state[3]),
        nesterov(op.nesterov),
        maximize(op.maximize),
        first(step == 1) {}

  template <class T>
  void operator()(T* p, const T* g, T* const* moments, std::int64_t n) const {
    T* const m = moments[0];
    const T rate = T(lr), mu = T(momentum), keep = T(1 - dampening), decay = T(weight_decay);
    for (std::int64_t i = 0; i < n; ++i) {
      T d = (maximize ? -g[i] : g[i]) + decay * p[i];
      if (m) {
        m[i] = first ? d : mu * m[i] + keep * d;
        d = nesterov ? d + mu * m[i] : m[i];
      }
      p[i] -= rate * d;
    }
  }
};

struct AdamStep {
  double beta1, beta2, eps, decay, kept, rate, correction;  // 1 / sqrt(1 - beta2^t)
  bool maximize;

  AdamStep(const ops::Adam& op, const double* state, double step)
      : beta1(state[1]),
        beta2(state[2]),
        eps(state[3]),
        decay(op.decoupled_weight_decay ? 0 : state[4]),
        kept(op.decoupled_weight_decay ? 1 - state[0] * state[4] : 1),
        rate(state[0] / (1 - std::pow(beta1, step))),
        correction(1 / std::sqrt(1 - std::pow(beta2, step))),
        maximize(op.maximize) {}

  template <class T>
  void operator()(T* p, const T* g, T* const* moments, std::int64_t n) const {
    if (moments[2])
      update<true>(p, g, moments[0], moments[1], moments[2], n);
    else
      update<false, T>(p, g, moments[0], moments[1], nullptr, n);
  }

 private:
  // Why __restrict: five pointers are more than compilers check for overlap before they vectorise.
  template <bool amsgrad, class T>
  void update(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v,
              [[maybe_unused]] T* __restrict largest, std::int64_t n) const {
    const T take1 = T(1 - beta1), keep2 = T(beta2), take2 = T(1 - beta2), weight_decay = T(decay),
            shrink = T(kept), lr = T(rate), scale = T(correction), epsilon = T(eps);
    for (std::int64_t i = 0; i < n; ++i) {
      const T d = (maximize ? -g[i] : g[i]) + weight_decay * p[i];
      m[i] += take1 * (d - m[i]);
      v[i] = keep2 * v[i] + take2 * d * d;
      T top = v[i];
      if constexpr (amsgrad) {
        top = top > largest[i] || top != top ? top : largest[i];  // a NaN stays
        largest[i] = top;
      }
      p[i] = shrink * p[i] - lr * m[i] / (std::sqrt(top) * scale + epsilon);
    }
  }
};

struct RmsPropStep {
  double lr, alpha, eps, weight_decay, momentum;
  bool has_momentum, centered, maximize;

  RmsPropStep(const ops::RmsProp& op, const double* state, double)
      : lr(state[0]),
        alpha(state[1]),
        eps(state[2]),
        weight_decay(state[3]),
        momentum(state[4]),
        has_momentum(op.has_momentum),
        centered(op.centered),
        maximize(op.maximize) {}

  template <class T>
  void operator()(T* p, const T* g, T* const* moments, std::int64_t n) const {
    T *const v = moments[0], *const second = moments[1], *const third = moments[2];
    if (has_momentum && centered) return update<true, true>(p, g, v, second, third, n);
    if (has_momentum) return update<true, false, T>(p, g, v, second, nullptr, n);
    if (centered) return update<false, true, T>(p, g, v, nullptr, second, n);
    update<false, false, T>(p, g, v, nullptr, nullptr, n);
  }

 private:
  template <bool with_momentum, bool with_mean, class T>
  void update(T* __restrict p, const T* __restrict g, T* __restrict v,
              [[maybe_unused]] T* __restrict m, [[maybe_unused]] T* __restrict a,
              std::int64_t n) const {
    const T rate = T(lr), keep = T(alpha), take = T(1 - alpha), epsilon = T(eps),
            decay = T(weight_decay), mu = T(momentum);
    for (std::int64_t i = 0; i < n; ++i) {
      const T d = (maximize ? -g[i] : g[i]) + decay * p[i];
      v[i] = keep * v[i] + take * d * d;
      T spread = v[i];
      if constexpr (with_mean) {
        a[i] += take * (d - a[i]);
        spread -= a[i] * a[i];
      }
      T step = d / (std::sqrt(spread) + epsilon);
      if constexpr (with_momentum) {
        step += mu * m[i];
        m[i] = step;
      }
      p[i] -= rate * step;
    }
  }
};

// Makes a Step of the op, the state and the number of the step for each parameter with a gradient,
// and calls it for chunks of p, g and the moments (null past their count).
template <class Step, class Op>
void update_group(const Op& op, const cpu::Context& ctx, Ins in, Outs out) {
  double* const state = out_ptr<double>(out[0]);
  if (state[ops::update_skip] != 0) return;
  const std::size_t moments = op.moments().size(), each = 2 + moments;
  for (std::size_t k = 0; 1 + k * each < in.size(); ++k) {
    const Tensor &p = in[1 + k * each], &g = in[2 + k * each];
    if (!g.defined()) continue;
    double& steps = state[ops::update_header + static_cast<std::int64_t>(k)];
    const Step step(op, state, steps + 1);
    dispatch_floating(op.name, p.dtype(), [&](auto type) {
      using T = decltype(type);
      T* const to = out_ptr<T>(p);
      const T* const from = in_ptr<T>(g);
      parallel_chunks(ctx, p.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
        T* moment[3] = {};
        for (std::size_t i = 0; i < moments; ++i) {
          moment[i] = out_ptr<T>(in[3 + k * each + i]) + begin;
        }
        step(to + begin, from + begin, moment, end - begin);
      });
    });
    steps += 1;
  }
}

}  // namespace

void run(const ops::Sgd& op, cpu::Context& ctx, Ins in, Outs out) {
  update_group<SgdStep>(op, ctx, in, out);
}
void run(const ops::Adam& op, cpu::Context& ctx, Ins in, Outs out) {
  update_group<AdamStep>(op, ctx, in, out);
}
void run(const ops::RmsProp& op, cpu::Context& ctx, Ins in, Outs out) {
  update_group<RmsPropStep>(op, ctx, in, out);
}

}  // namespace glassbox
