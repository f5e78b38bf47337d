// Loops over contiguous rows, and over rows that lie across memory: those are copied to contiguous
// ones and back, a strip of neighbours at a time, so that a kernel is written once. Sums are in
// double, in an order that depends on the length alone. For engine/cpu only.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

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

// The sum of f(i, load) for i in [0, n), where f computes from what load(pointer + i) gives: packs
// of double, or a double in the tail. Four sums at a time hide the latency of an addition.
template <class F>
double sum_row(std::int64_t n, const F& f) {
  constexpr int lanes = Pack<double>::lanes, ways = 4;
  const auto packed = [](const auto* p) { return load_double(p); };
  const auto scalar = [](const auto* p) { return static_cast<double>(*p); };
  Pack<double> total[ways];
  for (Pack<double>& t : total) t = Pack<double>(0.0);
  std::int64_t i = 0;
  for (; i + ways * lanes <= n; i += ways * lanes) {
    for (int k = 0; k < ways; ++k) total[k] += f(i + k * lanes, packed);
  }
  for (; i + lanes <= n; i += lanes) total[0] += f(i, packed);
  double rest = 0;
  for (; i < n; ++i) rest += f(i, scalar);
  return horizontal_sum((total[0] + total[1]) + (total[2] + total[3])) + rest;
}

template <class T>
double sum_row(const T* x, std::int64_t n) {
  return sum_row(n, [x](std::int64_t i, auto load) { return load(x + i); });
}

// y[i] = f(i, load) for i in [0, n), in packs; a tail goes through the same instructions.
template <class T, class F>
void map_row(T* y, std::int64_t n, const F& f) {
  constexpr int lanes = Pack<T>::lanes;
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    storeu(y + i, Pack<T>(f(i, [](const T* p) { return loadu(p); })));
  }
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_partial(y + i, Pack<T>(f(i, [rest](const T* p) { return load_partial(p, rest); })), rest);
  }
}

// The largest element, NaN if there is one; -infinity of none.
template <class T>
T max_row(const T* x, std::int64_t n) {
  constexpr int lanes = Pack<T>::lanes;
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  Pack<T> best(lowest);
  for (std::int64_t i = 0; i < n; i += lanes) {
    const int rest = static_cast<int>(std::min<std::int64_t>(lanes, n - i));
    best = max(load_partial(x + i, rest, lowest), best);
  }
  T result = best[0];
  for (int k = 1; k < lanes; ++k) {
    const T other = best[k];
    if (other > result || other != other) result = other;
  }
  return result;
}

// A dense tensor seen as [outer, n, inner]: its rows run along the middle. Row `outer * inner + i`
// is the one at [outer, :, i].
struct Rows {
  static constexpr std::int64_t strip = 16;  // neighbours that are copied together
  std::int64_t outer, n, inner;

  Rows(const Shape& shape, int dim)
      : outer(shape.product(0, dim)), n(shape[dim]), inner(shape.product(dim + 1, shape.rank())) {}
  std::int64_t count() const { return outer * inner; }
  std::int64_t strips() const { return inner == 1 ? outer : outer * ((inner + strip - 1) / strip); }
  std::int64_t strips_per_chunk() const {
    const std::int64_t elements = std::max<std::int64_t>(1, n) * (inner == 1 ? 1 : strip);
    return std::max<std::int64_t>(1, grain / elements);
  }
  std::int64_t chunks() const { return (strips() + strips_per_chunk() - 1) / strips_per_chunk(); }
};

// Calls f(chunk, row, from, to) for every row, with its contiguous elements of each input and of
// the output, which may be null. Chunks are fixed by the shape; the rows of one come in order.
template <class T, std::size_t N, class F>
void for_rows(const Context& ctx, const Rows& rows, const std::array<const T*, N>& in, T* out,
              const F& f) {
  constexpr std::int64_t strip = Rows::strip;
  const std::int64_t n = rows.n, inner = rows.inner, group = rows.strips_per_chunk();
  if (inner == 1) {
    parallel_chunks(ctx, rows.strips(), group, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        std::array<const T*, N> from;
        for (std::size_t k = 0; k < N; ++k) from[k] = in[k] + row * n;
        f(begin / group, row, from, out ? out + row * n : nullptr);
      }
    });
    return;
  }
  const std::int64_t across = (inner + strip - 1) / strip;
  parallel_chunks(ctx, rows.strips(), group, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> buffer(static_cast<std::size_t>((N + (out ? 1 : 0)) * strip * n));
    T* const to = out ? buffer.data() + static_cast<std::int64_t>(N) * strip * n : nullptr;
    for (std::int64_t s = begin; s < end; ++s) {
      const std::int64_t first = s % across * strip, width = std::min(strip, inner - first);
      const std::int64_t at = s / across * n * inner + first;
      for (std::size_t k = 0; k < N; ++k) {
        T* const copy = buffer.data() + static_cast<std::int64_t>(k) * strip * n;
        for (std::int64_t i = 0; i < n; ++i) {
          for (std::int64_t j = 0; j < width; ++j) copy[j * n + i] = in[k][at + i * inner + j];
        }
      }
      for (std::int64_t j = 0; j < width; ++j) {
        std::array<const T*, N> from;
        for (std::size_t k = 0; k < N; ++k) {
          from[k] = buffer.data() + (static_cast<std::int64_t>(k) * strip + j) * n;
        }
        f(begin / group, s / across * inner + first + j, from, out ? to + j * n : nullptr);
      }
      for (std::int64_t i = 0; out && i < n; ++i) {
        for (std::int64_t j = 0; j < width; ++j) out[at + i * inner + j] = to[j * n + i];
      }
    }
  });
}

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
