// Attention as products: the scores, which a block for each row turns into probabilities, and their
// product with v. Matrices are taken as many at a time as keep the scores below a fixed size.
// Backward makes the probabilities again from the log-sums. Operands of 16 bits are widened first:
// a score that is rounded to 16 bits costs e^score its digits.
#include <cmath>

#include "engine/cuda/product.h"
#include "engine/cuda/rows.h"
#include "engine/ops/attention.h"
#include "engine/ops/math.h"

namespace glassbox {
namespace cuda {
namespace {

constexpr std::int64_t most_scores = std::int64_t(1) << 26;

// Sizes and options; `count` is the number of matrices, `together` how many are taken at a time.
struct Problem {
  std::int64_t count, l, s, e, ev, together;
  double scale;
  bool causal;

  Problem(const ops::ScaledDotProductAttention& op, const Shape& q, const Shape& k, const Shape& v)
      : count(q.product(0, q.rank() - 2)),
        l(q.size(-2)),
        s(k.size(-2)),
        e(q.back()),
        ev(v.back()),
        together(std::clamp<std::int64_t>(most_scores / std::max<std::int64_t>(1, l * s), 1,
                                          std::max<std::int64_t>(1, count))),
        scale(op.scale.value_or(1 / std::sqrt(static_cast<double>(q.back())))),
        causal(op.is_causal) {}

  // Calls f(first matrix, how many).
  template <class F>
  void slices(const F& f) const {
    for (std::int64_t b = 0; b < count; b += together) f(b, std::min(together, count - b));
  }
  // A batch of `n` products [rows,inner] [inner,columns].
  Gemm product(DType dtype, std::int64_t n, std::int64_t rows, std::int64_t columns,
               std::int64_t inner) const {
    Gemm g;
    g.dtype = dtype;
    g.m = rows;
    g.n = columns;
    g.k = inner;
    g.batch = n;
    g.stride_a = rows * inner;
    g.stride_b = inner * columns;
    g.stride_c = rows * columns;
    return g;
  }
};

// From products to scores: scaled, and what is added to them or decides whether they count.
template <class T>
struct Scores {
  using C = Compute<T>;
  std::int64_t l, s;
  C scale;
  bool causal;
  const T* added = nullptr;
  const bool* keep = nullptr;
  int rank = 0;  // of the batch
  std::int64_t size[Shape::max_rank] = {}, step[Shape::max_rank] = {};
  std::int64_t row_step = 0, column_step = 0;

  Scores(const Problem& p, const Tensor& mask, const Shape& q)
      : l(p.l), s(p.s), scale(static_cast<C>(p.scale)), causal(p.causal), rank(q.rank() - 2) {
    for (int d = 0; d < rank; ++d) size[d] = q[d];
    if (!mask.defined()) return;
    if (mask.dtype() == DType::boolean)
      keep = in_ptr<bool>(mask);
    else
      added = in_ptr<T>(mask);
    const Shape& shape = mask.shape();
    for (int d = shape.rank() - 1, to = rank + 1; d >= 0; --d, --to) {
      const std::int64_t own = shape[d] == 1 ? 0 : shape.product(d + 1, shape.rank());
      (to == rank + 1 ? column_step : to == rank ? row_step : step[to]) = own;
    }
  }
  // Where row `row` of all matrices' is in the mask.
  __device__ std::int64_t mask_at(std::int64_t row) const {
    std::int64_t b = row / l, at = row % l * row_step;
    for (int d = rank - 1; d >= 0; --d) {
      at += b % size[d] * step[d];
      b /= size[d];
    }
    return at;
  }
  __device__ C operator()(C product, std::int64_t at, std::int64_t i, std::int64_t j) const {
    C score = product * scale;
    if (added) score += load(added[at + j * column_step]);
    const bool counts = (!keep || keep[at + j * column_step]) && (!causal || j <= i);
    return counts ? score : -std::numeric_limits<C>::infinity();
  }
};

// Turns a row of products into probabilities; of nothing they are 0 and the log-sum infinite.
template <class T>
struct ProbabilityRow {
  Scores<T> scores;
  std::int64_t first;  // row
  Compute<T>* products;
  double* log_sums;  // null without a gradient
  __device__ void operator()(std::int64_t r) const {
    using C = Compute<T>;
    constexpr C infinity = std::numeric_limits<C>::infinity();
    const BlockTeam team;
    const std::int64_t row = first + r, i = row % scores.l, n = scores.s;
    const std::int64_t at = scores.mask_at(row);
    C* const x = products + r * n;  // each thread comes back to its own elements
    const C top =
        team.template largest<C>(n, [&](std::int64_t j) { return x[j] = scores(x[j], at, i, j); });
    const bool nothing = top == -infinity;
    const double sum =
        team.sum(n, [&](std::int64_t j) { return x[j] = nothing ? C(0) : math::exp(x[j] - top); });
    const C factor = nothing ? C(0) : static_cast<C>(1 / sum);
    team.each(n, [&](std::int64_t j) { x[j] *= factor; });
    if (log_sums && team.leads()) {
      log_sums[row] = nothing ? std::numeric_limits<double>::infinity()
                              : static_cast<double>(top) + math::log(sum);
    }
  }
};

// Makes P of products q k^T, and dS = P (dP - sum of dy y) scale of dP = dy v^T.
template <class T>
struct ProbabilityGradRow {
  Scores<T> scores;
  std::int64_t first, ev;
  const T *dy, *y;
  const double* log_sums;
  Compute<T>*products, *ds;
  __device__ void operator()(std::int64_t r) const {
    using C = Compute<T>;
    const BlockTeam team;
    const std::int64_t row = first + r, i = row % scores.l, n = scores.s;
    const std::int64_t at = scores.mask_at(row);
    const C dot = static_cast<C>(team.sum(ev, [&](std::int64_t c) {
      return static_cast<double>(load(dy[row * ev + c])) *
             static_cast<double>(load(y[row * ev + c]));
    }));
    // A log-sum in two parts: rounded to one C it would cost e^(score - log_sum) its digits.
    const C high = static_cast<C>(log_sums[row]);
    const double left = log_sums[row] - static_cast<double>(high);
    const C low = static_cast<C>(left == left ? left : 0);
    C *const p = products + r * n, *const d = ds + r * n;
    team.each(n, [&](std::int64_t j) {
      p[j] = math::exp(scores(p[j], at, i, j) - high - low);
      d[j] = p[j] * (d[j] - dot) * scores.scale;
    });
  }
};

// Bytes of `arrays` of scores, and of the wide copies.
std::size_t working_memory(const Problem& p, DType dtype, int arrays, Specs first, Specs second) {
  Room room;
  room.take_wide(first);
  room.take_wide(second);
  for (int k = 0; k < arrays; ++k) room.take(p.together * p.l * p.s, dtype);
  return room.used();
}

}  // namespace
}  // namespace cuda

using namespace cuda;

std::size_t scratch(const ops::ScaledDotProductAttention& op, const Context&, Specs in, Specs out) {
  const Problem p(op, in[0].shape, in[1].shape, in[2].shape);
  return working_memory(p, in[0].dtype, 1, in.first(3), out.first(1));
}

void run(const ops::ScaledDotProductAttention& op, Context& ctx, Ins in, Outs out) {
  const Problem p(op, in[0].shape(), in[1].shape(), in[2].shape());
  double* const log_sums = out.size() > 1 ? out_ptr<double>(out[1]) : nullptr;
  dispatch_floating(ctx, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    using C = Compute<T>;
    Room room(ctx.scratch);
    const C* const q = widen<T>(ctx, room, in[0]);
    const C* const k = widen<T>(ctx, room, in[1]);
    const C* const v = widen<T>(ctx, room, in[2]);
    C* const y = wide_result<T>(room, out[0]);
    C* const scores = room.take<C>(p.together * p.l * p.s);
    const Scores<T> rule(p, in[3], in[0].shape());
    p.slices([&](std::int64_t b, std::int64_t n) {
      Gemm of_scores = p.product(dtype_of<C>, n, p.l, p.s, p.e);
      of_scores.transpose_b = true;
      multiply(ctx, of_scores, q + b * p.l * p.e, k + b * p.s * p.e, scores);
      for_rows(ctx, n * p.l, p.s, ProbabilityRow<T>{rule, b * p.l, scores, log_sums});
      multiply(ctx, p.product(dtype_of<C>, n, p.l, p.ev, p.s), scores, v + b * p.s * p.ev,
               y + b * p.l * p.ev);
    });
    finish<T>(ctx, y, out[0]);
  });
}

std::size_t scratch(const ops::ScaledDotProductAttentionGrad& op, const Context&, Specs in,
                    Specs out) {
  const Problem p(op.attention, in[1].shape, in[2].shape, in[3].shape);
  return working_memory(p, in[1].dtype, 2, in.first(4), out);
}

void run(const ops::ScaledDotProductAttentionGrad& op, Context& ctx, Ins in, Outs out) {
  const Problem p(op.attention, in[1].shape(), in[2].shape(), in[3].shape());
  dispatch_floating(ctx, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    using C = Compute<T>;
    Room room(ctx.scratch);
    const C* const dy = widen<T>(ctx, room, in[0]);
    const C* const q = widen<T>(ctx, room, in[1]);
    const C* const k = widen<T>(ctx, room, in[2]);
    const C* const v = widen<T>(ctx, room, in[3]);
    C *const dq = wide_result<T>(room, out[0]), *const dk = wide_result<T>(room, out[1]);
    C* const dv = wide_result<T>(room, out[2]);
    C* const prob = room.take<C>(p.together * p.l * p.s);
    C* const ds = room.take<C>(p.together * p.l * p.s);
    const Scores<T> rule(p, in[4], in[1].shape());
    p.slices([&](std::int64_t b, std::int64_t n) {
      const std::int64_t of_q = b * p.l * p.e, of_k = b * p.s * p.e;
      const std::int64_t of_y = b * p.l * p.ev, of_v = b * p.s * p.ev;
      Gemm of_scores = p.product(dtype_of<C>, n, p.l, p.s, p.e);
      Gemm of_dp = p.product(dtype_of<C>, n, p.l, p.s, p.ev);
      of_scores.transpose_b = of_dp.transpose_b = true;
      multiply(ctx, of_scores, q + of_q, k + of_k, prob);
      multiply(ctx, of_dp, dy + of_y, v + of_v, ds);
      for_rows(ctx, n * p.l, p.s,
               ProbabilityGradRow<T>{rule, b * p.l, p.ev, in_ptr<T>(in[0]), in_ptr<T>(in[5]),
                                     in_ptr<double>(in[6]), prob, ds});
      Gemm of_dk = p.product(dtype_of<C>, n, p.s, p.e, p.l);
      Gemm of_dv = p.product(dtype_of<C>, n, p.s, p.ev, p.l);
      of_dk.transpose_a = of_dv.transpose_a = true;
      multiply(ctx, p.product(dtype_of<C>, n, p.l, p.e, p.s), ds, k + of_k, dq + of_q);
      multiply(ctx, of_dk, ds, q + of_q, dk + of_k);
      multiply(ctx, of_dv, prob, dy + of_y, dv + of_v);
    });
    finish<T>(ctx, dq, out[0]);
    finish<T>(ctx, dk, out[1]);
    finish<T>(ctx, dv, out[2]);
  });
}

}  // namespace glassbox
