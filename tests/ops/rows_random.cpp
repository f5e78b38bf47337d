// Rows of the random family (engine/ops/random.h). The references take the words of the published
// generator, one element at a time; what the numbers are like is in random_test.cpp.
#include <cmath>
#include <numbers>

#include "engine/core/philox.h"
#include "engine/ops/random.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

Tensor state(std::int64_t seed, std::int64_t offset) { return from({seed, offset}, {2}); }

std::uint32_t word(const Tensor& state, std::int64_t block, std::int64_t k) {
  const auto s = state.data<std::int64_t>();
  return Philox::words(static_cast<std::uint64_t>(s[0]), static_cast<std::uint64_t>(block),
                       static_cast<std::uint64_t>(s[1]))[static_cast<std::size_t>(k)];
}
std::uint32_t word(const Tensor& state, std::int64_t i) { return word(state, i / 4, i % 4); }

Tensor advanced(const Tensor& state) {
  const auto s = state.data<std::int64_t>();
  return from({s[0], s[1] + 1}, {2});
}

// The drawn values and the state after.
Tensors drawn(const Shape& shape, DType dtype, const Tensor& state,
              const std::function<double(std::int64_t)>& value) {
  return {filled(shape, dtype, value), advanced(state)};
}

// What every op that only draws refuses.
template <class Op>
std::vector<WrongInput> state_refusals(const Op& op) {
  return {
      wrong(op, {integers({3})}, "generator state must be [2] i64, got [3] i64"),
      wrong(op, {values({2})}, "generator state must be [2] i64, got [2] f64"),
      wrong(op, {Tensor()}, "generator state must be [2] i64, got none"),
  };
}

// The op's own type decides, not that of its inputs.
void only_once(Row& row) {
  for (Sample& s : row.samples) s.f32 = false;
}

Row uniform_row() {
  Row row{.op = "uniform"};
  row.samples = {
      sample("f64", Uniform{.shape = {3, 5}, .dtype = DType::f64}, {state(1, 0)}),
      sample("f32", Uniform{.shape = {3, 5}}, {state(1, 7)}),
      sample("range", Uniform{{17}, -3, 0.5, DType::f64}, {state(2, 1)}),
      sample("f32 range", Uniform{{17}, -3, 0.5}, {state(2, 1)}),
      sample("one value", Uniform{{5}, 2, 2, DType::f64}, {state(3, 0)}),
      sample("negative seed", Uniform{{5}, 0, 1, DType::f64}, {state(-5, 1)}),
      sample("no dimensions", Uniform{{}, 0, 1, DType::f64}, {state(4, 0)}),
      sample("nothing", Uniform{{0, 3}, 0, 1, DType::f64}, {state(5, 0)}),
      sample("many", Uniform{{50001}, 0, 1, DType::f64}, {state(6, 0)}),
  };
  only_once(row);
  row.samples[0].flops = 2 * 3 * 5;
  row.reference = naive<Uniform>([](const Uniform& op, const Tensors& in) {
    return drawn(op.shape, DType::f64, in[0], [&](std::int64_t i) {
      const double u = static_cast<double>(word(in[0], i) >> 8) / 16777216;
      return op.low + (op.high - op.low) * u;
    });
  });
  row.wrong = state_refusals(Uniform{.shape = {3}});
  row.wrong.push_back(wrong(Uniform{{3}, 2, 1}, {state(1, 0)}, "low 2 is above high 1"));
  row.wrong.push_back(wrong(Uniform{{3}, -1e308, 1e308}, {state(1, 0)}, "is not finite"));
  row.wrong.push_back(wrong(Uniform{.shape = {3}, .dtype = DType::i64}, {state(1, 0)},
                            "needs a floating-point type, got i64"));
  return row;
}

Row normal_row() {
  Row row{.op = "normal"};
  row.samples = {
      sample("f64", Normal{.shape = {3, 5}, .dtype = DType::f64}, {state(1, 0)}),
      sample("f32", Normal{.shape = {3, 5}}, {state(1, 7)}),
      sample("moved", Normal{{17}, -3, 0.5, DType::f64}, {state(2, 1)}),
      sample("no spread", Normal{{5}, 2, 0, DType::f64}, {state(3, 0)}),
      sample("no dimensions", Normal{{}, 0, 1, DType::f64}, {state(4, 0)}),
      sample("nothing", Normal{{0, 3}, 0, 1, DType::f64}, {state(5, 0)}),
      sample("many", Normal{{50001}, 0, 1, DType::f64}, {state(6, 0)}),
  };
  only_once(row);
  row.samples[0].flops = 10 * 3 * 5;
  row.reference = naive<Normal>([](const Normal& op, const Tensors& in) {
    return drawn(op.shape, DType::f64, in[0], [&](std::int64_t i) {
      const std::int64_t pair = i / 2 * 2;  // elements 2j and 2j + 1 are made of their two words
      const double u = (static_cast<double>(word(in[0], pair)) + 1) / 4294967296;
      const double turn = static_cast<double>(word(in[0], pair + 1)) / 4294967296;
      const double angle = 2 * std::numbers::pi * turn;
      return op.mean +
             op.std * std::sqrt(-2 * std::log(u)) * (i % 2 ? std::sin(angle) : std::cos(angle));
    });
  });
  row.wrong = state_refusals(Normal{.shape = {3}});
  row.wrong.push_back(wrong(Normal{{3}, 0, -1}, {state(1, 0)}, "std -1 must be at least 0"));
  row.wrong.push_back(wrong(Normal{.shape = {3}, .dtype = DType::i64}, {state(1, 0)},
                            "needs a floating-point type, got i64"));
  return row;
}

Row randint_row() {
  Row row{.op = "randint"};
  row.samples = {
      sample("digits", RandInt{{3, 5}, 0, 10}, {state(1, 0)}),
      sample("around zero", RandInt{{17}, -3, 4}, {state(2, 1)}),
      sample("one value", RandInt{{5}, 7, 8}, {state(3, 0)}),
      sample("nothing", RandInt{{0, 3}, 0, 2}, {state(5, 0)}),
      sample("many", RandInt{{50001}, 0, 1000}, {state(6, 0)}),
  };
  only_once(row);
  row.samples[0].flops = 3 * 5;
  row.reference = naive<RandInt>([](const RandInt& op, const Tensors& in) {
    return drawn(op.shape, DType::i64, in[0], [&](std::int64_t i) {
      // The high half of 64 random bits times the range, by long multiplication.
      const auto range = static_cast<std::uint64_t>(op.high - op.low);
      const std::uint64_t high = word(in[0], i, 0) * range, low = word(in[0], i, 1) * range;
      return static_cast<double>(op.low) + static_cast<double>((high + (low >> 32)) >> 32);
    });
  });
  row.wrong = state_refusals(RandInt{{3}, 0, 2});
  row.wrong.push_back(wrong(RandInt{{3}, 2, 2}, {state(1, 0)}, "low 2 must be below high 2"));
  return row;
}

// The mask times x, from the counter of a draw.
Tensor naive_mask(double p, bool channels, const Tensor& input, const Tensor& counter) {
  const Values x(input);
  const Shape& shape = x.shape();
  const std::int64_t inner = channels ? shape.product(2, shape.rank()) : 1;
  Values y(shape);
  for (std::int64_t i = 0; i < y.numel(); ++i) {
    const double u = static_cast<double>(word(counter, i / inner)) / 4294967296;
    y[i] = u < p ? 0 : x[i] / (1 - p);
  }
  return y.tensor();
}

template <class Op>
std::vector<Sample> mask_samples() {
  std::vector<Sample> samples = {
      sample("half", Op{}, {values({3, 5}), state(1, 0)}),
      sample("few", Op{.p = 0.1}, {values({3, 5, 7}, 1), state(2, 3)}),
      sample("none", Op{.p = 0}, {values({3, 5}, 2), state(3, 0)}),
      sample("all", Op{.p = 1}, {values({3, 5}, 3), state(4, 0)}),
      sample("channels", Op{.p = 0.3, .channels = true}, {values({3, 5, 3, 7}, 4), state(5, 1)}),
      sample("channels without pixels", Op{.channels = true}, {values({3, 5}, 5), state(6, 0)}),
      sample("batch of one", Op{}, {values({1, 9}, 6), state(7, 0)}),
      sample("empty batch", Op{}, {values({0, 9}, 7), state(8, 0)}),
      sample("many", Op{}, {values({5001, 11}, 8), state(9, 0)}),
      sample("many channels", Op{.channels = true}, {values({3, 67, 15, 17}, 9), state(10, 0)}),
  };
  samples[0].flops = 3 * 5;
  return samples;
}

template <class Op>
std::vector<WrongInput> mask_refusals() {
  return {
      wrong(Op{.p = 1.5}, {values({3}), state(1, 0)}, "p 1.5 is not a probability"),
      wrong(Op{.p = -0.1}, {values({3}), state(1, 0)}, "p -0.1 is not a probability"),
      wrong(Op{.p = std::nan("")}, {values({3}), state(1, 0)}, "is not a probability"),
      wrong(Op{.channels = true}, {values({3}), state(1, 0)},
            "dropping channels needs [N,C,...], got [3] f64"),
      wrong(Op{}, {integers({3}), state(1, 0)}, "needs floating-point tensors, got [3] i64"),
      wrong(Op{}, {values({3}), integers({3})}, "generator state must be [2] i64, got [3] i64"),
      wrong(Op{}, {Tensor(), state(1, 0)}, "operand 0 is undefined"),
  };
}

Row dropout_row() {
  Row row{.op = "dropout"};
  row.samples = mask_samples<Dropout>();
  row.reference = naive<Dropout>([](const Dropout& op, const Tensors& in) -> Tensors {
    return {naive_mask(op.p, op.channels, in[0], in[1]), in[1].clone(), advanced(in[1])};
  });
  row.wrong = mask_refusals<Dropout>();
  row.batched = true;
  return row;
}

Row dropout_grad_row() {
  Row row{.op = "dropout_grad"};
  row.samples = mask_samples<DropoutGrad>();
  row.reference = naive<DropoutGrad>([](const DropoutGrad& op, const Tensors& in) -> Tensors {
    return {naive_mask(op.p, op.channels, in[0], in[1])};
  });
  row.wrong = mask_refusals<DropoutGrad>();
  row.batched = true;
  return row;
}

}  // namespace

std::vector<Row> random_rows() {
  return {uniform_row(), normal_row(), randint_row(), dropout_row(), dropout_grad_row()};
}

}  // namespace glassbox::test
