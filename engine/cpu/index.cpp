// Searches for the largest and smallest elements. A tensor is seen as [outer, n, inner] around the
// searched dimension; each output scans its n elements in order, so the first of equals wins.
#include "engine/ops/index.h"

#include <algorithm>
#include <vector>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"

namespace glassbox {

using namespace cpu;

namespace {

struct Around {
  std::int64_t outer, n, inner;
  Around(const Shape& x, int dim)
      : outer(x.product(0, dim)), n(x[dim]), inner(x.product(dim + 1, x.rank())) {}
};

// `better(a, b)`: a replaces b. A NaN replaces anything that is not one.
template <class T, class Better>
std::int64_t search(const T* x, std::int64_t n, std::int64_t step, const Better& better) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < n; ++i) {
    const T candidate = x[i * step], held = x[best * step];
    if (better(candidate, held) || (candidate != candidate && held == held)) best = i;
  }
  return best;
}

// Calls put(output, index, value) for each output.
template <class T, class Better, class Put>
void search_all(const cpu::Context& ctx, const Around& a, const T* x, const Better& better,
                const Put& put) {
  const std::int64_t group = std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, a.n));
  parallel_chunks(ctx, a.outer * a.inner, group, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) {
      const T* first = x + o / a.inner * a.n * a.inner + o % a.inner;
      const std::int64_t best = search(first, a.n, a.inner, better);
      put(o, best, first[best * a.inner]);
    }
  });
}

constexpr auto greater = [](auto a, auto b) { return a > b; };
constexpr auto less = [](auto a, auto b) { return a < b; };

template <class Better>
void values_and_indices(std::string_view name, const cpu::Context& ctx, int dim, Ins in, Outs out,
                        const Better& better) {
  const Around a(in[0].shape(), normalize_dim(name, dim, in[0].dim()));
  dispatch_number(name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    T* const values = out_ptr<T>(out[0]);
    auto* const indices = out_ptr<std::int64_t>(out[1]);
    search_all(ctx, a, in_ptr<T>(in[0]), better, [&](std::int64_t o, std::int64_t index, T value) {
      values[o] = value;
      indices[o] = index;
    });
  });
}

// Over everything: the best of fixed blocks, in order.
template <class T, class Better>
std::int64_t search_everything(const cpu::Context& ctx, const T* x, std::int64_t n,
                               const Better& better) {
  const std::int64_t blocks = (n + grain - 1) / grain;
  std::vector<std::int64_t> best(static_cast<std::size_t>(blocks));
  parallel_for(ctx, blocks, [&](std::int64_t b) {
    best[static_cast<std::size_t>(b)] =
        b * grain + search(x + b * grain, std::min(grain, n - b * grain), 1, better);
  });
  std::int64_t winner = best[0];
  for (const std::int64_t candidate : best) {
    const T c = x[candidate], held = x[winner];
    if (better(c, held) || (c != c && held == held)) winner = candidate;
  }
  return winner;
}

template <class Better>
void one_value(std::string_view name, const cpu::Context& ctx, Ins in, Outs out,
               const Better& better) {
  dispatch_number(name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* x = in_ptr<T>(in[0]);
    *out_ptr<T>(out[0]) = x[search_everything(ctx, x, in[0].numel(), better)];
  });
}

}  // namespace

void run(const ops::Max& op, cpu::Context& ctx, Ins in, Outs out) {
  values_and_indices(op.name, ctx, op.dim, in, out, greater);
}
void run(const ops::Min& op, cpu::Context& ctx, Ins in, Outs out) {
  values_and_indices(op.name, ctx, op.dim, in, out, less);
}
void run(const ops::MaxAll& op, cpu::Context& ctx, Ins in, Outs out) {
  one_value(op.name, ctx, in, out, greater);
}
void run(const ops::MinAll& op, cpu::Context& ctx, Ins in, Outs out) {
  one_value(op.name, ctx, in, out, less);
}

void run(const ops::ArgMax& op, cpu::Context& ctx, Ins in, Outs out) {
  auto* const indices = out_ptr<std::int64_t>(out[0]);
  dispatch_number(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* x = in_ptr<T>(in[0]);
    if (!op.dim) {
      *indices = search_everything(ctx, x, in[0].numel(), greater);
      return;
    }
    const Around a(in[0].shape(), normalize_dim(op.name, *op.dim, in[0].dim()));
    search_all(ctx, a, x, greater,
               [&](std::int64_t o, std::int64_t index, T) { indices[o] = index; });
  });
}

void run(const ops::PickGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Around a(out[0].shape(), normalize_dim(op.name, op.dim, out[0].dim()));
  const auto* indices = in_ptr<std::int64_t>(in[1]);
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* dy = in_ptr<T>(in[0]);
    T* const dx = out_ptr<T>(out[0]);
    parallel_for(ctx, a.outer, [&](std::int64_t o) {
      T* const block = dx + o * a.n * a.inner;
      std::fill_n(block, a.n * a.inner, T(0));
      for (std::int64_t i = 0; i < a.inner; ++i) {
        const std::int64_t index = indices[o * a.inner + i];
        if (index >= 0 && index < a.n) block[index * a.inner + i] = dy[o * a.inner + i];
      }
    });
  });
}

}  // namespace glassbox
