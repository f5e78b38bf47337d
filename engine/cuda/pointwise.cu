// Pointwise kernels: the formulas of ops/pointwise.h, a thread for each element.
#include "engine/cuda/broadcast.h"
#include "engine/cuda/launch.h"
#include "engine/ops/pointwise.h"

namespace glassbox {
namespace cuda {
namespace {

template <class T, int N, class F>
struct Apply {
  Broadcast<N> shape;
  const T* x[N];
  T* y;
  F f;

  template <std::size_t... K>
  __device__ T value(const std::int64_t (&from)[N], std::index_sequence<K...>) const {
    return store<T>(f(x[K] ? cuda::load(x[K][from[K]]) : Compute<T>(0)...));
  }
  __device__ void operator()(std::int64_t i) const {
    std::int64_t from[N];
    shape.at(i, from);
    y[i] = value(from, std::make_index_sequence<N>());
  }
};

template <int N, class F>
void pointwise(Context& ctx, Ins in, Outs out, const F& f) {
  dispatch_floating(ctx, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    Apply<T, N, F> each{Broadcast<N>(out[0].shape(), in), {}, out_ptr<T>(out[0]), f};
    for (int k = 0; k < N; ++k) each.x[k] = in_ptr<T>(in[static_cast<std::size_t>(k)]);
    for_each(ctx, out[0].numel(), each);
  });
}

template <class F>
struct Gradient {
  F f;
  template <class T>
  GLASSBOX_HD T operator()(T dy, T x, T y) const {
    return f.grad(dy, x, y);
  }
};

template <class T, class F>
struct Compare {
  Broadcast<2> shape;
  const T *a, *b;
  bool* y;
  F f;
  __device__ void operator()(std::int64_t i) const {
    std::int64_t from[2];
    shape.at(i, from);
    y[i] = f(cuda::load(a[from[0]]), cuda::load(b[from[1]]));
  }
};

template <class T>
struct Choose {
  Broadcast<3> shape;
  const bool* condition;
  const T *a, *b;
  T* y;
  __device__ void operator()(std::int64_t i) const {
    std::int64_t from[3];
    shape.at(i, from);
    y[i] = condition[from[0]] ? a[from[1]] : b[from[2]];
  }
};

template <class To, class From>
struct Convert {
  const From* x;
  To* y;
  __device__ void operator()(std::int64_t i) const {
    const Compute<From> value = cuda::load(x[i]);
    if constexpr (std::is_same_v<To, From>)
      y[i] = x[i];
    else if constexpr (std::is_same_v<To, bool>)
      y[i] = value != Compute<From>(0);
    else
      y[i] = store<To>(static_cast<Compute<To>>(value));
  }
};

}  // namespace
}  // namespace cuda

using namespace cuda;

template <ops::Pointwise F>
void run(const F& f, Context& ctx, Ins in, Outs out) {
  pointwise<F::arity>(ctx, in, out, f);
}

template <ops::PointwiseUnary F>
void run(const ops::PointwiseGrad<F>& op, Context& ctx, Ins in, Outs out) {
  pointwise<3>(ctx, in, out, Gradient<F>{op.f});
}

template <ops::Comparison F>
void run(const F& f, Context& ctx, Ins in, Outs out) {
  const auto compare = [&](auto type) {
    using T = decltype(type);
    for_each(ctx, out[0].numel(),
             Compare<T, F>{Broadcast<2>(out[0].shape(), in), in_ptr<T>(in[0]), in_ptr<T>(in[1]),
                           out_ptr<bool>(out[0]), f});
  };
  const DType dtype = in[0].dtype();
  if (dtype == DType::u8 || dtype == DType::boolean) return compare(std::uint8_t());
  dispatch_number(ctx, dtype, compare);
}

void run(const ops::Where&, Context& ctx, Ins in, Outs out) {
  dispatch_width(out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, out[0].numel(),
             Choose<T>{Broadcast<3>(out[0].shape(), in), in_ptr<bool>(in[0]), in_ptr<T>(in[1]),
                       in_ptr<T>(in[2]), out_ptr<T>(out[0])});
  });
}

void run(const ops::Cast&, Context& ctx, Ins in, Outs out) {
  dispatch_any(in[0].dtype(), [&](auto from) {
    dispatch_any(out[0].dtype(), [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      for_each(ctx, out[0].numel(), Convert<To, From>{in_ptr<From>(in[0]), out_ptr<To>(out[0])});
    });
  });
}

namespace {

// Why a volatile store: taking a template's address that way is what makes every compiler emit it.
void* volatile emitted;
template <class Op>
void emit_one() {
  void (*const kernel)(const Op&, Context&, Ins, Outs) = &run<Op>;
  emitted = reinterpret_cast<void*>(kernel);
}
template <class F>
void emit_grad_one() {
  void (*const kernel)(const ops::PointwiseGrad<F>&, Context&, Ins, Outs) = &run<F>;
  emitted = reinterpret_cast<void*>(kernel);
}
template <class... F>
void emit(ops::OpList<F...>) {
  (emit_one<F>(), ...);
}
template <class... F>
void emit_grad(ops::OpList<F...>) {
  (emit_grad_one<F>(), ...);
}

}  // namespace

// Never called: naming the lists makes the kernels of every op in them.
void emit_cuda_pointwise_kernels() {
  emit(ops::UnaryOps{});
  emit(ops::BinaryOps{});
  emit_grad(ops::UnaryOps{});
  emit(ops::CompareOps{});
}

}  // namespace glassbox
