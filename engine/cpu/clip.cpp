// Clipping. The norm is summed in chunks of each gradient, whose sums are added in order; a second
// pass scales, if there is anything to scale.
#include "engine/ops/clip.h"

#include <cmath>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/rows.h"

namespace glassbox {

using namespace cpu;

namespace {

std::int64_t chunks_of(std::int64_t n) { return (n + grain - 1) / grain; }

bool infinite(const ops::ClipGradNorm& op) { return std::isinf(op.norm_type); }

// The larger one; a NaN wins.
double larger(double a, double b) { return a > b || a != a ? a : b; }

// The sum of |x|^norm_type, or the largest |x|.
template <class T>
double norm_part(const ops::ClipGradNorm& op, const T* x, std::int64_t n) {
  using std::abs;
  if (infinite(op)) {
    const Along<T> row{n};
    Pack<T> best(T(0));
    row.for_each([&](const auto& at) { best = max(abs(at(x)), best); });
    double top = 0;
    for (int k = 0; k < Pack<T>::lanes; ++k) top = larger(static_cast<double>(best[k]), top);
    return top;
  }
  if (op.norm_type == 2) {
    return sum_row(n, [x](std::int64_t i, auto load) {
      const auto v = load(x + i);
      return v * v;
    });
  }
  if (op.norm_type == 1) {
    return sum_row(n, [x](std::int64_t i, auto load) { return abs(load(x + i)); });
  }
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    sum += std::pow(abs(static_cast<double>(x[i])), op.norm_type);
  }
  return sum;
}

double total_norm(const ops::ClipGradNorm& op, const double* partial, std::int64_t chunks) {
  double total = 0;
  for (std::int64_t i = 0; i < chunks; ++i) {
    total = infinite(op) ? larger(partial[i], total) : total + partial[i];
  }
  if (infinite(op) || op.norm_type == 1) return total;
  return op.norm_type == 2 ? std::sqrt(total) : std::pow(total, 1 / op.norm_type);
}

}  // namespace

std::size_t scratch(const ops::ClipGradNorm&, const cpu::Context&, Specs in, Specs) {
  std::int64_t chunks = 0;
  for (const Spec& g : in) chunks += chunks_of(g.numel());
  return static_cast<std::size_t>(chunks) * sizeof(double);
}

void run(const ops::ClipGradNorm& op, cpu::Context& ctx, Ins in, Outs out) {
  double* const partial = static_cast<double*>(ctx.scratch());
  std::int64_t chunks = 0;
  for (const Tensor& g : in) {
    dispatch_floating(op.name, g.dtype(), [&](auto type) {
      const auto* const x = in_ptr<decltype(type)>(g);
      parallel_chunks(ctx, g.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
        partial[chunks + begin / grain] = norm_part(op, x + begin, end - begin);
      });
    });
    chunks += chunks_of(g.numel());
  }
  const double norm = total_norm(op, partial, chunks);
  if (op.error_if_nonfinite && !std::isfinite(norm)) {
    fail(op.name, cat("the norm of order ", op.norm_type, " of the gradients is ", norm,
                      "; without error_if_nonfinite they would be scaled by it"));
  }
  *out_ptr<double>(out[0]) = norm;
  const double factor = op.max_norm / (norm + 1e-6);
  if (factor >= 1) return;
  for (const Tensor& g : in) {
    dispatch_floating(op.name, g.dtype(), [&](auto type) {
      using T = decltype(type);
      T* const x = out_ptr<T>(g);
      const T scale = T(factor);
      parallel_chunks(ctx, g.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) x[i] *= scale;
      });
    });
  }
}

void run(const ops::ClipGradValue& op, cpu::Context& ctx, Ins in, Outs) {
  for (const Tensor& g : in) {
    dispatch_floating(op.name, g.dtype(), [&](auto type) {
      using T = decltype(type);
      T* const x = out_ptr<T>(g);
      const T top = T(op.clip_value);
      parallel_chunks(ctx, g.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const T above = x[i] < -top ? -top : x[i];
          x[i] = above > top ? top : above;
        }
      });
    });
  }
}

}  // namespace glassbox
