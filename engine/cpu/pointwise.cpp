// Pointwise kernels: the formulas of ops/pointwise.h over SIMD packs. Each element is read and
// written once, in order; a short tail is loaded into a full pack, so that every element goes
// through the same instructions wherever it lies.
#include "engine/ops/pointwise.h"

#include "engine/cpu/broadcast.h"
#include "engine/cpu/dispatch.h"
#include "engine/cpu/simd.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {
namespace {

// An operand of a row: advances by a pack, or repeats one value.
template <class T>
struct Stream {
  const T* at = nullptr;
  Pack<T> value{};
  bool moves = false;
  Pack<T> load(std::int64_t i) const { return moves ? loadu(at + i) : value; }
  Pack<T> load_tail(std::int64_t i, int n) const {
    return moves ? load_partial(at + i, n, T(1)) : value;
  }
};

template <class T, int N, class F, std::size_t... K>
void pointwise_loop(const Context& ctx, Ins in, Outs out, const F& f, std::index_sequence<K...>) {
  const Broadcast<N> rows(out[0].shape(), in);
  T* const y = out_ptr<T>(out[0]);
  constexpr int lanes = Pack<T>::lanes;
  rows.for_rows(ctx, [&](std::int64_t to, const std::array<std::int64_t, N>& from, std::int64_t n) {
    Stream<T> x[N];
    for (int k = 0; k < N; ++k) {
      const Tensor& t = in[static_cast<std::size_t>(k)];
      if (!t.defined()) continue;
      x[k].at = in_ptr<T>(t) + from[static_cast<std::size_t>(k)];
      x[k].moves = rows.steps(k);
      if (!x[k].moves) x[k].value = Pack<T>(*x[k].at);
    }
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes) storeu(y + to + i, Pack<T>(f(x[K].load(i)...)));
    if (i < n) {
      const int rest = static_cast<int>(n - i);
      store_partial(y + to + i, Pack<T>(f(x[K].load_tail(i, rest)...)), rest);
    }
  });
}

template <int N, class F>
void pointwise(std::string_view name, const Context& ctx, Ins in, Outs out, const F& f) {
  dispatch_floating(name, out[0].dtype(), [&](auto type) {
    pointwise_loop<decltype(type), N>(ctx, in, out, f, std::make_index_sequence<N>());
  });
}

}  // namespace
}  // namespace GLASSBOX_CPU_LEVEL

template <ops::Pointwise F>
void run_pointwise(const F& f, Context& ctx, Ins in, Outs out) {
  pointwise<F::arity>(F::name, ctx, in, out, f);
}

template <ops::PointwiseUnary F>
void run_pointwise_grad(const F& f, Context& ctx, Ins in, Outs out) {
  const std::string_view name = ops::PointwiseGrad<F>::name;
  // Only what the derivative reads is loaded.
  if constexpr (F::grad_reads_x && F::grad_reads_y) {
    pointwise<3>(name, ctx, in, out, [&](auto dy, auto x, auto y) { return f.grad(dy, x, y); });
  } else if constexpr (F::grad_reads_x) {
    pointwise<2>(name, ctx, in, out, [&](auto dy, auto x) { return f.grad(dy, x, x); });
  } else if constexpr (F::grad_reads_y) {
    const Tensor operands[] = {in[0], in[2]};
    pointwise<2>(name, ctx, operands, out, [&](auto dy, auto y) { return f.grad(dy, y, y); });
  } else {
    pointwise<1>(name, ctx, in, out, [&](auto dy) { return f.grad(dy, dy, dy); });
  }
}

template <ops::Comparison F>
void run_comparison(const F& f, Context& ctx, Ins in, Outs out) {
  const auto compare = [&](auto type) {
    using T = decltype(type);
    const Broadcast<2> rows(out[0].shape(), in);
    bool* const y = out_ptr<bool>(out[0]);
    rows.for_rows(ctx,
                  [&](std::int64_t to, const std::array<std::int64_t, 2>& from, std::int64_t n) {
                    const T* a = in_ptr<T>(in[0]) + from[0];
                    const T* b = in_ptr<T>(in[1]) + from[1];
                    const std::int64_t sa = rows.steps(0), sb = rows.steps(1);
                    for (std::int64_t i = 0; i < n; ++i) {
                      if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
                        y[to + i] = f(static_cast<float>(a[i * sa]), static_cast<float>(b[i * sb]));
                      } else {
                        y[to + i] = f(a[i * sa], b[i * sb]);
                      }
                    }
                  });
  };
  const DType dtype = in[0].dtype();
  if (dtype == DType::u8 || dtype == DType::boolean) return compare(std::uint8_t());
  if (dtype == DType::f16) return compare(Half());
  if (dtype == DType::bf16) return compare(BFloat16());
  dispatch_number(F::name, dtype, compare);
}

namespace {

// Why a volatile store: taking a template's address that way is what makes every compiler emit it.
void* volatile emitted;
template <class Kernel>
void emit_one(Kernel* kernel) {
  emitted = reinterpret_cast<void*>(kernel);
}
template <class... F>
void emit(ops::OpList<F...>) {
  (emit_one(&run_pointwise<F>), ...);
}
template <class... F>
void emit_grad(ops::OpList<F...>) {
  (emit_one(&run_pointwise_grad<F>), ...);
}
template <class... F>
void emit_comparison(ops::OpList<F...>) {
  (emit_one(&run_comparison<F>), ...);
}

}  // namespace

// Never called: naming the lists makes the kernels of every op in them.
void emit_pointwise_kernels() {
  emit(ops::UnaryOps{});
  emit(ops::BinaryOps{});
  emit_grad(ops::UnaryOps{});
  emit_comparison(ops::CompareOps{});
}

}  // namespace glassbox::cpu

namespace glassbox {

using namespace cpu;

void run(const ops::Where&, cpu::Context& ctx, Ins in, Outs out) {
  dispatch_width(out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const Broadcast<3> rows(out[0].shape(), in);
    T* const y = out_ptr<T>(out[0]);
    rows.for_rows(ctx,
                  [&](std::int64_t to, const std::array<std::int64_t, 3>& from, std::int64_t n) {
                    const bool* c = in_ptr<bool>(in[0]) + from[0];
                    const T* a = in_ptr<T>(in[1]) + from[1];
                    const T* b = in_ptr<T>(in[2]) + from[2];
                    const std::int64_t sc = rows.steps(0), sa = rows.steps(1), sb = rows.steps(2);
                    for (std::int64_t i = 0; i < n; ++i)
                      y[to + i] = c[i * sc] ? a[i * sa] : b[i * sb];
                  });
  });
}

namespace {

template <class To, class From>
To convert(From value) {
  constexpr bool small_from = std::is_same_v<From, Half> || std::is_same_v<From, BFloat16>;
  constexpr bool small_to = std::is_same_v<To, Half> || std::is_same_v<To, BFloat16>;
  if constexpr (small_from) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (small_to) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace

void run(const ops::Cast&, cpu::Context& ctx, Ins in, Outs out) {
  dispatch_any(in[0].dtype(), [&](auto from) {
    using From = decltype(from);
    dispatch_any(out[0].dtype(), [&](auto to) {
      using To = decltype(to);
      const From* x = in_ptr<From>(in[0]);
      To* y = out_ptr<To>(out[0]);
      parallel_chunks(ctx, out[0].numel(), grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          if constexpr (std::is_same_v<To, From>)
            y[i] = x[i];
          else
            y[i] = convert<To>(x[i]);
        }
      });
    });
  });
}

}  // namespace glassbox
