// Rows of the LSTM (engine/ops/lstm.h).
#include <cmath>

#include "engine/ops/lstm.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using Op = ops::Lstm;
using Grad = ops::LstmGrad;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

Values or_zero(const Tensor& t, const Shape& shape) {
  return t.defined() ? Values(t) : Values(shape);
}

Tensors reference(const Op& op, const Tensors& in) {
  const Values x(in[0]), w_ih(in[3]), w_hh(in[4]);
  const std::int64_t steps = x.size(0), batch = x.size(1), inputs = x.size(2),
                     hidden = w_hh.size(1);
  Values h = or_zero(in[1], {batch, hidden}), c = or_zero(in[2], {batch, hidden});
  const Values b_ih = or_zero(in[5], {4 * hidden}), b_hh = or_zero(in[6], {4 * hidden});
  Values y({steps, batch, hidden}), gates({steps, batch, 4 * hidden}), cells(y.shape());
  for (std::int64_t step = 0; step < steps; ++step) {
    const std::int64_t t = op.reverse ? steps - 1 - step : step;
    const Values before = h;
    for (std::int64_t n = 0; n < batch; ++n) {
      for (std::int64_t j = 0; j < 4 * hidden; ++j) {
        double total = b_ih[j] + b_hh[j];
        for (std::int64_t i = 0; i < inputs; ++i) total += x(t, n, i) * w_ih(j, i);
        for (std::int64_t i = 0; i < hidden; ++i) total += before(n, i) * w_hh(j, i);
        gates(t, n, j) = j / hidden == 2 ? std::tanh(total) : sigmoid(total);
      }
      for (std::int64_t j = 0; j < hidden; ++j) {
        c(n, j) = gates(t, n, hidden + j) * c(n, j) + gates(t, n, j) * gates(t, n, 2 * hidden + j);
        cells(t, n, j) = c(n, j);
        h(n, j) = y(t, n, j) = gates(t, n, 3 * hidden + j) * std::tanh(c(n, j));
      }
    }
  }
  return {y.tensor(), h.tensor(), c.tensor(), gates.tensor(), cells.tensor()};
}

Tensors reference_grad(const Grad& op, const Tensors& in) {
  const Values x(in[3]), w_ih(in[6]), w_hh(in[7]), y(in[8]), gates(in[9]), cells(in[10]);
  const std::int64_t steps = x.size(0), batch = x.size(1), inputs = x.size(2),
                     hidden = w_hh.size(1);
  const Shape state{batch, hidden};
  const Values dy = or_zero(in[0], y.shape()), h0 = or_zero(in[4], state),
               c0 = or_zero(in[5], state);
  Values dh = or_zero(in[1], state), dc = or_zero(in[2], state);
  Values dx(x.shape()), dw_ih(w_ih.shape()), dw_hh(w_hh.shape()), db({4 * hidden});
  for (std::int64_t step = steps - 1; step >= 0; --step) {
    const std::int64_t t = op.reverse ? steps - 1 - step : step;
    const std::int64_t last = op.reverse ? t + 1 : t - 1;
    Values sums({batch, 4 * hidden}), dh_before(state);
    for (std::int64_t n = 0; n < batch; ++n) {
      for (std::int64_t j = 0; j < hidden; ++j) {
        const double i = gates(t, n, j), f = gates(t, n, hidden + j);
        const double g = gates(t, n, 2 * hidden + j), o = gates(t, n, 3 * hidden + j);
        const double squashed = std::tanh(cells(t, n, j)), down = dh(n, j) + dy(t, n, j);
        const double dcell = dc(n, j) + down * o * (1 - squashed * squashed);
        const double before = step > 0 ? cells(last, n, j) : c0(n, j);
        sums(n, j) = dcell * g * i * (1 - i);
        sums(n, hidden + j) = dcell * before * f * (1 - f);
        sums(n, 2 * hidden + j) = dcell * i * (1 - g * g);
        sums(n, 3 * hidden + j) = down * squashed * o * (1 - o);
        dc(n, j) = dcell * f;
      }
      for (std::int64_t j = 0; j < 4 * hidden; ++j) {
        const double d = sums(n, j);
        db[j] += d;
        for (std::int64_t i = 0; i < inputs; ++i) {
          dx(t, n, i) += d * w_ih(j, i);
          dw_ih(j, i) += d * x(t, n, i);
        }
        for (std::int64_t i = 0; i < hidden; ++i) {
          dh_before(n, i) += d * w_hh(j, i);
          dw_hh(j, i) += d * (step > 0 ? y(last, n, i) : h0(n, i));
        }
      }
    }
    dh = dh_before;
  }
  return {dx.tensor(), dh.tensor(), dc.tensor(), dw_ih.tensor(), dw_hh.tensor(), db.tensor()};
}

struct Call {
  std::string label;
  Op op = {};
  std::int64_t steps, batch, inputs, hidden;
  bool state = true, b_ih = true, b_hh = true;

  Tensors in() const {
    const auto small = [](const Shape& shape, std::uint64_t seed) {
      return values(shape, seed, -0.7, 0.7);
    };
    return {values({steps, batch, inputs}),
            state ? small({batch, hidden}, 1) : Tensor(),
            state ? small({batch, hidden}, 2) : Tensor(),
            small({4 * hidden, inputs}, 3),
            small({4 * hidden, hidden}, 4),
            b_ih ? small({4 * hidden}, 5) : Tensor(),
            b_hh ? small({4 * hidden}, 6) : Tensor()};
  }
};

std::vector<Call> calls() {
  return {
      {.label = "sequence", .steps = 4, .batch = 3, .inputs = 5, .hidden = 2},
      {.label = "reverse", .op = {true}, .steps = 4, .batch = 3, .inputs = 5, .hidden = 2},
      {.label = "no state", .steps = 3, .batch = 2, .inputs = 3, .hidden = 5, .state = false},
      {.label = "no state, reverse",
       .op = {true},
       .steps = 3,
       .batch = 2,
       .inputs = 3,
       .hidden = 5,
       .state = false},
      {.label = "no biases",
       .steps = 3,
       .batch = 2,
       .inputs = 3,
       .hidden = 3,
       .b_ih = false,
       .b_hh = false},
      {.label = "one bias", .steps = 3, .batch = 2, .inputs = 3, .hidden = 3, .b_hh = false},
      {.label = "one step", .steps = 1, .batch = 2, .inputs = 3, .hidden = 3},
      {.label = "no step", .steps = 0, .batch = 2, .inputs = 3, .hidden = 3},
      {.label = "empty batch", .steps = 3, .batch = 0, .inputs = 3, .hidden = 3},
      {.label = "threads", .steps = 3, .batch = 131, .inputs = 33, .hidden = 67},
  };
}

Row forward_row() {
  Row row{.op = "lstm", .reference = naive<Op>(reference), .batched = true};
  for (const Call& call : calls()) {
    row.samples.push_back(sample(call.label, call.op, call.in()));
    row.samples.back().gradcheck_tolerance = 1e-6;
  }
  row.samples[0].flops = 2 * 4 * 3 * 8 * (5 + 2) + 4 * 3 * 2 * (4 + 8 + 9 + 10 + 4);
  row.samples[4].flops = 2 * 3 * 2 * 12 * (3 + 3) + 3 * 2 * 3 * (4 + 9 + 10 + 4);
  const Tensors good = calls()[0].in();
  const auto but = [&](std::size_t i, const Tensor& other) {
    Tensors in = good;
    in[i] = other;
    return in;
  };
  row.wrong = {
      wrong(Op{}, but(0, values({4, 3})), "x must have 3 dimensions, got [4,3]"),
      wrong(Op{}, but(0, integers({4, 3, 5})), "needs floating-point tensors"),
      wrong(Op{}, but(0, values({4, 3, 6})),
            "w_ih must be [8,6] f64 for x [4,3,6] f64, got [8,5] f64"),
      wrong(Op{}, but(1, values({2, 2})), "h0 must be [3,2] f64"),
      wrong(Op{}, but(2, values({3, 3})), "c0 must be [3,2] f64"),
      wrong(Op{}, but(3, {}), "w_ih is undefined"),
      wrong(Op{}, but(4, values({8, 3})), "w_hh must be [4H,H] f64, got [8,3] f64"),
      wrong(Op{}, but(4, {}), "w_hh is undefined"),
      wrong(Op{}, but(5, values({2})), "b_ih must be [8] f64"),
      wrong(Op{}, but(6, values({8}).to(DType::f32)), "b_hh must be [8] f64"),
      wrong(Op{}, but(0, {}), "x is undefined"),
  };
  return row;
}

Row grad_row() {
  Row row{.op = "lstm_grad", .reference = naive<Grad>(reference_grad)};
  const auto inputs = [](const Call& call) -> Tensors {
    const Tensors in = call.in(), out = reference(call.op, in);
    return {values(out[0].shape(), 7),
            values(out[1].shape(), 8),
            values(out[2].shape(), 9),
            in[0],
            in[1],
            in[2],
            in[3],
            in[4],
            out[0],
            out[3],
            out[4]};
  };
  for (const Call& call : calls()) {
    if (!call.b_ih || !call.b_hh) continue;
    row.samples.push_back(sample(call.label, Grad{call.op.reverse}, inputs(call)));
    row.samples.back().tolerance_f32 = 1e-4;
  }
  row.samples[0].flops = 4 * 4 * 3 * 8 * (5 + 2) + 4 * 3 * 2 * (4 + 30);
  const Tensors good = inputs(calls()[0]);
  const auto but = [&](std::size_t i, const Tensor& other) {
    Tensors in = good;
    in[i] = other;
    return in;
  };
  Tensors last_cell = but(0, {});
  last_cell[1] = Tensor();
  row.samples.push_back(sample("of the last cell alone", Grad{}, last_cell));
  row.wrong = {
      wrong(Grad{}, but(0, values({4, 3, 3})), "dy must be [4,3,2] f64"),
      wrong(Grad{}, but(1, values({3, 3})), "dh_n must be [3,2] f64"),
      wrong(Grad{}, but(2, values({3, 3})), "dc_n must be [3,2] f64"),
      wrong(Grad{}, but(8, {}), "y is undefined"),
      wrong(Grad{}, but(9, values({4, 3, 2})), "gates must be [4,3,8] f64"),
      wrong(Grad{}, but(10, values({4, 3, 8})), "cells must be [4,3,2] f64"),
      wrong(Grad{}, but(7, values({8, 3})), "w_hh must be [4H,H] f64"),
  };
  return row;
}

}  // namespace

std::vector<Row> lstm_rows() { return {forward_row(), grad_row()}; }

}  // namespace glassbox::test
