// Sums. A block takes a tile: some neighbouring outputs and a part of their elements, in double.
// Where an output's elements are neighbours in memory so are the threads that share it; else
// neighbouring threads have neighbouring outputs. Either way a warp reads whole lines. Few outputs
// of many elements are cut into parts whose sums are added by a second launch. Every cut depends on
// the shape alone.
#include <vector>

#include "engine/cuda/launch.h"
#include "engine/ops/reduce.h"

namespace glassbox {
namespace cuda {
namespace {

// Division by a number that is known on the host: by a multiplication where 31 bits are enough
// (Granlund & Montgomery 1994).
struct Divisor {
  std::int64_t divisor = 1;
  std::uint32_t factor = 0, shift = 0;
  bool fast = false;

  Divisor() = default;
  Divisor(std::int64_t d, std::int64_t largest) : divisor(d) {
    constexpr std::int64_t bits31 = std::int64_t(1) << 31;
    if (d < 1 || d >= bits31 || largest >= bits31) return;
    while ((std::int64_t(1) << shift) < d) ++shift;
    const std::uint64_t rest = (std::uint64_t(1) << shift) - static_cast<std::uint64_t>(d);
    factor = static_cast<std::uint32_t>((rest << 32) / static_cast<std::uint64_t>(d) + 1);
    fast = true;
  }
  GLASSBOX_HD std::int64_t operator()(std::int64_t i) const {
    if (!fast) return i / divisor;
    const auto n = static_cast<std::uint32_t>(i);
    return (static_cast<std::uint32_t>(std::uint64_t(n) * factor >> 32) + n) >> shift;
  }
};

// Dimensions of one kind, kept or reduced: from a number in their order to the offset in x.
struct Axes {
  int rank = 0;
  std::int64_t size[Shape::max_rank / 2] = {}, step[Shape::max_rank / 2] = {}, count = 1;
  Divisor by[Shape::max_rank / 2];

  // Merges a dimension into the one before it where memory is contiguous across both.
  void add(std::int64_t n, std::int64_t apart) {
    count *= n;
    if (n == 1) return;
    if (rank == 0 || step[rank - 1] != apart * n) size[rank++] = 1;
    size[rank - 1] *= n;
    step[rank - 1] = apart;
  }
  void close() {
    for (int d = 0; d < rank; ++d) by[d] = Divisor(size[d], count);
  }
  GLASSBOX_HD std::int64_t at(std::int64_t index) const {
    std::int64_t offset = 0;
    for (int d = rank - 1; d > 0; --d) {
      const std::int64_t next = by[d](index);
      offset += (index - next * size[d]) * step[d];
      index = next;
    }
    return rank > 0 ? offset + index * step[0] : 0;
  }
};

// A reduction and how it is cut into tiles of 256 threads: `team` threads share an output.
struct Plan {
  static constexpr std::int64_t threads = block_threads, enough_tiles = 1024, shortest = 16;
  Axes kept, reduced;
  bool across = false;  // neighbouring outputs are neighbours in x
  std::int64_t team = 1, width = 1, tiles = 0;
  std::int64_t part = 0, parts = 1;  // an output's elements that a tile takes, and how often

  Plan(std::string_view op, const Shape& x, const std::vector<int>& dims) {
    bool is_reduced[Shape::max_rank] = {};
    for (int d = 0; d < x.rank(); ++d) is_reduced[d] = dims.empty();
    for (const int d : dims) is_reduced[normalize_dim(op, d, x.rank())] = true;
    for (int d = 0; d < x.rank(); ++d) {
      (is_reduced[d] ? reduced : kept).add(x[d], x.product(d + 1, x.rank()));
    }
    across = kept.rank > 0 && kept.step[kept.rank - 1] == 1;
    cut();
  }
  // Of partial sums [outputs, count].
  Plan(std::int64_t outputs, std::int64_t count) {
    kept.add(outputs, count);
    reduced.add(count, 1);
    cut();
    part = reduced.count;
    parts = 1;
  }
  std::int64_t partials() const { return parts > 1 ? kept.count * parts : 0; }

 private:
  void cut() {
    kept.close();
    reduced.close();
    const std::int64_t most = across ? 8 : threads;
    while (team < most && team * 4 < reduced.count) team *= 2;
    width = threads / team;
    tiles = (kept.count + width - 1) / width;
    if (tiles > 0 && tiles < enough_tiles) {
      const std::int64_t wanted = (enough_tiles + tiles - 1) / tiles;
      parts = std::clamp<std::int64_t>(reduced.count / (team * shortest), 1, wanted);
    }
    part = (reduced.count + parts - 1) / parts;
    if (part > 0) parts = std::max<std::int64_t>(1, (reduced.count + part - 1) / part);
  }
};

// What is summed of each element of an output: itself, or its squared distance from the shift.
struct Itself {
  __device__ double operator()(double x, std::int64_t) const { return x; }
};
struct SquaredDistance {
  const double* shift;
  __device__ double operator()(double x, std::int64_t output) const {
    const double d = x - shift[output];
    return d * d;
  }
};

// Where a sum goes.
template <class T>
struct Divided {
  T* y;
  double divisor;
  __device__ void operator()(std::int64_t i, double sum) const {
    y[i] = store<T>(static_cast<Compute<T>>(sum / divisor));
  }
};

template <class T, class Term, class Put>
struct SumTile {
  Plan plan;
  const T* x;
  Term term;
  Put put;

  __device__ void operator()(std::int64_t tile) const {
    __shared__ double sums[Plan::threads];
    const std::int64_t t = threadIdx.x, part = tile % plan.parts;
    const std::int64_t column = plan.across ? t % plan.width : t / plan.team;
    const std::int64_t member = plan.across ? t / plan.width : t % plan.team;
    const std::int64_t output = tile / plan.parts * plan.width + column;
    const bool has_output = output < plan.kept.count;
    sums[t] = has_output ? sum(output, part * plan.part + member, (part + 1) * plan.part) : 0;
    const std::int64_t apart = plan.across ? plan.width : 1;
    for (std::int64_t half = plan.team / 2; half > 0; half /= 2) {
      __syncthreads();
      if (member < half) sums[t] += sums[t + half * apart];
    }
    if (member == 0 && has_output) put(output * plan.parts + part, sums[t]);
  }

 private:
  __device__ double sum(std::int64_t output, std::int64_t i, std::int64_t end) const {
    if (end > plan.reduced.count) end = plan.reduced.count;
    const std::int64_t first = plan.kept.at(output), step = plan.team;
    const auto value = [&](std::int64_t k) {
      return term(static_cast<double>(load(x[first + plan.reduced.at(k)])), output);
    };
    double a = 0, b = 0, c = 0, d = 0;  // four loads are on their way at a time
    for (; i + 3 * step < end; i += 4 * step) {
      a += value(i);
      b += value(i + step);
      c += value(i + 2 * step);
      d += value(i + 3 * step);
    }
    for (; i < end; i += step) a += value(i);
    return (a + b) + (c + d);
  }
};

template <class T, class Term, class Put>
void launch_tiles(const Context& ctx, const Plan& plan, const T* x, const Term& term,
                  const Put& put) {
  for_rows(ctx, plan.tiles * plan.parts, Plan::threads, SumTile<T, Term, Put>{plan, x, term, put});
}

// Calls put(output, sum) on the device for every output. `partial` holds plan.partials().
template <class T, class Term, class Put>
void reduce(const Context& ctx, const Plan& plan, const T* x, const Term& term, double* partial,
            const Put& put) {
  if (plan.parts == 1) return launch_tiles(ctx, plan, x, term, put);
  launch_tiles(ctx, plan, x, term, Divided<double>{partial, 1});
  launch_tiles(ctx, Plan(plan.kept.count, plan.parts), partial, Itself(), put);
}

template <class Op>
void run_sum(const Op& op, const Context& ctx, Ins in, Outs out, bool mean) {
  const Plan plan(op.name, in[0].shape(), op.dims);
  dispatch_floating(ctx, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const double divisor = mean ? static_cast<double>(plan.reduced.count) : 1;
    reduce(ctx, plan, in_ptr<T>(in[0]), Itself(), ctx.scratch_as<double>(),
           Divided<T>{out_ptr<T>(out[0]), divisor});
  });
}

std::size_t partial_bytes(std::string_view op, Specs in, const std::vector<int>& dims) {
  return static_cast<std::size_t>(Plan(op, in[0].shape, dims).partials()) * sizeof(double);
}

}  // namespace
}  // namespace cuda

using namespace cuda;

std::size_t scratch(const ops::Sum& op, const Context&, Specs in, Specs) {
  return partial_bytes(op.name, in, op.dims);
}
std::size_t scratch(const ops::Mean& op, const Context&, Specs in, Specs) {
  return partial_bytes(op.name, in, op.dims);
}
// The means before the partial sums.
std::size_t scratch(const ops::Var& op, const Context&, Specs in, Specs out) {
  return static_cast<std::size_t>(out[0].numel()) * sizeof(double) +
         partial_bytes(op.name, in, op.dims);
}

void run(const ops::Sum& op, Context& ctx, Ins in, Outs out) { run_sum(op, ctx, in, out, false); }
void run(const ops::Mean& op, Context& ctx, Ins in, Outs out) { run_sum(op, ctx, in, out, true); }

void run(const ops::Var& op, Context& ctx, Ins in, Outs out) {
  const Plan plan(op.name, in[0].shape(), op.dims);
  const double count = static_cast<double>(plan.reduced.count);
  double* const means = ctx.scratch_as<double>();
  double* const partial = means + out[0].numel();
  dispatch_floating(ctx, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const x = in_ptr<T>(in[0]);
    reduce(ctx, plan, x, Itself(), partial, Divided<double>{means, count});
    reduce(ctx, plan, x, SquaredDistance{means}, partial,
           Divided<T>{out_ptr<T>(out[0]), std::max(0.0, count - op.correction)});
  });
}

}  // namespace glassbox
