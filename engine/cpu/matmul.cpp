// Matrix products: tiles of the result in parallel, each by Eigen on one thread.
#include "engine/ops/matmul.h"

#include <Eigen/Core>

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

// y [m,n] = a b, plus the row `bias` where there is one.
template <class T>
void multiply(const Context& ctx, MatrixView<T> a, MatrixView<T> b, const T* bias, T* y,
              std::int64_t m, std::int64_t n, std::int64_t k) {
  const Tiling tiling(m, n, k);
  const std::int64_t across = tiling.tiles_across();
  parallel_for(ctx, tiling.tiles(), [&](std::int64_t tile) {
    const std::int64_t row = tile / across * tiling.rows, column = tile % across * tiling.columns;
    const std::int64_t rows = std::min(tiling.rows, m - row);
    const std::int64_t columns = std::min(tiling.columns, n - column);
    T* const to = y + row * n + column;
    if (bias) {
      for (std::int64_t i = 0; i < rows; ++i) std::copy_n(bias + column, columns, to + i * n);
    }
    gemm(a.from(row, 0), b.from(0, column), to, n, rows, columns, k, bias != nullptr);
  });
}

}  // namespace
}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu

namespace glassbox {

using namespace cpu;

void run(const ops::MatMul& op, cpu::Context& ctx, Ins in, Outs out) {
  const Shape &a = in[0].shape(), &b = in[1].shape();
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    multiply<T>(ctx, {in_ptr<T>(in[0]), a[1], op.transpose_a},
                {in_ptr<T>(in[1]), b[1], op.transpose_b}, nullptr, out_ptr<T>(out[0]),
                out[0].size(0), out[0].size(1), a[op.transpose_a ? 0 : 1]);
  });
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
