// Matrix products: tiles of the results in parallel, each by Eigen on one thread.
#include "engine/ops/matmul.h"

#include <Eigen/Core>
#include <array>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/gemm.h"
#include "engine/cpu/parallel.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

template <class T>
void gemm(MatrixView<T> a, MatrixView<T> b, T* y, std::int64_t y_step, std::int64_t m,
          std::int64_t n, std::int64_t k, bool add) {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Stride = Eigen::OuterStride<>;
  using In = Eigen::Map<const Matrix, 0, Stride>;
  Eigen::Map<Matrix, 0, Stride> to(y, m, n, Stride(y_step));
  const auto multiply = [&](const auto& left, const auto& right) {
    if (add) {
      to.noalias() += left * right;
    } else {
      to.noalias() = left * right;
    }
  };
  const In left =
      a.transposed ? In(a.data, k, m, Stride(a.step)) : In(a.data, m, k, Stride(a.step));
  const In right =
      b.transposed ? In(b.data, n, k, Stride(b.step)) : In(b.data, k, n, Stride(b.step));
  if (a.transposed && b.transposed) return multiply(left.transpose(), right.transpose());
  if (a.transposed) return multiply(left.transpose(), right);
  if (b.transposed) return multiply(left, right.transpose());
  multiply(left, right);
}

template void gemm(MatrixView<float>, MatrixView<float>, float*, std::int64_t, std::int64_t,
                   std::int64_t, std::int64_t, bool);
template void gemm(MatrixView<double>, MatrixView<double>, double*, std::int64_t, std::int64_t,
                   std::int64_t, std::int64_t, bool);

namespace {

// Tile `tile` of y [m,n] = a b, whose rows are n apart.
template <class T>
void multiply_tile(const Tiling& tiling, std::int64_t tile, MatrixView<T> a, MatrixView<T> b,
                   const T* bias, T* y, std::int64_t k, bool add) {
  const std::int64_t across = tiling.tiles_across(), m = tiling.m, n = tiling.n;
  const std::int64_t row = tile / across * tiling.rows, column = tile % across * tiling.columns;
  const std::int64_t rows = std::min(tiling.rows, m - row);
  const std::int64_t columns = std::min(tiling.columns, n - column);
  T* const to = y + row * n + column;
  if (bias) {
    for (std::int64_t i = 0; i < rows; ++i) std::copy_n(bias + column, columns, to + i * n);
  }
  gemm(a.from(row, 0), b.from(0, column), to, n, rows, columns, k, bias != nullptr || add);
}

// Where the matrices of a factor begin, for each matrix of y.
class Batch {
 public:
  Batch(const Shape& factor, const Shape& y) : y_(y) {
    std::int64_t step = 1;
    for (int d = factor.rank() - 1, to = y.rank() - 1; d >= 0; --d, --to) {
      steps_[static_cast<std::size_t>(to)] = factor[d] == 1 ? 0 : step;
      step *= factor[d];
    }
  }
  std::int64_t matrix(std::int64_t i) const {
    std::int64_t at = 0;
    for (int d = y_.rank() - 1; d >= 0; --d) {
      at += i % y_[d] * steps_[static_cast<std::size_t>(d)];
      i /= y_[d];
    }
    return at;
  }

 private:
  Shape y_;
  std::array<std::int64_t, Shape::max_rank> steps_{};
};

// The leading sizes of an operand or of y, without its matrix.
Shape leading(const Shape& x, int matrix_rank) {
  const int rank = std::max(0, x.rank() - matrix_rank);
  return Shape(std::span<const std::int64_t>(x.begin(), static_cast<std::size_t>(rank)));
}

template <class T>
void multiply_batch(const ops::MatMul& op, const Context& ctx, Ins in, Outs out) {
  const Shape &a = in[0].shape(), &b = in[1].shape();
  const bool row = a.rank() == 1, column = b.rank() == 1;
  const std::int64_t a_step = a.back(), b_step = column ? 1 : b.back();
  const std::int64_t a_rows = row ? 1 : a.size(-2), b_rows = b.size(column ? 0 : -2);
  std::int64_t m = op.transpose_a ? a_step : a_rows;
  const std::int64_t k = op.transpose_a ? a_rows : a_step, n = op.transpose_b ? b_rows : b_step;
  const Shape batch = leading(out[0].shape(), (row ? 0 : 1) + (column ? 0 : 1));
  const Shape a_batch = leading(a, 2), b_batch = leading(b, 2);
  std::int64_t count = batch.numel();
  // One b and a's matrices one below the other: a single product.
  if (b_batch.numel() == 1 && !op.transpose_a && a_batch.numel() == count) {
    m *= count;
    count = std::min<std::int64_t>(count, 1);
  }
  const T *left = in_ptr<T>(in[0]), *right = in_ptr<T>(in[1]);
  T* const y = out_ptr<T>(out[0]);
  if (count == 1) {
    return multiply<T>(ctx, {left, a_step, op.transpose_a}, {right, b_step, op.transpose_b},
                       nullptr, y, m, n, k);
  }
  const Batch lefts(a_batch, batch), rights(b_batch, batch);
  const Tiling tiling(m, n, k);
  const std::int64_t tiles = tiling.tiles();
  // Small products are handed out several at a time.
  const std::int64_t group =
      std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, m * n * k));
  parallel_chunks(ctx, count * tiles, group, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t matrix = i / tiles;
      const MatrixView<T> one{left + lefts.matrix(matrix) * a_rows * a_step, a_step,
                              op.transpose_a};
      const MatrixView<T> other{right + rights.matrix(matrix) * b_rows * b_step, b_step,
                                op.transpose_b};
      multiply_tile<T>(tiling, i % tiles, one, other, nullptr, y + matrix * m * n, k, false);
    }
  });
}

}  // namespace

template <class T>
void multiply(const Context& ctx, MatrixView<T> a, MatrixView<T> b, const T* bias, T* y,
              std::int64_t m, std::int64_t n, std::int64_t k, bool add) {
  const Tiling tiling(m, n, k);
  parallel_for(ctx, tiling.tiles(),
               [&](std::int64_t tile) { multiply_tile(tiling, tile, a, b, bias, y, k, add); });
}

template void multiply(const Context&, MatrixView<float>, MatrixView<float>, const float*, float*,
                       std::int64_t, std::int64_t, std::int64_t, bool);
template void multiply(const Context&, MatrixView<double>, MatrixView<double>, const double*,
                       double*, std::int64_t, std::int64_t, std::int64_t, bool);

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu

namespace glassbox {

using namespace cpu;

void run(const ops::MatMul& op, cpu::Context& ctx, Ins in, Outs out) {
  dispatch_floating(op.name, out[0].dtype(),
                    [&](auto type) { multiply_batch<decltype(type)>(op, ctx, in, out); });
}

void run(const ops::Linear& op, cpu::Context& ctx, Ins in, Outs out) {
  const Shape &x = in[0].shape(), &w = in[1].shape();
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    multiply<T>(ctx, {in_ptr<T>(in[0]), w[1]}, {in_ptr<T>(in[1]), w[1], true}, in_ptr<T>(in[2]),
                out_ptr<T>(out[0]), x.product(0, x.rank() - 1), w[0], w[1]);
  });
}

}  // namespace glassbox
