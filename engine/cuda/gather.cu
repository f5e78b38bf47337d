// Gathering along a dimension, a thread for each index: neighbours in memory read and write
// neighbours wherever the indices allow it.
#include "engine/cuda/launch.h"
#include "engine/ops/gather.h"

namespace glassbox {
namespace cuda {
namespace {

// The index is seen as [outer, n, inner] around dim; x has sizes of its own.
struct Lines {
  int rank, dim;
  std::int64_t n, inner;
  std::int64_t x_n, x_inner;  // x's size along dim, and its step
  std::int64_t size[Shape::max_rank] = {}, x_size[Shape::max_rank] = {};

  Lines(const Shape& index, const Shape& x, int d)
      : rank(index.rank()),
        dim(d),
        n(index[d]),
        inner(index.product(d + 1, index.rank())),
        x_n(x[d]),
        x_inner(x.product(d + 1, x.rank())) {
    for (int k = 0; k < rank; ++k) {
      size[k] = index[k];
      x_size[k] = x[k];
    }
  }
  // x's element at index 0 along dim, for element i of the index.
  GLASSBOX_HD std::int64_t at_x(std::int64_t i) const {
    std::int64_t at = 0, step = 1;
    for (int d = rank - 1; d >= 0; --d) {
      if (d != dim) at += i % size[d] * step;
      i /= size[d];
      step *= x_size[d];
    }
    return at;
  }
  GLASSBOX_HD std::int64_t along(std::int64_t i) const { return i / inner % n; }
  GLASSBOX_HD bool holds(std::int64_t value) const { return value >= 0 && value < x_n; }
};

template <class T>
struct Pick {
  Lines lines;
  const std::int64_t* index;
  const T* x;
  T* y;
  Fault* fault;
  std::uint32_t site;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t value = index[i];
    const bool inside = lines.holds(value);
    if (!inside) report_fault(fault, site, value, lines.x_n);
    y[i] = inside ? x[lines.at_x(i) + value * lines.x_inner] : T(0);
  }
};

// The first index of a line that names a place adds up what all of them bring there, in their
// order; the others see an earlier one and leave. So one thread writes each place, without atomics.
// Costs up to n reads for an index, n the line's length: threads side by side read the same or
// neighbouring indices, from the cache. A line of 1 costs nothing.
template <class T>
struct Return {
  Lines lines;
  const std::int64_t* index;
  const T* dy;
  T* dx;
  Fault* fault;
  std::uint32_t site;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t value = index[i];
    if (!lines.holds(value)) return report_fault(fault, site, value, lines.x_n);
    const std::int64_t k = lines.along(i), first = i - k * lines.inner;
    for (std::int64_t j = first; j < i; j += lines.inner) {
      if (index[j] == value) return;
    }
    Compute<T> sum = cuda::load(dy[i]);
    const std::int64_t end = first + lines.n * lines.inner;
    for (std::int64_t j = i + lines.inner; j < end; j += lines.inner) {
      if (index[j] == value) sum += cuda::load(dy[j]);
    }
    dx[lines.at_x(i) + value * lines.x_inner] = store<T>(sum);
  }
};

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::Gather& op, Context& ctx, Ins in, Outs out) {
  const Lines lines(in[1].shape(), in[0].shape(), normalize_dim(op.name, op.dim, in[0].dim()));
  name_fault_site(ctx, "index");
  dispatch_width(in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, in[1].numel(),
             Pick<T>{lines, in_ptr<std::int64_t>(in[1]), in_ptr<T>(in[0]), out_ptr<T>(out[0]),
                     ctx.fault, ctx.fault_site});
  });
}

void run(const ops::GatherGrad& op, Context& ctx, Ins in, Outs out) {
  const Lines lines(in[1].shape(), op.x, normalize_dim(op.name, op.dim, op.x.rank()));
  name_fault_site(ctx, "index");
  const std::size_t bytes = out[0].spec().bytes();
  if (bytes > 0) {
    check(ctx.op, "cudaMemsetAsync", cudaMemsetAsync(out[0].raw(), 0, bytes, ctx.stream));
  }
  dispatch_floating(ctx, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, in[1].numel(),
             Return<T>{lines, in_ptr<std::int64_t>(in[1]), in_ptr<T>(in[0]), out_ptr<T>(out[0]),
                       ctx.fault, ctx.fault_site});
  });
}

}  // namespace glassbox
