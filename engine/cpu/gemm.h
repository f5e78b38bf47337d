// Matrix products for the kernels of engine/cpu: Eigen's, on the calling thread. A kernel cuts its
// problem into tiles by Tiling and multiplies a tile a call; an element's bits depend on its tile,
// and the tiles on the problem alone.
#pragma once
#include <cstdint>

#include "engine/cpu/context.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

// A row-major matrix whose rows begin `step` elements apart, or its transpose.
template <class T>
struct MatrixView {
  const T* data;
  std::int64_t step;
  bool transposed = false;

  // The same matrix without its first rows and columns.
  MatrixView from(std::int64_t row, std::int64_t column) const {
    const std::int64_t at = transposed ? column * step + row : row * step + column;
    return {data + at, step, transposed};
  }
};

// y [m,n] = a [m,k] b [k,n], or y += a b. For float and double.
template <class T>
void gemm(MatrixView<T> a, MatrixView<T> b, T* y, std::int64_t y_step, std::int64_t m,
          std::int64_t n, std::int64_t k, bool add = false);

// How [m,n] = [m,k] [k,n] is cut: the longer side is halved until a tile is some 20 us of work, but
// into no more than 64 tiles, since each packs the operands that it shares with others again.
struct Tiling {
  std::int64_t m, n, rows, columns;

  Tiling(std::int64_t m_, std::int64_t n_, std::int64_t k) : m(m_), n(n_), rows(m_), columns(n_) {
    constexpr std::int64_t enough_work = 1 << 20, most_tiles = 64, shortest = 32;
    while (rows * columns * k > enough_work && 2 * tiles() <= most_tiles &&
           (rows > columns ? rows : columns) >= 2 * shortest) {
      std::int64_t& side = rows > columns ? rows : columns;
      side = (side + 1) / 2;
    }
  }
  std::int64_t tiles_down() const { return rows == 0 ? 0 : (m + rows - 1) / rows; }
  std::int64_t tiles_across() const { return columns == 0 ? 0 : (n + columns - 1) / columns; }
  std::int64_t tiles() const { return tiles_down() * tiles_across(); }
};

// y [m,n] = a b by all of the context's threads, plus the row `bias` [n] where there is one; with
// `add` y += a b, and there is no bias.
template <class T>
void multiply(const Context& ctx, MatrixView<T> a, MatrixView<T> b, const T* bias, T* y,
              std::int64_t m, std::int64_t n, std::int64_t k, bool add = false);

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
