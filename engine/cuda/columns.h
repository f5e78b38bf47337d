// Sums over the rows of a matrix [rows, n], one for each column, in double: the gradients of
// parameters that every row shares. A block takes 32 columns and a part of the rows, so that a warp
// reads whole lines; a second launch adds the parts. The cut depends on the shape alone. For .cu
// files.
#pragma once
#include "engine/cuda/launch.h"

namespace glassbox::cuda {

struct Columns {
  static constexpr std::int64_t strip = 32, lanes = block_threads / strip;
  std::int64_t rows, n, strips, part, parts;

  Columns(std::int64_t row_count, std::int64_t column_count)
      : rows(row_count), n(column_count), strips((n + strip - 1) / strip) {
    const std::int64_t wanted =
        std::clamp<std::int64_t>(1024 / std::max<std::int64_t>(1, strips), 1, 256);
    parts = std::clamp<std::int64_t>(rows / (8 * lanes), 1, wanted);
    part = (rows + parts - 1) / parts;
  }
  // The working memory of K sums.
  std::size_t scratch_bytes(int sums) const {
    return static_cast<std::size_t>(sums * parts * n) * sizeof(double);
  }
};

// A part's K sums of a strip of columns. term(row, column, sums) adds an element's terms.
template <int K, class Term>
struct ColumnTile {
  Columns c;
  Term term;
  double* partial;  // [K, parts, n]
  __device__ void operator()(std::int64_t tile) const {
    __shared__ double sums[K][block_threads];
    const std::int64_t t = threadIdx.x, lane = t / Columns::strip, part = tile % c.parts;
    const std::int64_t column = tile / c.parts * Columns::strip + t % Columns::strip;
    double own[K] = {};
    std::int64_t end = (part + 1) * c.part;
    if (end > c.rows) end = c.rows;
    for (std::int64_t r = part * c.part + lane; column < c.n && r < end; r += Columns::lanes) {
      term(r, column, own);
    }
    for (int k = 0; k < K; ++k) sums[k][t] = own[k];
    for (std::int64_t half = Columns::lanes / 2; half > 0; half /= 2) {
      __syncthreads();
      for (int k = 0; k < K && lane < half; ++k) sums[k][t] += sums[k][t + half * Columns::strip];
    }
    if (lane > 0 || column >= c.n) return;
    for (int k = 0; k < K; ++k) partial[(k * c.parts + part) * c.n + column] = sums[k][t];
  }
};

template <int K, class T>
struct AddParts {
  Columns c;
  const double* partial;
  T* result[K];
  __device__ void operator()(std::int64_t column) const {
    for (int k = 0; k < K; ++k) {
      double total = 0;
      for (std::int64_t p = 0; p < c.parts; ++p) total += partial[(k * c.parts + p) * c.n + column];
      result[k][column] = store<T>(static_cast<Compute<T>>(total));
    }
  }
};

template <int K, class T, class Term>
void sum_columns(const Context& ctx, const Columns& c, const Term& term, double* partial,
                 T* const (&result)[K]) {
  AddParts<K, T> add{c, partial, {}};
  for (int k = 0; k < K; ++k) add.result[k] = result[k];
  for_rows(ctx, c.strips * c.parts, block_threads, ColumnTile<K, Term>{c, term, partial});
  for_each(ctx, c.n, add);
}

}  // namespace glassbox::cuda
