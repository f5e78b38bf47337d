// Optimizer updates: one pass over each parameter, its gradient and its moment.
#include "engine/ops/optim.h"

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"

namespace glassbox {

using namespace cpu;

namespace {

struct SgdScalars {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, first;
};

template <class T>
void sgd_range(const SgdScalars& s, T* p, const T* g, T* m, std::int64_t n) {
  const T lr = T(s.lr), momentum = T(s.momentum), keep = T(1 - s.dampening),
          decay = T(s.weight_decay);
  for (std::int64_t i = 0; i < n; ++i) {
    T d = g[i] + decay * p[i];
    if (m) {
      m[i] = s.first ? d : momentum * m[i] + keep * d;
      d = s.nesterov ? d + momentum * m[i] : m[i];
    }
    p[i] -= lr * d;
  }
}

}  // namespace

void run(const ops::Sgd& op, cpu::Context& ctx, Ins in, Outs out) {
  double* const state = out_ptr<double>(out[0]);
  const auto each = static_cast<std::size_t>(op.per_parameter());
  const std::size_t n = (in.size() - 1) / each;
  for (std::size_t k = 0; k < n; ++k) {
    const Tensor& p = in[1 + k * each];
    const Tensor& g = in[2 + k * each];
    if (!g.defined()) continue;
    double& steps = state[ops::Sgd::state_header + static_cast<std::int64_t>(k)];
    const SgdScalars scalars{state[0], state[1], state[2], state[3], op.nesterov, steps == 0};
    steps += 1;
    dispatch_floating(op.name, p.dtype(), [&](auto type) {
      using T = decltype(type);
      T* const to = out_ptr<T>(p);
      const T* const from = in_ptr<T>(g);
      T* const moment = op.has_momentum ? out_ptr<T>(in[3 + k * each]) : nullptr;
      parallel_chunks(ctx, p.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
        sgd_range(scalars, to + begin, from + begin, moment ? moment + begin : nullptr,
                  end - begin);
      });
    });
  }
}

}  // namespace glassbox
