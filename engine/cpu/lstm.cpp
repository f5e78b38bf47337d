// LSTM: the input's product for all steps at once, then a product and a pass over the cells for
// each step. Backward goes the other way and leaves the weights' gradients, which are sums over all
// steps, to one product at the end.
#include "engine/ops/lstm.h"

#include <algorithm>
#include <array>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/gemm.h"
#include "engine/cpu/parallel.h"
#include "engine/cpu/rows.h"
#include "engine/cpu/simd.h"
#include "engine/ops/pointwise.h"

namespace glassbox {

using namespace cpu;

namespace {

struct Sizes {
  std::int64_t t, n, i, h;
  bool reverse;
  Sizes(const Shape& x, const Shape& w_hh, bool r)
      : t(x[0]), n(x[1]), i(x[2]), h(w_hh[1]), reverse(r) {}
  std::int64_t state() const { return n * h; }
  // Where step `s` in order of computation is in time.
  std::int64_t time(std::int64_t s) const { return reverse ? t - 1 - s : s; }
  // Calls f(first row, last row) of the batch, in parallel.
  template <class F>
  void rows(const cpu::Context& ctx, const F& f) const {
    const std::int64_t chunk = std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, 8 * h));
    parallel_chunks(ctx, n, chunk, f);
  }
};

template <class T>
Pack<T> sigmoid_of(Pack<T> x) {
  return ops::Sigmoid{}(x);
}

// The cells of one step. `gates` [N,4H] are sums on entry and gates on return.
template <class T>
void cell_forward(const cpu::Context& ctx, const Sizes& s, T* gates, const T* c_before, T* c,
                  T* y) {
  s.rows(ctx, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      T* const i = gates + n * 4 * s.h;
      T *const f = i + s.h, *const g = f + s.h, *const o = g + s.h;
      const std::int64_t row = n * s.h;
      Along<T>{s.h}.for_each([&](const auto& at) {
        const Pack<T> in = sigmoid_of(at(i)), forget = sigmoid_of(at(f));
        const Pack<T> candidate = tanh(at(g)), out = sigmoid_of(at(o));
        Pack<T> cell = in * candidate;
        if (c_before) cell += forget * at(c_before + row);
        store_partial(i + at.i, in, at.count);
        store_partial(f + at.i, forget, at.count);
        store_partial(g + at.i, candidate, at.count);
        store_partial(o + at.i, out, at.count);
        store_partial(c + row + at.i, cell, at.count);
        store_partial(y + row + at.i, out * tanh(cell), at.count);
      });
    }
  });
}

// The gradient of one step. dh and dc [N,H] hold what later steps gave; dc is left for the step
// before. `dsums` [N,4H] is the gradient of the gates' sums.
template <class T>
void cell_backward(const cpu::Context& ctx, const Sizes& s, const T* gates, const T* c_before,
                   const T* c, const T* dy, const T* dh, T* dc, T* dsums) {
  s.rows(ctx, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      const T* const i = gates + n * 4 * s.h;
      const T *const f = i + s.h, *const g = f + s.h, *const o = g + s.h;
      T* const di = dsums + n * 4 * s.h;
      T *const df = di + s.h, *const dg = df + s.h, *const d_o = dg + s.h;
      const std::int64_t row = n * s.h;
      Along<T>{s.h}.for_each([&](const auto& at) {
        const Pack<T> one(T(1)), in = at(i), forget = at(f), candidate = at(g), out = at(o);
        const Pack<T> squashed = tanh(at(c + row));
        Pack<T> down = at(dh + row);
        if (dy) down += at(dy + row);
        const Pack<T> dcell = at(dc + row) + down * out * (one - squashed * squashed);
        const Pack<T> before = c_before ? at(c_before + row) : Pack<T>(T(0));
        store_partial(di + at.i, dcell * candidate * in * (one - in), at.count);
        store_partial(df + at.i, dcell * before * forget * (one - forget), at.count);
        store_partial(dg + at.i, dcell * in * (one - candidate * candidate), at.count);
        store_partial(d_o + at.i, down * squashed * out * (one - out), at.count);
        store_partial(dc + row + at.i, dcell * forget, at.count);
      });
    }
  });
}

// The sum of the rows of x [rows, n], each column's in order.
template <class T>
void sum_rows(const cpu::Context& ctx, const T* x, std::int64_t rows, std::int64_t n, T* y) {
  constexpr std::int64_t columns = 64;
  parallel_chunks(ctx, n, columns, [&](std::int64_t begin, std::int64_t end) {
    std::array<double, columns> total{};
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t j = begin; j < end; ++j) {
        total[static_cast<std::size_t>(j - begin)] += static_cast<double>(x[r * n + j]);
      }
    }
    for (std::int64_t j = begin; j < end; ++j) {
      y[j] = static_cast<T>(total[static_cast<std::size_t>(j - begin)]);
    }
  });
}

template <class T>
void copy_or_zero(const T* from, T* to, std::int64_t n) {
  if (from) {
    std::copy_n(from, n, to);
  } else {
    std::fill_n(to, n, T(0));
  }
}

// Without a gradient the gates and the cells are working memory.
std::int64_t forward_scratch(const Sizes& s, bool grad) {
  return 4 * s.h + (grad ? 0 : (s.t * s.n * 4 * s.h + s.t * s.state()));
}

}  // namespace

std::size_t scratch(const ops::Lstm& op, const cpu::Context&, Specs in, Specs out) {
  const Sizes s(in[0].shape, in[4].shape, op.reverse);
  return static_cast<std::size_t>(forward_scratch(s, out.size() > 3)) * size_of(in[0].dtype);
}

void run(const ops::Lstm& op, cpu::Context& ctx, Ins in, Outs out) {
  const Sizes s(in[0].shape(), in[4].shape(), op.reverse);
  const std::int64_t wide = 4 * s.h;
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T *w_ih = in_ptr<T>(in[3]), *w_hh = in_ptr<T>(in[4]);
    const T *b_ih = in_ptr<T>(in[5]), *b_hh = in_ptr<T>(in[6]);
    T* const bias = static_cast<T*>(ctx.scratch());
    T* const gates = out.size() > 3 ? out_ptr<T>(out[3]) : bias + wide;
    T* const cells = out.size() > 3 ? out_ptr<T>(out[4]) : gates + s.t * s.n * wide;
    T* const y = out_ptr<T>(out[0]);
    copy_or_zero(b_ih, bias, wide);
    for (std::int64_t j = 0; b_hh && j < wide; ++j) bias[j] += b_hh[j];
    multiply<T>(ctx, {in_ptr<T>(in[0]), s.i}, {w_ih, s.i, true}, bias, gates, s.t * s.n, wide, s.i);
    const T *h = in_ptr<T>(in[1]), *c = in_ptr<T>(in[2]);
    for (std::int64_t step = 0; step < s.t; ++step) {
      const std::int64_t t = s.time(step);
      T* const sums = gates + t * s.n * wide;
      if (h) multiply<T>(ctx, {h, s.h}, {w_hh, s.h, true}, nullptr, sums, s.n, wide, s.h, true);
      cell_forward(ctx, s, sums, c, cells + t * s.state(), y + t * s.state());
      h = y + t * s.state();
      c = cells + t * s.state();
    }
    copy_or_zero(h, out_ptr<T>(out[1]), s.state());
    copy_or_zero(c, out_ptr<T>(out[2]), s.state());
  });
}

std::size_t scratch(const ops::LstmGrad&, const cpu::Context&, Specs in, Specs) {
  return in[9].bytes();  // the gradient of the gates' sums
}

void run(const ops::LstmGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Sizes s(in[3].shape(), in[7].shape(), op.reverse);
  const std::int64_t wide = 4 * s.h, all = s.t * s.n;
  dispatch_floating(op.name, in[3].dtype(), [&](auto type) {
    using T = decltype(type);
    const T *dy = in_ptr<T>(in[0]), *x = in_ptr<T>(in[3]), *h0 = in_ptr<T>(in[4]);
    const T *c0 = in_ptr<T>(in[5]), *w_ih = in_ptr<T>(in[6]), *w_hh = in_ptr<T>(in[7]);
    const T *y = in_ptr<T>(in[8]), *gates = in_ptr<T>(in[9]), *cells = in_ptr<T>(in[10]);
    T *const dh = out_ptr<T>(out[1]), *const dc = out_ptr<T>(out[2]);
    T* const dsums = static_cast<T*>(ctx.scratch());
    copy_or_zero(in_ptr<T>(in[1]), dh, s.state());
    copy_or_zero(in_ptr<T>(in[2]), dc, s.state());
    for (std::int64_t step = s.t - 1; step >= 0; --step) {
      const std::int64_t t = s.time(step);
      const T* const before = step > 0 ? cells + s.time(step - 1) * s.state() : c0;
      T* const d = dsums + t * s.n * wide;
      cell_backward(ctx, s, gates + t * s.n * wide, before, cells + t * s.state(),
                    dy ? dy + t * s.state() : nullptr, dh, dc, d);
      multiply<T>(ctx, {d, wide}, {w_hh, s.h}, nullptr, dh, s.n, s.h, wide);
    }
    multiply<T>(ctx, {dsums, wide}, {w_ih, s.i}, nullptr, out_ptr<T>(out[0]), all, s.i, wide);
    multiply<T>(ctx, {dsums, wide, true}, {x, s.i}, nullptr, out_ptr<T>(out[3]), wide, s.i, all);
    // Each step's h before it: y one step earlier, and h0 for the first.
    T* const dw_hh = out_ptr<T>(out[4]);
    const std::int64_t later = std::max<std::int64_t>(0, s.t - 1) * s.n;
    // Of nothing there may be no memory to point into.
    const bool shifts = later > 0;
    const T* const d_later = dsums + (shifts && !s.reverse ? s.n * wide : 0);
    const T* const y_before = y + (shifts && s.reverse ? s.state() : 0);
    multiply<T>(ctx, {d_later, wide, true}, {y_before, s.h}, nullptr, dw_hh, wide, s.h, later);
    if (h0 && s.t > 0) {
      const T* const first = dsums + s.time(0) * s.n * wide;
      multiply<T>(ctx, {first, wide, true}, {h0, s.h}, nullptr, dw_hh, wide, s.h, s.n, true);
    }
    sum_rows(ctx, dsums, all, wide, out_ptr<T>(out[5]));
  });
}

}  // namespace glassbox
