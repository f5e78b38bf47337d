// Rows along any dimension of a dense tensor, and who walks one: a block, or a thread where
// neighbouring rows are neighbours in memory, so that a warp reads whole lines. A kernel is written
// once, for a Team. Sums are in double, in an order that depends on the shape alone. For .cu files.
#pragma once
#include "engine/cuda/launch.h"

namespace glassbox::cuda {

// A tensor as [outer, n, inner]: row `outer * inner + i` is the one at [outer, :, i], and its
// elements are `inner` apart.
struct Rows {
  std::int64_t outer, n, inner;

  Rows(const Shape& shape, int dim)
      : outer(shape.product(0, dim)), n(shape[dim]), inner(shape.product(dim + 1, shape.rank())) {}
  GLASSBOX_HD std::int64_t count() const { return outer * inner; }
  GLASSBOX_HD std::int64_t at(std::int64_t row, std::int64_t i) const {
    return (row / inner * n + i) * inner + row % inner;
  }
  bool are_threads() const { return inner > 1 && (n <= 32 || count() >= 8192); }
};

// The threads that walk a row together. Each function is called by all of them alike.
struct BlockTeam {
  template <class F>
  __device__ void each(std::int64_t n, const F& f) const {
    for (std::int64_t i = threadIdx.x; i < n; i += blockDim.x) f(i);
  }
  template <class F>
  __device__ double sum(std::int64_t n, const F& f) const {
    double total = 0;
    each(n, [&](std::int64_t i) { total += static_cast<double>(f(i)); });
    return block_sum(total);
  }
  // NaN if there is one; -infinity of nothing.
  template <class T, class F>
  __device__ T largest(std::int64_t n, const F& f) const {
    T top = -std::numeric_limits<T>::infinity();
    each(n, [&](std::int64_t i) { top = Larger()(top, f(i)); });
    return block_max(top);
  }
  __device__ bool leads() const { return threadIdx.x == 0; }
};

struct ThreadTeam {
  template <class F>
  __device__ void each(std::int64_t n, const F& f) const {
    for (std::int64_t i = 0; i < n; ++i) f(i);
  }
  template <class F>
  __device__ double sum(std::int64_t n, const F& f) const {
    double total = 0;
    each(n, [&](std::int64_t i) { total += static_cast<double>(f(i)); });
    return total;
  }
  template <class T, class F>
  __device__ T largest(std::int64_t n, const F& f) const {
    T top = -std::numeric_limits<T>::infinity();
    each(n, [&](std::int64_t i) { top = Larger()(top, f(i)); });
    return top;
  }
  __device__ bool leads() const { return true; }
};

template <class Team, class F>
struct WithTeam {
  F f;
  __device__ void operator()(std::int64_t row) const { f(Team(), row); }
};

// Calls f(team, row) for every row.
template <class F>
void for_each_row(const Context& ctx, const Rows& rows, const F& f) {
  if (rows.are_threads())
    for_each(ctx, rows.count(), WithTeam<ThreadTeam, F>{f});
  else
    for_rows(ctx, rows.count(), rows.n, WithTeam<BlockTeam, F>{f});
}

}  // namespace glassbox::cuda
