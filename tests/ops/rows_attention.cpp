// Rows of attention (engine/ops/attention.h).
#include <cmath>

#include "engine/ops/attention.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using Op = ops::ScaledDotProductAttention;
using Grad = ops::ScaledDotProductAttentionGrad;
constexpr double infinity = std::numeric_limits<double>::infinity();

// Probabilities [..., L, S] and each row's log-sum, from whole rows of scores.
struct Probabilities {
  Shape leading;
  std::int64_t count, l, s, e, ev;
  double scale;
  Values p, log_sums;

  Probabilities(const Op& op, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask)
      : leading(std::span<const std::int64_t>(q.shape().begin(), q.shape().end() - 2)),
        count(leading.numel()),
        l(q.size(-2)),
        s(k.size(-2)),
        e(q.size(-1)),
        ev(v.size(-1)),
        scale(op.scale.value_or(1 / std::sqrt(static_cast<double>(e)))),
        p(with(l, s)),
        log_sums(with(l)) {
    const Values qs(q), ks(k), masks = mask.defined() ? Values(mask) : Values(Shape{});
    for_each_index(p.shape(), [&](const Index& at) {
      const std::size_t rank = at.size();
      const std::int64_t i = at[rank - 2], j = at[rank - 1];
      Index row = at, column = at;
      column[rank - 2] = j;
      double score = 0;
      for (std::int64_t f = 0; f < e; ++f) {
        row[rank - 1] = column[rank - 1] = f;
        score += scale * qs.at(row) * ks.at(column);
      }
      if (mask.defined() && mask.dtype() == DType::boolean) {
        if (masks.broadcast(at) == 0) score = -infinity;
      } else if (mask.defined()) {
        score += masks.broadcast(at);
      }
      if (op.is_causal && j > i) score = -infinity;
      p.at(at) = score;
    });
    for (std::int64_t r = 0; r < log_sums.numel(); ++r) {
      double top = -infinity, sum = 0;
      for (std::int64_t j = 0; j < s; ++j) top = std::max(top, p[r * s + j]);
      for (std::int64_t j = 0; j < s && top > -infinity; ++j) sum += std::exp(p[r * s + j] - top);
      log_sums[r] = sum == 0 ? infinity : top + std::log(sum);
      for (std::int64_t j = 0; j < s; ++j) p[r * s + j] = std::exp(p[r * s + j] - log_sums[r]);
    }
  }
  Shape with(std::int64_t a) const {
    Shape shape = leading;
    shape.push_back(a);
    return shape;
  }
  Shape with(std::int64_t a, std::int64_t b) const {
    Shape shape = with(a);
    shape.push_back(b);
    return shape;
  }
};

Tensors reference(const Op& op, const Tensors& in) {
  const Probabilities a(op, in[0], in[1], in[2], in[3]);
  const Values v(in[2]);
  Values y(a.with(a.l, a.ev));
  for (std::int64_t r = 0; r < a.count * a.l; ++r) {
    for (std::int64_t j = 0; j < a.s; ++j) {
      for (std::int64_t c = 0; c < a.ev; ++c) {
        y[r * a.ev + c] += a.p[r * a.s + j] * v[(r / a.l * a.s + j) * a.ev + c];
      }
    }
  }
  // An f32 op's log-sums are f64, but no better than its scores.
  return {y.tensor(), in[0].dtype() == DType::f64 ? a.log_sums.tensor() : Tensor()};
}

// By the same probabilities, whatever the log-sums that the op is given: they are the right ones.
Tensors reference_grad(const Grad& op, const Tensors& in) {
  const Probabilities a(op.attention, in[1], in[2], in[3], in[4]);
  const Values dy(in[0]), q(in[1]), k(in[2]), v(in[3]), y(in[5]);
  Values dq(q.shape()), dk(k.shape()), dv(v.shape());
  for (std::int64_t r = 0; r < a.count * a.l; ++r) {
    double dot = 0;
    for (std::int64_t c = 0; c < a.ev; ++c) dot += dy[r * a.ev + c] * y[r * a.ev + c];
    for (std::int64_t j = 0; j < a.s; ++j) {
      const std::int64_t row = r / a.l * a.s + j;
      double dp = 0;
      for (std::int64_t c = 0; c < a.ev; ++c) {
        dp += dy[r * a.ev + c] * v[row * a.ev + c];
        dv[row * a.ev + c] += a.p[r * a.s + j] * dy[r * a.ev + c];
      }
      const double ds = a.p[r * a.s + j] * (dp - dot) * a.scale;
      for (std::int64_t f = 0; f < a.e; ++f) {
        dq[r * a.e + f] += ds * k[row * a.e + f];
        dk[row * a.e + f] += ds * q[r * a.e + f];
      }
    }
  }
  return {dq.tensor(), dk.tensor(), dv.tensor()};
}

struct Call {
  std::string label;
  Op op;
  Tensors in;  // q, k, v, mask
};

Tensors operands(const Shape& leading, std::int64_t l, std::int64_t s, std::int64_t e,
                 std::int64_t ev, const Tensor& mask = {}, std::uint64_t seed = 0) {
  const auto shape = [&](std::int64_t a, std::int64_t b) {
    Shape full = leading;
    full.push_back(a);
    full.push_back(b);
    return full;
  };
  return {values(shape(l, e), seed), values(shape(s, e), seed + 1), values(shape(s, ev), seed + 2),
          mask};
}

// True but for row 1, which attends to nothing.
Tensor all_but_row_one(std::int64_t l, std::int64_t s) {
  return filled({l, s}, DType::boolean, [s](std::int64_t i) { return i / s == 1 ? 0.0 : 1.0; });
}

std::vector<Call> calls() {
  return {
      {"matrices", {}, operands({}, 3, 5, 4, 2)},
      {"batch of one", {}, operands({1}, 5, 3, 4, 4, {}, 3)},
      {"empty batch", {}, operands({0, 2}, 3, 3, 4, 4)},
      {"heads", {}, operands({2, 3}, 4, 5, 3, 6, {}, 6)},
      {"causal", {.is_causal = true}, operands({2}, 5, 5, 3, 3, {}, 9)},
      {"causal, fewer columns", {.is_causal = true}, operands({2}, 5, 3, 3, 3, {}, 12)},
      {"causal, more columns", {.is_causal = true}, operands({2}, 3, 7, 3, 3, {}, 15)},
      {"scale", {.scale = 0.3}, operands({2}, 4, 5, 3, 3, {}, 18)},
      {"boolean mask", {}, operands({2, 2}, 4, 5, 3, 3, booleans({4, 5}, 1), 21)},
      {"boolean mask of columns", {}, operands({2, 2}, 4, 5, 3, 3, booleans({2, 1, 1, 5}, 3), 24)},
      {"a row attends to nothing", {}, operands({2}, 4, 5, 3, 3, all_but_row_one(4, 5), 27)},
      {"added mask", {}, operands({2, 2}, 3, 5, 3, 3, values({3, 5}, 4), 30)},
      {"added mask of rows", {}, operands({2}, 3, 5, 3, 3, values({2, 3, 1}, 5), 33)},
      {"added mask, causal", {.is_causal = true}, operands({2}, 4, 4, 3, 3, values({4, 4}, 6), 36)},
      {"no columns", {}, operands({2}, 3, 0, 4, 2)},
      {"no rows", {}, operands({2}, 0, 3, 4, 2)},
      {"one column", {}, operands({2}, 3, 1, 4, 2, {}, 39)},
      {"tiles", {}, operands({3}, 131, 140, 17, 33, {}, 42)},
      {"tiles, causal", {.is_causal = true}, operands({3}, 131, 131, 17, 33, {}, 45)},
      {"tiles, boolean mask", {}, operands({2}, 70, 130, 9, 65, booleans({70, 130}, 7), 48)},
      {"many matrices", {}, operands({17}, 65, 67, 8, 9, {}, 51)},
  };
}

void tolerances(Sample& s) {
  s.tolerance_f32 = 1e-4;  // scores up to 10: e^score multiplies their rounding
  // What is added to a whole row changes nothing: its gradient is 0, and rounding all there is.
  if (s.label == "added mask of rows") s.tolerance_f32 = 1e-3;
  s.tolerance_f64 = 1e-11;
  s.gradcheck_tolerance = 1e-6;
}

Row forward_row() {
  Row row{.op = "scaled_dot_product_attention", .reference = naive<Op>(reference), .batched = true};
  for (const Call& call : calls()) {
    row.samples.push_back(sample(call.label, call.op, call.in));
    tolerances(row.samples.back());
  }
  row.samples[0].flops = 3 * 5 * (2 * (4 + 2) + 5);
  row.samples[3].flops = 6 * 4 * 5 * (2 * (3 + 6) + 5);
  const Tensor x = values({2, 3, 4});
  row.wrong = {
      wrong(Op{}, {x, values({3, 3, 4}), x, {}},
            "q, k and v need the same leading sizes and 2 more (q [2,3,4], k [3,3,4], v [2,3,4])"),
      wrong(Op{}, {values({4}), values({4}), values({4}), {}}, "the same leading sizes and 2 more"),
      wrong(Op{}, {x, values({2, 3, 5}), x, {}}, "q has 4 features but k has 5"),
      wrong(Op{}, {x, values({2, 5, 4}), x, {}}, "k has 5 rows but v has 3"),
      wrong(Op{}, {x, x, x, integers({3, 3})}, "mask must be bool or f64, got [3,3] i64"),
      wrong(Op{}, {x, x, x, values({3, 4})}, "mask [3,4] does not broadcast to the scores [2,3,3]"),
      wrong(Op{}, {x, x, x, booleans({1, 2, 3, 3})}, "mask [1,2,3,3] does not broadcast"),
      wrong(Op{}, {x, x, {}, {}}, "operand 2 is undefined"),
      wrong(Op{}, {x, x.to(DType::f32), x, {}}, "operands have different types"),
      wrong(Op{}, {integers({2, 3}), integers({2, 3}), integers({2, 3}), {}},
            "needs floating-point tensors"),
  };
  return row;
}

Row grad_row() {
  Row row{.op = "scaled_dot_product_attention_grad",
          .reference = naive<Grad>(reference_grad),
          .batched = true};
  for (const Call& call : calls()) {
    const Tensors forward = reference(call.op, call.in);  // in f64
    row.samples.push_back(sample(call.label, Grad{call.op},
                                 {values(forward[0].shape(), 60), call.in[0], call.in[1],
                                  call.in[2], call.in[3], forward[0], forward[1]}));
    tolerances(row.samples.back());
    row.samples.back().keeps_f64 = {false, false, false, false, false, false, true};
    row.samples.back().tolerance_f32 = 1e-3;
  }
  row.samples[0].flops = 3 * 5 * (2 * (3 * 4 + 2 * 2) + 6);
  const Tensor x = values({2, 3, 4}), sums = values({2, 3});
  row.wrong = {
      wrong(Grad{}, {values({2, 3, 5}), x, x, x, {}, x, sums},
            "dy must be [2,3,4] f64, got [2,3,5] f64"),
      wrong(Grad{}, {x, x, x, x, {}, {}, sums}, "y must be [2,3,4] f64"),
      wrong(Grad{}, {x, x, x, x, {}, x, values({2, 4})},
            "the log-sums must be [2,3] f64, got [2,4] f64"),
      wrong(Grad{}, {x, x, values({2, 3, 5}), x, {}, x, sums}, "q has 4 features but k has 5"),
      wrong(Grad{}, {x, x, x, {}, {}, x, sums}, "operand 3 is undefined"),
  };
  return row;
}

}  // namespace

std::vector<Row> attention_rows() { return {forward_row(), grad_row()}; }

}  // namespace glassbox::test
