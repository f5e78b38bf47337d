// Sums. Dimensions are split into kept and reduced ones; the last that is longer than 1 is
// contiguous and decides how memory is walked. Reduced: an output's elements come in contiguous
// runs. Kept: a strip of neighbouring outputs is summed together, so that every line of memory is
// used whole. Long sums of few outputs are cut into fixed blocks whose sums are added in order, all
// in double.
#include "engine/ops/reduce.h"

#include <vector>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"
#include "engine/cpu/rows.h"

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
    // Why the first dimension apart: a division costs as much as a short run's sum.
    std::int64_t at = 0;
    for (std::size_t d = size.size(); d-- > 1;) {
      at += index % size[d] * step[d];
      index /= size[d];
    }
    if (!size.empty()) at += index * step[0];
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

// How a reduction is cut: a piece is a group of outputs (a strip, or one) and a block of their
// elements. It depends on the shape alone.
struct Pieces {
  static constexpr std::int64_t longest_strip = 256, block_elements = 32768, enough_groups = 64;
  const Reduction& r;
  bool across;         // neighbouring outputs are contiguous
  std::int64_t row;    // how many of them
  std::int64_t width;  // outputs in a strip, fewer in a row's last one
  std::int64_t strips, groups, block, blocks;

  explicit Pieces(const Reduction& reduction) : r(reduction) {
    across = !r.kept_step.empty() && r.kept_step.back() == 1;
    row = across ? r.kept_size.back() : 1;
    width = std::min(row, longest_strip);
    strips = width == 0 ? 0 : (row + width - 1) / width;
    groups = r.outputs == 0 ? 0 : r.outputs / row * strips;
    block = groups < enough_groups && width > 0 ? block_elements / width : r.count;
    blocks = block == 0 ? 1 : std::max<std::int64_t>(1, (r.count + block - 1) / block);
  }
  std::int64_t first(std::int64_t group) const {
    return across ? group / strips * row + group % strips * width : group;
  }
  std::int64_t outputs(std::int64_t group) const {
    return across ? std::min(width, row - group % strips * width) : 1;
  }
  // Sums of pieces that wait to be added up.
  std::int64_t partials() const { return blocks > 1 ? r.outputs * blocks : 0; }
  // Pieces that are worth handing to a thread together.
  std::int64_t per_chunk() const {
    return std::max<std::int64_t>(
        1, grain / std::max<std::int64_t>(1, width * std::min(block, r.count)));
  }
};

// What is summed of each element: itself, or its squared distance from the output's shift.
struct Itself {
  template <class V>
  V operator()(V x, double) const {
    return x;
  }
};
struct SquaredDistance {
  template <class V>
  V operator()(V x, double shift) const {
    const V d = x - V(shift);
    return d * d;
  }
};

// Calls f(run, n, step) for the runs of one output's elements with number in [begin, end).
template <class T, class F>
void for_runs(const Reduction& r, const T* x, std::int64_t begin, std::int64_t end, const F& f) {
  if (begin >= end) return;
  if (r.reduced_size.empty()) return f(x, 1, 1);
  const std::int64_t inner = r.reduced_size.back(), step = r.reduced_step.back();
  if (r.reduced_size.size() == 1) return f(x + begin * step, end - begin, step);
  for (std::int64_t i = begin; i < end;) {
    const std::int64_t n = std::min(end - i, inner - i % inner);
    f(x + Reduction::offset(r.reduced_size, r.reduced_step, i), n, step);
    i += n;
  }
}

// The sums of a piece, by output. `shift` begins at the piece's first output, or is null for zeros.
template <class T, class Term>
void sum_piece(const Pieces& p, const T* x, std::int64_t group, std::int64_t b, const Term& term,
               const double* shift, double* total) {
  const std::int64_t width = p.outputs(group);
  const std::int64_t begin = b * p.block, end = std::min(p.r.count, begin + p.block);
  *total = 0;  // Why apart: for one output the call would cost as much as a short sum.
  if (width > 1) std::fill_n(total + 1, width - 1, 0.0);
  if (begin >= end) return;  // of nothing: x may be null
  const T* const first = x + Reduction::offset(p.r.kept_size, p.r.kept_step, p.first(group));
  for_runs(p.r, first, begin, end, [&](const T* run, std::int64_t n, std::int64_t step) {
    if (!p.across) {
      const double s = shift ? *shift : 0;
      *total += sum_row(n, [&](std::int64_t i, auto load) { return term(load(run + i), s); });
    } else if (shift) {
      for (; n > 0; --n, run += step) {
        for (std::int64_t j = 0; j < width; ++j)
          total[j] += term(static_cast<double>(run[j]), shift[j]);
      }
    } else {
      for (; n > 0; --n, run += step) {
        for (std::int64_t j = 0; j < width; ++j) total[j] += term(static_cast<double>(run[j]), 0);
      }
    }
  });
}

// The working memory of `reduce`, in doubles.
std::size_t partial_sums(std::string_view op, const Shape& x, const std::vector<int>& dims) {
  const Reduction r(op, x, dims);
  return static_cast<std::size_t>(Pieces(r).partials());
}

// Calls put(output, sum) for every output.
template <class T, class Term, class Put>
void reduce(const cpu::Context& ctx, const Reduction& r, const T* x, const Term& term,
            const double* shift, double* partial, const Put& put) {
  const Pieces p(r);
  parallel_chunks(
      ctx, p.groups * p.blocks, p.per_chunk(), [&](std::int64_t begin, std::int64_t end) {
        double total[Pieces::longest_strip];
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t group = p.blocks == 1 ? i : i / p.blocks, b = i - group * p.blocks;
          const std::int64_t first = p.first(group);
          sum_piece(p, x, group, b, term, shift ? shift + first : nullptr, total);
          for (std::int64_t j = 0; j < p.outputs(group); ++j) {
            if (p.blocks == 1)
              put(first + j, total[j]);
            else
              partial[(first + j) * p.blocks + b] = total[j];
          }
        }
      });
  for (std::int64_t o = 0; p.blocks > 1 && o < r.outputs; ++o) {
    double total = 0;
    for (std::int64_t b = 0; b < p.blocks; ++b) total += partial[o * p.blocks + b];
    put(o, total);
  }
}

template <class Op>
void run_sum(const Op& op, const cpu::Context& ctx, Ins in, Outs out, bool mean) {
  const Reduction r(op.name, in[0].shape(), op.dims);
  const double divisor = mean ? static_cast<double>(r.count) : 1;
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    T* const y = out_ptr<T>(out[0]);
    reduce(ctx, r, in_ptr<T>(in[0]), Itself(), nullptr, static_cast<double*>(ctx.scratch()),
           [&](std::int64_t o, double total) { y[o] = static_cast<T>(total / divisor); });
  });
}

}  // namespace

std::size_t scratch(const ops::Sum& op, const cpu::Context&, Specs in, Specs) {
  return partial_sums(op.name, in[0].shape, op.dims) * sizeof(double);
}
std::size_t scratch(const ops::Mean& op, const cpu::Context&, Specs in, Specs) {
  return partial_sums(op.name, in[0].shape, op.dims) * sizeof(double);
}

void run(const ops::Sum& op, cpu::Context& ctx, Ins in, Outs out) {
  run_sum(op, ctx, in, out, false);
}
void run(const ops::Mean& op, cpu::Context& ctx, Ins in, Outs out) {
  run_sum(op, ctx, in, out, true);
}

// The means, in double, before the partial sums.
std::size_t scratch(const ops::Var& op, const cpu::Context&, Specs in, Specs out) {
  return (static_cast<std::size_t>(out[0].numel()) + partial_sums(op.name, in[0].shape, op.dims)) *
         sizeof(double);
}

void run(const ops::Var& op, cpu::Context& ctx, Ins in, Outs out) {
  const Reduction r(op.name, in[0].shape(), op.dims);
  const double count = static_cast<double>(r.count);
  const double degrees = std::max(0.0, count - op.correction);
  double* const means = static_cast<double*>(ctx.scratch());
  double* const partial = means + out[0].numel();
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const x = in_ptr<T>(in[0]);
    T* const y = out_ptr<T>(out[0]);
    reduce(ctx, r, x, Itself(), nullptr, partial,
           [&](std::int64_t o, double total) { means[o] = total / count; });
    reduce(ctx, r, x, SquaredDistance(), means, partial,
           [&](std::int64_t o, double total) { y[o] = static_cast<T>(total / degrees); });
  });
}

}  // namespace glassbox
