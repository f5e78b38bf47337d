// Matrix products: cuBLASLt, in batches as regular as the operands' broadcasting allows.
#include "engine/cuda/launch.h"
#include "engine/cuda/vendor.h"
#include "engine/ops/matmul.h"

namespace glassbox {
namespace cuda {
namespace {

template <class T>
struct FillRows {  // y[i] = b[i % n], or 0
  const T* b;
  T* y;
  std::int64_t n;
  __device__ void operator()(std::int64_t i) const { y[i] = b ? b[i % n] : store<T>(0); }
};

// A sum of nothing, plus the bias.
void fill_rows(const Context& ctx, const Tensor& bias, const Tensor& y, std::int64_t n) {
  dispatch_floating(ctx, y.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, y.numel(), FillRows<T>{in_ptr<T>(bias), out_ptr<T>(y), n});
  });
}

template <class T>
struct AddRow {
  const T* b;
  T* y;
  std::int64_t n;
  __device__ void operator()(std::int64_t i) const {
    y[i] = store<T>(cuda::load(y[i]) + cuda::load(b[i % n]));
  }
};

Shape matrices(const Shape& x, bool left) {
  if (x.rank() != 1) return x;
  return left ? Shape{1, x[0]} : Shape{x[0], 1};
}

// Elements between two matrices of x when the batch's dimension d advances; 0 where x repeats.
std::int64_t step(const Shape& x, const Shape& y, int d) {
  const int own = d - (y.rank() - x.rank());
  return own < 0 || x[own] == 1 ? 0 : x.product(own + 1, x.rank());
}

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::MatMul& op, Context& ctx, Ins in, Outs out) {
  const Shape a = matrices(in[0].shape(), true), b = matrices(in[1].shape(), false);
  Gemm g;
  g.dtype = out[0].dtype();
  g.transpose_a = op.transpose_a;
  g.transpose_b = op.transpose_b;
  g.m = a.size(op.transpose_a ? -1 : -2);
  g.k = a.size(op.transpose_a ? -2 : -1);
  g.n = b.size(op.transpose_b ? -2 : -1);
  if (out[0].numel() == 0) return;
  if (g.k == 0) return fill_rows(ctx, {}, out[0], g.n);

  // Batch dimensions as the output has them, then [m,n].
  Shape y = broadcast_shapes(ctx.op, Shape(std::span(a.begin(), a.end() - 2)),
                             Shape(std::span(b.begin(), b.end() - 2)));
  const int batch_dims = y.rank();
  y.push_back(g.m);
  y.push_back(g.n);
  // One call takes a run of dimensions in which each operand advances evenly: the last ones.
  int first = batch_dims;
  g.batch = 1;
  g.stride_c = g.m * g.n;
  while (first > 0) {
    const int d = first - 1;
    const std::int64_t sa = step(a, y, d), sb = step(b, y, d);
    if (g.batch == 1) {
      g.stride_a = sa;
      g.stride_b = sb;
    } else if (y[d] != 1 && (sa != g.stride_a * g.batch || sb != g.stride_b * g.batch)) {
      break;
    }
    g.batch *= y[d];
    first = d;
  }
  const std::int64_t calls = y.product(0, first);
  const std::size_t size = size_of(g.dtype);
  for (std::int64_t call = 0; call < calls; ++call) {
    std::int64_t rest = call, at_a = 0, at_b = 0;
    for (int d = first - 1; d >= 0; --d) {
      const std::int64_t index = rest % y[d];
      rest /= y[d];
      at_a += index * step(a, y, d);
      at_b += index * step(b, y, d);
    }
    gemm(ctx, g, in[0].raw() + static_cast<std::size_t>(at_a) * size,
         in[1].raw() + static_cast<std::size_t>(at_b) * size, nullptr,
         out[0].raw() + static_cast<std::size_t>(call * g.batch * g.stride_c) * size);
  }
}

void run(const ops::Linear&, Context& ctx, Ins in, Outs out) {
  const Tensor &x = in[0], &w = in[1], &b = in[2], &y = out[0];
  Gemm g;
  g.dtype = y.dtype();
  g.transpose_b = true;
  g.n = w.size(0);
  g.k = w.size(1);
  if (y.numel() == 0) return;
  g.m = y.numel() / g.n;
  if (g.k == 0) return fill_rows(ctx, b, y, g.n);
  // cuBLASLt adds the bias as it writes, but not in f64.
  g.bias = b.defined() && g.dtype != DType::f64;
  gemm(ctx, g, x.raw(), w.raw(), g.bias ? b.raw() : nullptr, y.raw());
  if (b.defined() && !g.bias) {
    for_each(ctx, y.numel(), AddRow<double>{in_ptr<double>(b), out_ptr<double>(y), g.n});
  }
}

}  // namespace glassbox
