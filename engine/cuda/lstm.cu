// LSTM: the input's product for all steps at once, then a product and a pass over the cells for
// each step. Backward goes the other way and leaves the weights' gradients, which are sums over all
// steps, to one product at the end.
#include "engine/cuda/columns.h"
#include "engine/cuda/product.h"
#include "engine/ops/lstm.h"
#include "engine/ops/math.h"
#include "engine/ops/pointwise.h"

namespace glassbox {
namespace cuda {
namespace {

struct Sizes {
  std::int64_t t, n, i, h;
  bool reverse;
  Sizes(const Shape& x, const Shape& w_hh, bool r)
      : t(x[0]), n(x[1]), i(x[2]), h(w_hh[1]), reverse(r) {}
  std::int64_t state() const { return n * h; }
  std::int64_t wide() const { return 4 * h; }
  std::int64_t all() const { return t * n; }
  // Where step `s` in order of computation is in time.
  std::int64_t time(std::int64_t s) const { return reverse ? t - 1 - s : s; }
};

// Where the four gates of a cell are in [N,4H].
struct Gates {
  std::int64_t h, column, first;
  GLASSBOX_HD Gates(std::int64_t hidden, std::int64_t cell)
      : h(hidden), column(cell % h), first(cell / h * 4 * h + column) {}
  GLASSBOX_HD std::int64_t at(int gate) const { return first + gate * h; }
  GLASSBOX_HD std::int64_t bias(int gate) const { return column + gate * h; }
};

// A cell of one step. `gates` [N,4H] are sums without the biases on entry and gates on return.
// `c_before` may be c.
template <class T>
struct CellForward {
  std::int64_t h;
  const T *b_ih, *b_hh;
  T* gates;
  const T* c_before;
  T *c, *y;
  T *last_h, *last_c;  // null before the last step

  __device__ Compute<T> sum(const Gates& g, int gate) const {
    Compute<T> s = load(gates[g.at(gate)]);
    if (b_ih) s += load(b_ih[g.bias(gate)]);
    if (b_hh) s += load(b_hh[g.bias(gate)]);
    return s;
  }
  __device__ void operator()(std::int64_t cell) const {
    using C = Compute<T>;
    const Gates at(h, cell);
    const ops::Sigmoid sigmoid;
    const C in = sigmoid(sum(at, 0)), forget = sigmoid(sum(at, 1));
    const C candidate = math::tanh(sum(at, 2)), open = sigmoid(sum(at, 3));
    C value = in * candidate;
    if (c_before) value += forget * load(c_before[cell]);
    gates[at.at(0)] = store<T>(in);
    gates[at.at(1)] = store<T>(forget);
    gates[at.at(2)] = store<T>(candidate);
    gates[at.at(3)] = store<T>(open);
    c[cell] = store<T>(value);
    y[cell] = store<T>(open * math::tanh(value));
    if (last_h) last_h[cell] = y[cell];
    if (last_c) last_c[cell] = c[cell];
  }
};

// The gradient of one step. dh and dc [N,H] hold what later steps gave; dc is left for the step
// before. `dsums` [N,4H] is the gradient of the gates' sums.
template <class T>
struct CellBackward {
  using C = Compute<T>;
  std::int64_t h;
  const T *gates, *c_before, *c, *dy;
  const C* dh;
  C *dc, *dsums;

  __device__ void operator()(std::int64_t cell) const {
    const Gates at(h, cell);
    const C one(1), in = load(gates[at.at(0)]), forget = load(gates[at.at(1)]);
    const C candidate = load(gates[at.at(2)]), open = load(gates[at.at(3)]);
    const C squashed = math::tanh(load(c[cell]));
    C down = dh[cell];
    if (dy) down += load(dy[cell]);
    const C dcell = dc[cell] + down * open * (one - squashed * squashed);
    const C before = c_before ? load(c_before[cell]) : C(0);
    dsums[at.at(0)] = dcell * candidate * in * (one - in);
    dsums[at.at(1)] = dcell * before * forget * (one - forget);
    dsums[at.at(2)] = dcell * in * (one - candidate * candidate);
    dsums[at.at(3)] = down * squashed * open * (one - open);
    dc[cell] = dcell * forget;
  }
};

// Two states at once, or 0 where there is none.
template <class T, class To>
struct CopyStates {
  const T *from_h, *from_c;
  To *to_h, *to_c;
  __device__ void operator()(std::int64_t i) const {
    const Compute<T> h = from_h ? load(from_h[i]) : 0, c = from_c ? load(from_c[i]) : 0;
    to_h[i] = store<To>(h);
    to_c[i] = store<To>(c);
  }
};

template <class T>
struct Elements {
  const T* x;
  std::int64_t n;
  __device__ void operator()(std::int64_t row, std::int64_t column, double (&sums)[1]) const {
    sums[0] += static_cast<double>(load(x[row * n + column]));
  }
};

Gemm product(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k) {
  Gemm g;
  g.dtype = dtype;
  g.m = m;
  g.n = n;
  g.k = k;
  return g;
}

// Why f32 for operands of 16 bits: rounded at every step, a sum over all steps would keep few
// digits.
template <class T>
void lstm_gradient(const Sizes& s, const Context& ctx, Ins in, Outs out) {
  using C = Compute<T>;
  constexpr DType dtype = dtype_of<C>;
  const std::int64_t wide = s.wide(), later = std::max<std::int64_t>(0, s.t - 1) * s.n;
  Gemm of_w_ih = product(dtype, wide, s.i, s.all()), of_w_hh = product(dtype, wide, s.h, later);
  Gemm of_first = product(dtype, wide, s.h, s.n);
  of_w_ih.transpose_a = of_w_hh.transpose_a = of_first.transpose_a = true;
  of_first.accumulate = true;

  Room room(ctx.scratch);
  C* const dsums = room.take<C>(s.all() * wide);
  const Columns columns(s.all(), wide);
  double* const partial = reinterpret_cast<double*>(
      room.take<std::byte>(static_cast<std::int64_t>(columns.scratch_bytes(1))));
  const C *x = widen<T>(ctx, room, in[3]), *h0 = widen<T>(ctx, room, in[4]);
  const C *w_ih = widen<T>(ctx, room, in[6]), *w_hh = widen<T>(ctx, room, in[7]);
  const C* const y = widen<T>(ctx, room, in[8]);
  C* result[5];
  for (std::size_t i = 0; i < 5; ++i) result[i] = wide_result<T>(room, out[i]);
  const auto [dx, dh, dc, dw_ih, dw_hh] = result;
  const T *dy = in_ptr<T>(in[0]), *c0 = in_ptr<T>(in[5]);
  const T *gates = in_ptr<T>(in[9]), *cells = in_ptr<T>(in[10]);

  for_each(ctx, s.state(), CopyStates<T, C>{in_ptr<T>(in[1]), in_ptr<T>(in[2]), dh, dc});
  for (std::int64_t step = s.t - 1; step >= 0; --step) {
    const std::int64_t t = s.time(step);
    const T* const before = step > 0 ? cells + s.time(step - 1) * s.state() : c0;
    C* const d = dsums + t * s.n * wide;
    for_each(ctx, s.state(),
             CellBackward<T>{s.h, gates + t * s.n * wide, before, cells + t * s.state(),
                             dy ? dy + t * s.state() : nullptr, dh, dc, d});
    multiply(ctx, product(dtype, s.n, s.h, wide), d, w_hh, dh);
  }
  multiply(ctx, product(dtype, s.all(), s.i, wide), dsums, w_ih, dx);
  multiply(ctx, of_w_ih, dsums, x, dw_ih);
  // Each step's h before it: y one step earlier, and h0 for the first.
  const std::int64_t skipped = later > 0 ? s.n : 0;
  multiply(ctx, of_w_hh, dsums + (s.reverse ? 0 : skipped * wide),
           y + (s.reverse ? skipped * s.h : 0), dw_hh);
  if (h0 && s.t > 0) multiply(ctx, of_first, dsums + s.time(0) * s.n * wide, h0, dw_hh);
  sum_columns<1, T>(ctx, columns, Elements<C>{dsums, wide}, partial, {out_ptr<T>(out[5])});
  for (std::size_t i = 0; i < 5; ++i) finish<T>(ctx, result[i], out[i]);
}

}  // namespace
}  // namespace cuda

using namespace cuda;

// Without a gradient the gates are working memory.
std::size_t scratch(const ops::Lstm& op, const Context&, Specs in, Specs out) {
  const Sizes s(in[0].shape, in[4].shape, op.reverse);
  if (out.size() > 3) return 0;
  return static_cast<std::size_t>(s.all() * s.wide()) * size_of(in[0].dtype);
}

void run(const ops::Lstm& op, Context& ctx, Ins in, Outs out) {
  const Sizes s(in[0].shape(), in[4].shape(), op.reverse);
  const bool grad = out.size() > 3;
  Gemm of_x = product(in[0].dtype(), s.all(), s.wide(), s.i);
  Gemm of_h = product(in[0].dtype(), s.n, s.wide(), s.h);
  of_x.transpose_b = of_h.transpose_b = true;
  of_h.accumulate = true;
  dispatch_floating(ctx, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    T* const gates = grad ? out_ptr<T>(out[3]) : ctx.scratch_as<T>();
    T *const y = out_ptr<T>(out[0]), *const last_h = out_ptr<T>(out[1]);
    T* const last_c = out_ptr<T>(out[2]);
    const T *h = in_ptr<T>(in[1]), *c = in_ptr<T>(in[2]);
    if (s.t == 0) return for_each(ctx, s.state(), CopyStates<T, T>{h, c, last_h, last_c});
    multiply(ctx, of_x, in_ptr<T>(in[0]), in_ptr<T>(in[3]), gates);
    for (std::int64_t step = 0; step < s.t; ++step) {
      const std::int64_t t = s.time(step);
      const bool last = step == s.t - 1;
      T* const sums = gates + t * s.n * s.wide();
      // Without a gradient the cells of all steps are in one place.
      T* const cells = grad ? out_ptr<T>(out[4]) + t * s.state() : last_c;
      if (h) multiply(ctx, of_h, h, in_ptr<T>(in[4]), sums);
      for_each(
          ctx, s.state(),
          CellForward<T>{s.h, in_ptr<T>(in[5]), in_ptr<T>(in[6]), sums, c, cells, y + t * s.state(),
                         last ? last_h : nullptr, last && grad ? last_c : nullptr});
      h = y + t * s.state();
      c = cells;
    }
  });
}

// The gradient of the gates' sums, the partial sums of db, and what is wider than the operands.
std::size_t scratch(const ops::LstmGrad& op, const Context&, Specs in, Specs out) {
  const Sizes s(in[3].shape, in[7].shape, op.reverse);
  Room room;
  room.take(s.all() * s.wide(), in[3].dtype);
  room.take<std::byte>(static_cast<std::int64_t>(Columns(s.all(), s.wide()).scratch_bytes(1)));
  room.take_wide(in.subspan(3, 2));
  room.take_wide(in.subspan(6, 3));
  room.take_wide(out.first(5));
  return room.used();
}

void run(const ops::LstmGrad& op, Context& ctx, Ins in, Outs out) {
  const Sizes s(in[3].shape(), in[7].shape(), op.reverse);
  dispatch_floating(ctx, in[3].dtype(),
                    [&](auto type) { lstm_gradient<decltype(type)>(s, ctx, in, out); });
}

}  // namespace glassbox
