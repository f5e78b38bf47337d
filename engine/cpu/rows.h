// Sums of contiguous rows in double, and rows that run along any dimension. Every order depends on
// the shape alone. For engine/cpu only.
#pragma once
#include <array>
#include <cstdint>

#include "engine/core/shape.h"
#include "engine/cpu/parallel.h"
#include "engine/cpu/simd.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

// A double for each of the first Pack<double>::lanes elements at p.
inline Pack<double> load_double(const double* p) { return loadu(p); }
inline Pack<double> load_double(const float* p) {
  typedef float Half __attribute__((vector_size(kPackBytes / 2)));
  Half half;
  std::memcpy(&half, p, sizeof half);
  return Pack<double>::Vector(__builtin_convertvector(half, Pack<double>::Vector));
}

// Adds the elements of e, as double, to as many lanes of two packs as they need.
inline void add_double(Pack<double>& low, Pack<double>&, Pack<double> e) { low += e; }
inline void add_double(Pack<double>& low, Pack<double>& high, Pack<float> e) {
  float lane[Pack<float>::lanes];
  storeu(lane, e);
  low += load_double(lane);
  high += load_double(lane + Pack<double>::lanes);
}

// The sum of f(i, load) for i in [0, n), where f computes from what load(pointer + i) gives: packs
// of double, or a double in the tail. Four sums at a time hide the latency of an addition.
template <class F>
double sum_row(std::int64_t n, const F& f) {
  constexpr int lanes = Pack<double>::lanes;
  const auto packed = [](const auto* p) { return load_double(p); };
  const auto scalar = [](const auto* p) { return static_cast<double>(*p); };
  std::int64_t i = 0;
  double rest = 0;
  if (n < lanes) {
    for (; i < n; ++i) rest += f(i, scalar);
    return rest;
  }
  // Why four names and not an array: g++ 12 would clear it in memory.
  Pack<double> a(0.0), b(0.0), c(0.0), d(0.0);
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a += f(i, packed);
    b += f(i + lanes, packed);
    c += f(i + 2 * lanes, packed);
    d += f(i + 3 * lanes, packed);
  }
  for (; i + lanes <= n; i += lanes) a += f(i, packed);
  for (; i < n; ++i) rest += f(i, scalar);
  return horizontal_sum((a + b) + (c + d)) + rest;
}

template <class T>
double sum_row(const T* x, std::int64_t n) {
  return sum_row(n, [x](std::int64_t i, auto load) { return load(x + i); });
}

// A dense tensor seen as [outer, n, inner]: its rows run along the middle, and row `outer * inner +
// i` is the one at [outer, :, i]. A kernel is written once for a line: a row whose elements are
// contiguous, or a pack of neighbouring rows, of which a pack then holds one element each.
struct Rows {
  std::int64_t outer, n, inner, lanes;

  Rows(const Shape& shape, int dim, std::size_t element_bytes)
      : outer(shape.product(0, dim)),
        n(shape[dim]),
        inner(shape.product(dim + 1, shape.rank())),
        lanes(kPackBytes / static_cast<std::int64_t>(element_bytes)) {}
  std::int64_t count() const { return outer * inner; }
  std::int64_t lines() const { return inner == 1 ? outer : outer * ((inner + lanes - 1) / lanes); }
  std::int64_t lines_per_chunk() const {
    return std::max<std::int64_t>(1,
                                  grain / std::max<std::int64_t>(1, n * (inner == 1 ? 1 : lanes)));
  }
  std::int64_t chunks() const { return (lines() + lines_per_chunk() - 1) / lines_per_chunk(); }
};

// A number for each row of a line.
template <class T>
using PerRow = std::array<double, Pack<T>::lanes>;

// A row of n contiguous elements. `at` loads from a pointer to such a row; lanes past its end hold
// `fill`.
template <class T>
struct Along {
  static constexpr int lanes = Pack<T>::lanes;
  struct At {
    std::int64_t i;
    int count;
    Pack<T> operator()(const T* row, T fill = T(0)) const {
      return load_partial(row + i, count, fill);
    }
    Pack<T> shared(const T* row) const { return (*this)(row); }  // from a row that all rows share
  };
  std::int64_t n;

  int rows() const { return 1; }
  std::int64_t index(std::int64_t i, int) const { return i; }
  Pack<T> spread(const PerRow<T>& x) const { return Pack<T>(static_cast<T>(x[0])); }

  template <class F>
  void for_each(const F& f) const {
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes) f(At{i, lanes});
    if (i < n) f(At{i, static_cast<int>(n - i)});
  }
  template <class F>
  void map(T* y, const F& f) const {
    for_each([&](const At& at) { store_partial(y + at.i, Pack<T>(f(at)), at.count); });
  }
  // NaN if there is one.
  Pack<T> largest(const T* x) const {
    constexpr T lowest = -std::numeric_limits<T>::infinity();
    Pack<T> best(lowest);
    for_each([&](const At& at) { best = max(at(x, lowest), best); });
    T lane[lanes];
    storeu(lane, best);
    for (int half = lanes / 2; half > 0; half /= 2) {
      for (int k = 0; k < half; ++k) {
        const T a = lane[k], b = lane[k + half];
        lane[k] = a > b || a != a ? a : b;
      }
    }
    return Pack<T>(lane[0]);
  }
  // The sum of f(at), which must be 0 in lanes past the end.
  template <class F>
  PerRow<T> sum(const F& f) const {
    Pack<double> low(0.0), high(0.0);
    for_each([&](const At& at) { add_double(low, high, f(at)); });
    return {horizontal_sum(low + high)};
  }
};

// `width` neighbouring rows of n elements, `inner` apart.
template <class T>
struct Across {
  static constexpr int lanes = Pack<T>::lanes;
  struct At {
    std::int64_t i, inner;
    int width;
    Pack<T> operator()(const T* row, T fill = T(0)) const {
      return load_partial(row + i * inner, width, fill);
    }
    Pack<T> shared(const T* row) const { return Pack<T>(row[i]); }
  };
  std::int64_t n, inner;
  int width;

  int rows() const { return width; }
  std::int64_t index(std::int64_t i, int row) const { return i * inner + row; }
  Pack<T> spread(const PerRow<T>& x) const {
    T lane[lanes];
    for (int k = 0; k < lanes; ++k) lane[k] = static_cast<T>(x[static_cast<std::size_t>(k)]);
    return loadu(lane);
  }

  template <class F>
  void for_each(const F& f) const {
    for (std::int64_t i = 0; i < n; ++i) f(At{i, inner, width});
  }
  template <class F>
  void map(T* y, const F& f) const {
    for_each([&](const At& at) { store_partial(y + at.i * inner, Pack<T>(f(at)), width); });
  }
  Pack<T> largest(const T* x) const {
    Pack<T> best(-std::numeric_limits<T>::infinity());
    for_each([&](const At& at) { best = max(at(x), best); });
    return best;
  }
  template <class F>
  PerRow<T> sum(const F& f) const {
    Pack<double> low(0.0), high(0.0);
    for_each([&](const At& at) { add_double(low, high, f(at)); });
    PerRow<T> total;
    storeu(total.data(), low);
    if constexpr (sizeof(T) < sizeof(double)) storeu(total.data() + Pack<double>::lanes, high);
    return total;
  }
};

// Calls f(chunk, line, row, offset) for every line, with the number of its first row and where in
// the tensor that begins. Chunks are fixed by the shape; the lines of one come in order.
template <class T, class F>
void for_lines(const Context& ctx, const Rows& rows, const F& f) {
  const std::int64_t group = rows.lines_per_chunk(), lanes = rows.lanes;
  const std::int64_t across = (rows.inner + lanes - 1) / lanes;
  parallel_chunks(ctx, rows.lines(), group, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (rows.inner == 1) {
        f(begin / group, Along<T>{rows.n}, i, i * rows.n);
      } else {
        const std::int64_t o = i / across, first = i % across * lanes;
        const Across<T> line{rows.n, rows.inner,
                             static_cast<int>(std::min(lanes, rows.inner - first))};
        f(begin / group, line, o * rows.inner + first, o * rows.n * rows.inner + first);
      }
    }
  });
}

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
