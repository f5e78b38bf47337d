// Reductions. The tensor is seen as [outer, n, inner] with the reduced elements in the middle, after
// at most one permutation of dimensions into kept and reduced ones. Long sums are taken in fixed
// blocks whose partial sums are added in order, each in double for f32.
#include "engine/ops/reduce.h"

#include <vector>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"

namespace glassbox {

using namespace cpu;

namespace {

// Offsets in x of the elements that are summed into one output, and of the outputs' first elements.
struct Reduction {
  std::vector<std::int64_t> kept_size, kept_step, reduced_size, reduced_step;
  std::int64_t outputs = 1, count = 1;

  Reduction(std::string_view op, const Shape& x, const std::vector<int>& dims) {
    std::vector<bool> reduced(static_cast<std::size_t>(x.rank()), dims.empty());
    for (int d : dims) reduced[static_cast<std::size_t>(normalize_dim(op, d, x.rank()))] = true;
    for (int d = 0; d < x.rank(); ++d) {
      const bool r = reduced[static_cast<std::size_t>(d)];
      add(r ? reduced_size : kept_size, r ? reduced_step : kept_step, x[d],
          x.product(d + 1, x.rank()));
      (r ? count : outputs) *= x[d];
    }
  }

  static std::int64_t offset(const std::vector<std::int64_t>& size,
                             const std::vector<std::int64_t>& step, std::int64_t index) {
    std::int64_t at = 0;
    for (std::size_t d = size.size(); d-- > 0;) {
      at += index % size[d] * step[d];
      index /= size[d];
    }
    return at;
  }

 private:
  // Merges a dimension into the one before it where memory is contiguous across both.
  static void add(std::vector<std::int64_t>& sizes, std::vector<std::int64_t>& steps,
                  std::int64_t size, std::int64_t step) {
    if (size == 1) return;
    if (!sizes.empty() && steps.back() == step * size) {
      sizes.back() *= size;
      steps.back() = step;
    } else {
      sizes.push_back(size);
      steps.push_back(step);
    }
  }
};

// The sum of a contiguous run, in eight interleaved lanes of double.
template <class T>
double sum_run(const T* x, std::int64_t n) {
  double lane[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int k = 0; k < 8; ++k) lane[k] += static_cast<double>(x[i + k]);
  }
  for (int k = 0; i < n; ++i, ++k) lane[k] += static_cast<double>(x[i]);
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

// Sum over one output's elements with number in [begin, end).
template <class T>
double sum_range(const Reduction& r, const T* x, std::int64_t begin, std::int64_t end) {
  if (r.reduced_size.empty()) return begin < end ? static_cast<double>(x[0]) : 0;
  const std::int64_t inner = r.reduced_size.back(), step = r.reduced_step.back();
  double total = 0;
  for (std::int64_t i = begin; i < end;) {
    const std::int64_t in_run = std::min(end - i, inner - i % inner);
    const T* run = x + Reduction::offset(r.reduced_size, r.reduced_step, i);
    if (step == 1) {
      total += sum_run(run, in_run);
    } else {
      for (std::int64_t k = 0; k < in_run; ++k) total += static_cast<double>(run[k * step]);
    }
    i += in_run;
  }
  return total;
}

template <class T>
void reduce_sum(const cpu::Context& ctx, const Reduction& r, const T* x, T* y, double scale) {
  constexpr std::int64_t block = 32768;
  if (r.outputs == 0) return;
  if (r.outputs >= 64 || r.count <= block) {
    const std::int64_t group = std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, r.count));
    parallel_chunks(ctx, r.outputs, group, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o) {
        const T* first = x + Reduction::offset(r.kept_size, r.kept_step, o);
        y[o] = static_cast<T>(sum_range(r, first, 0, r.count) * scale);
      }
    });
    return;
  }
  // Few outputs of many elements: blocks in parallel, then their sums in order.
  const std::int64_t blocks = (r.count + block - 1) / block;
  std::vector<double> partial(static_cast<std::size_t>(r.outputs * blocks));
  parallel_for(ctx, r.outputs * blocks, [&](std::int64_t i) {
    const T* first = x + Reduction::offset(r.kept_size, r.kept_step, i / blocks);
    const std::int64_t begin = i % blocks * block;
    partial[static_cast<std::size_t>(i)] =
        sum_range(r, first, begin, std::min(r.count, begin + block));
  });
  for (std::int64_t o = 0; o < r.outputs; ++o) {
    double total = 0;
    for (std::int64_t b = 0; b < blocks; ++b) total += partial[static_cast<std::size_t>(o * blocks + b)];
    y[o] = static_cast<T>(total * scale);
  }
}

template <class Op>
void run_sum(const Op& op, const cpu::Context& ctx, Ins in, Outs out, bool mean) {
  const Reduction r(op.name, in[0].shape(), op.dims);
  const double scale = mean ? 1.0 / static_cast<double>(r.count) : 1.0;
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    reduce_sum(ctx, r, in_ptr<T>(in[0]), out_ptr<T>(out[0]), scale);
  });
}

// Sum of squared deviations from `mean` over one output's elements.
template <class T>
double squared_deviations(const Reduction& r, const T* x, double mean) {
  double total = 0;
  for (std::int64_t i = 0; i < r.count; ++i) {
    const double d = static_cast<double>(x[Reduction::offset(r.reduced_size, r.reduced_step, i)]) - mean;
    total += d * d;
  }
  return total;
}

}  // namespace

void run(const ops::Var& op, cpu::Context& ctx, Ins in, Outs out) {
  const Reduction r(op.name, in[0].shape(), op.dims);
  const double count = static_cast<double>(r.count);
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    T* const y = out_ptr<T>(out[0]);
    parallel_for(ctx, r.outputs, [&](std::int64_t o) {
      const T* first = in_ptr<T>(in[0]) + Reduction::offset(r.kept_size, r.kept_step, o);
      const double mean = sum_range(r, first, 0, r.count) / count;
      const double degrees = std::max(0.0, count - op.correction);
      y[o] = static_cast<T>(squared_deviations(r, first, mean) / degrees);
    });
  });
}

void run(const ops::Sum& op, cpu::Context& ctx, Ins in, Outs out) { run_sum(op, ctx, in, out, false); }
void run(const ops::Mean& op, cpu::Context& ctx, Ins in, Outs out) { run_sum(op, ctx, in, out, true); }

}  // namespace glassbox
