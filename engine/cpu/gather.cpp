// Gathering along a dimension. The index is seen as [outer, n, inner] around it, x the same way
// with sizes of its own. Equal places of x are met only within one line of n indices, and one
// thread takes a line, in order: so sums need no atomics.
#include "engine/ops/gather.h"

#include <algorithm>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"

namespace glassbox {

using namespace cpu;

namespace {

struct Lines {
  Shape index, x;
  int dim;
  std::int64_t n, inner, x_inner, count;

  Lines(const Shape& i, const Shape& from, int d)
      : index(i),
        x(from),
        dim(d),
        n(index[d]),
        inner(index.product(d + 1, index.rank())),
        x_inner(x.product(d + 1, x.rank())),
        count(index.product(0, d) * inner) {}

  std::int64_t at_index(std::int64_t line) const { return line / inner * n * inner + line % inner; }
  std::int64_t at_x(std::int64_t line) const {
    std::int64_t at = 0, step = 1, rest = line;
    for (int d = index.rank() - 1; d >= 0; --d) {
      if (d != dim) {
        at += rest % index[d] * step;
        rest /= index[d];
      }
      step *= x[d];
    }
    return at;
  }
  // Calls f(line) for every line.
  template <class F>
  void each(const cpu::Context& ctx, const F& f) const {
    if (n == 0) return;
    const std::int64_t chunk = std::max<std::int64_t>(1, grain / n);
    parallel_chunks(ctx, count, chunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t line = begin; line < end; ++line) f(line);
    });
  }
};

// Before the threads start: an error must not leave one of them.
void check_indices(std::string_view op, const Lines& l, const std::int64_t* index) {
  const std::int64_t size = l.x[l.dim];
  for (std::int64_t i = 0, all = l.index.numel(); i < all; ++i) {
    if (index[i] >= 0 && index[i] < size) continue;
    Shape place = l.index;
    for (std::int64_t d = place.rank() - 1, rest = i; d >= 0; --d) {
      std::int64_t& p = place[static_cast<int>(d)];
      const std::int64_t of_dim = p;
      p = rest % of_dim;
      rest /= of_dim;
    }
    fail(op, cat("index ", index[i], " at ", place, " is outside the ", size, " elements of x ",
                 l.x, " along dimension ", l.dim));
  }
}

}  // namespace

void run(const ops::Gather& op, cpu::Context& ctx, Ins in, Outs out) {
  const Lines l(in[1].shape(), in[0].shape(), normalize_dim(op.name, op.dim, in[0].dim()));
  const std::int64_t* const index = in_ptr<std::int64_t>(in[1]);
  check_indices(op.name, l, index);
  dispatch_width(in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const x = in_ptr<T>(in[0]);
    T* const y = out_ptr<T>(out[0]);
    l.each(ctx, [&](std::int64_t line) {
      const std::int64_t at = l.at_index(line);
      const T* const from = x + l.at_x(line);
      for (std::int64_t k = at; k < at + l.n * l.inner; k += l.inner) {
        y[k] = from[index[k] * l.x_inner];
      }
    });
  });
}

void run(const ops::GatherGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Lines l(in[1].shape(), op.x, normalize_dim(op.name, op.dim, op.x.rank()));
  const std::int64_t* const index = in_ptr<std::int64_t>(in[1]);
  check_indices(op.name, l, index);
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const dy = in_ptr<T>(in[0]);
    T* const dx = out_ptr<T>(out[0]);
    parallel_chunks(ctx, out[0].numel(), grain, [&](std::int64_t begin, std::int64_t end) {
      std::fill(dx + begin, dx + end, T(0));
    });
    l.each(ctx, [&](std::int64_t line) {
      const std::int64_t at = l.at_index(line);
      T* const to = dx + l.at_x(line);
      for (std::int64_t k = at; k < at + l.n * l.inner; k += l.inner) {
        to[index[k] * l.x_inner] += dy[k];
      }
    });
  });
}

}  // namespace glassbox
