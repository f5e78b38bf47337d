// Clipping. The norm is summed in chunks of each gradient, whose sums one block adds up; a second
// pass reads it on the device and scales, if there is anything to scale.
#include <cmath>

#include "engine/cuda/group.h"
#include "engine/ops/clip.h"
#include "engine/ops/math.h"

namespace glassbox {
namespace cuda {
namespace {

enum class Order { one, two, infinite, other };

Order order_of(double norm_type) {
  if (std::isinf(norm_type)) return Order::infinite;
  return norm_type == 1 ? Order::one : norm_type == 2 ? Order::two : Order::other;
}

// |x|^norm_type and how such are combined: added, or for the infinite norm the largest taken.
struct Norm {
  Order order;
  double type;
  __device__ double term(double x) const {
    if (order == Order::two) return x * x;
    const double size = math::abs(x);
    return order == Order::other ? math::pow(size, type) : size;
  }
  __device__ double combine(double a, double b) const {
    return order == Order::infinite ? Larger()(a, b) : a + b;
  }
  __device__ double block(double own) const {
    return order == Order::infinite ? block_max(own) : block_sum(own);
  }
  __device__ double finish(double total) const {
    if (order == Order::two) return math::sqrt(total);
    return order == Order::other ? math::pow(total, 1 / type) : total;
  }
};

template <class T>
struct NormChunk {
  Norm norm;
  double* partial;
  template <class Chunk>
  __device__ void operator()(const Chunk& chunk) const {
    const T* const x = chunk.template ptr<const T>(0);
    double own = 0;
    for (std::int64_t i = chunk.begin + threadIdx.x; i < chunk.end; i += blockDim.x) {
      own = norm.combine(norm.term(static_cast<double>(load(x[i]))), own);
    }
    own = norm.block(own);
    if (threadIdx.x == 0) partial[chunk.number] = own;
  }
};

struct TotalNorm {
  Norm norm;
  const double* partial;
  std::int64_t chunks;
  double* result;
  __device__ void operator()(std::int64_t) const {
    double own = 0;
    for (std::int64_t i = threadIdx.x; i < chunks; i += blockDim.x) {
      own = norm.combine(partial[i], own);
    }
    own = norm.block(own);
    if (threadIdx.x == 0) *result = norm.finish(own);
  }
};

template <class T>
struct ScaleChunk {
  const double* norm;
  double max_norm;
  template <class Chunk>
  __device__ void operator()(const Chunk& chunk) const {
    const double factor = max_norm / (*norm + 1e-6);
    if (factor >= 1) return;
    T* const x = chunk.template ptr<T>(0);
    const auto scale = static_cast<Compute<T>>(factor);
    for (std::int64_t i = chunk.begin + threadIdx.x; i < chunk.end; i += blockDim.x) {
      x[i] = store<T>(load(x[i]) * scale);
    }
  }
};

template <class T>
struct ClampChunk {
  Compute<T> top;
  template <class Chunk>
  __device__ void operator()(const Chunk& chunk) const {
    T* const x = chunk.template ptr<T>(0);
    for (std::int64_t i = chunk.begin + threadIdx.x; i < chunk.end; i += blockDim.x) {
      const Compute<T> value = load(x[i]), above = value < -top ? -top : value;
      x[i] = store<T>(above > top ? top : above);
    }
  }
};

// Calls f(type, group) for the gradients in groups.
template <class F>
void for_gradients(const Context& ctx, Ins gradients, const F& f) {
  const auto one = [&](std::int64_t i, const Tensor*(&list)[1]) {
    list[0] = &gradients[static_cast<std::size_t>(i)];
    return true;
  };
  for_groups<1>(static_cast<std::int64_t>(gradients.size()), one,
                [&](DType dtype, const Group<1>& group) {
                  dispatch_floating(ctx, dtype, [&](auto type) { f(type, group); });
                });
}

}  // namespace
}  // namespace cuda

using namespace cuda;

std::size_t scratch(const ops::ClipGradNorm&, const Context&, Specs in, Specs) {
  std::int64_t chunks = 0;
  for (const Spec& g : in) chunks += chunks_of(g.numel());
  return static_cast<std::size_t>(chunks) * sizeof(double);
}

void run(const ops::ClipGradNorm& op, Context& ctx, Ins in, Outs out) {
  if (op.error_if_nonfinite) {
    fail(
        ctx.op,
        "error_if_nonfinite would make the host wait for the GPU at every step; check the returned "
        "norm instead");
  }
  const Norm norm{order_of(op.norm_type), op.norm_type};
  double *const partial = ctx.scratch_as<double>(), *const result = out_ptr<double>(out[0]);
  std::int64_t chunks = 0;
  for_gradients(ctx, in, [&](auto type, const Group<1>& group) {
    for_chunks(ctx, group, NormChunk<decltype(type)>{norm, partial + chunks});
    chunks += group.chunks;
  });
  for_rows(ctx, 1, chunks, TotalNorm{norm, partial, chunks, result});
  for_gradients(ctx, in, [&](auto type, const Group<1>& group) {
    for_chunks(ctx, group, ScaleChunk<decltype(type)>{result, op.max_norm});
  });
}

void run(const ops::ClipGradValue& op, Context& ctx, Ins in, Outs) {
  for_gradients(ctx, in, [&](auto type, const Group<1>& group) {
    using T = decltype(type);
    for_chunks(ctx, group, ClampChunk<T>{static_cast<Compute<T>>(op.clip_value)});
  });
}

}  // namespace glassbox
