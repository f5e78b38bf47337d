// Rows of the matmul family (engine/ops/matmul.h).
#include "engine/ops/matmul.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

Tensors naive_matmul(const MatMul& op, const Tensors& in) {
  const Values a(in[0]), b(in[1]);
  const std::int64_t m = a.size(op.transpose_a ? 1 : 0), k = a.size(op.transpose_a ? 0 : 1);
  const std::int64_t n = b.size(op.transpose_b ? 0 : 1);
  Values y({m, n});
  for_each_index({m, n, k}, [&](const Index& i) {
    const double left = op.transpose_a ? a(i[2], i[0]) : a(i[0], i[2]);
    const double right = op.transpose_b ? b(i[1], i[2]) : b(i[2], i[1]);
    y(i[0], i[1]) += left * right;
  });
  return {y.tensor()};
}

Row matmul_row() {
  Row row{.op = "matmul"};
  row.samples = {
      sample("plain", MatMul{}, {values({3, 4}), values({4, 5}, 1)}),
      sample("first transposed", MatMul{true, false}, {values({4, 3}, 2), values({4, 5}, 3)}),
      sample("second transposed", MatMul{false, true}, {values({3, 4}, 4), values({5, 4}, 5)}),
      sample("both transposed", MatMul{true, true}, {values({4, 3}, 6), values({5, 4}, 7)}),
      sample("row", MatMul{}, {values({1, 7}, 8), values({7, 5}, 9)}),
      sample("column", MatMul{}, {values({5, 7}, 10), values({7, 1}, 11)}),
      sample("no rows", MatMul{}, {values({0, 4}, 12), values({4, 5}, 13)}),
      sample("empty sum", MatMul{}, {values({3, 0}, 14), values({0, 5}, 15)}),
      sample("tiles", MatMul{}, {values({129, 131}, 16), values({131, 133}, 17)}),
      sample("long sum", MatMul{true, false}, {values({9001, 65}, 18), values({9001, 3}, 19)}),
  };
  row.samples[0].flops = 2 * 3 * 4 * 5;
  // Long sums of rounded inputs.
  row.samples[8].tolerance_f32 = row.samples[9].tolerance_f32 = 1e-4;
  row.reference = naive<MatMul>(naive_matmul);
  row.wrong = {
      wrong(MatMul{}, {values({2, 3}), values({4, 5})},
            "a has 3 columns but b has 4 rows (a [2,3], b [4,5])"),
      wrong(MatMul{true, true}, {values({2, 3}), values({4, 5})},
            "a has 2 columns but b has 5 rows (a [2,3] transposed, b [4,5] transposed)"),
      wrong(MatMul{}, {values({3}), values({3, 5})}, "a must have 2 dimensions, got [3]"),
      wrong(MatMul{}, {values({2, 3}), values({2, 3, 5})}, "b must have 2 dimensions, got [2,3,5]"),
      wrong(MatMul{}, {values({2, 3}), Tensor()}, "operand 1 is undefined"),
      wrong(MatMul{}, {integers({2, 3}), integers({3, 5})}, "needs floating-point tensors"),
      wrong(MatMul{}, {values({2, 3}), values({3, 5}).to(DType::f32)},
            "operands have different types: [2,3] f64 and [3,5] f32"),
  };
  row.batched = true;
  return row;
}

Tensors naive_linear(const Linear&, const Tensors& in) {
  const Values x(in[0]), w(in[1]);
  Shape shape = x.shape();
  shape[shape.rank() - 1] = w.size(0);
  Values y(shape);
  for_each_index(shape, [&](const Index& at) {
    const std::int64_t o = at.back();
    double total = in[2].defined() ? Values(in[2])[o] : 0;
    Index from = at;
    for (from.back() = 0; from.back() < w.size(1); ++from.back()) {
      total += x.at(from) * w(o, from.back());
    }
    y.at(at) = total;
  });
  return {y.tensor()};
}

Row linear_row() {
  Row row{.op = "linear"};
  row.samples = {
      sample("with bias", Linear{}, {values({3, 4}), values({5, 4}, 1), values({5}, 2)}),
      sample("without bias", Linear{}, {values({3, 4}, 3), values({5, 4}, 4), Tensor()}),
      sample("batch of one", Linear{}, {values({1, 7}, 5), values({3, 7}, 6), values({3}, 7)}),
      sample("empty batch", Linear{}, {values({0, 4}, 8), values({5, 4}, 9), values({5}, 10)}),
      sample("one vector", Linear{}, {values({4}, 11), values({5, 4}, 12), values({5}, 13)}),
      sample("more dimensions", Linear{},
             {values({2, 3, 4}, 14), values({5, 4}, 15), values({5}, 16)}),
      sample("one output", Linear{}, {values({7, 5}, 17), values({1, 5}, 18), values({1}, 19)}),
      sample("no features", Linear{}, {values({3, 0}, 20), values({5, 0}, 21), values({5}, 22)}),
      sample("tiles", Linear{}, {values({67, 515}, 23), values({99, 515}, 24), values({99}, 25)}),
  };
  row.samples[0].flops = 3 * 5 * (2 * 4 + 1);
  row.samples[1].flops = 3 * 5 * 2 * 4;
  row.samples.back().tolerance_f32 = 1e-4;  // long sums of rounded inputs
  row.reference = naive<Linear>(naive_linear);
  row.wrong = {
      wrong(Linear{}, {values({2, 3}), values({5, 4}), values({5})},
            "input has 3 features but weight expects 4 (x [2,3], w [5,4])"),
      wrong(Linear{}, {values({2, 4}), values({5, 4}), values({4})},
            "bias [4] does not match the 5 features that weight gives (w [5,4])"),
      wrong(Linear{}, {values({2, 4}), values({4}), Tensor()},
            "weight must have 2 dimensions, got [4]"),
      wrong(Linear{}, {values({}), values({5, 4}), Tensor()},
            "x needs at least 1 dimension, got []"),
      wrong(Linear{}, {values({2, 4}), Tensor(), Tensor()}, "operand 1 is undefined"),
      wrong(Linear{}, {integers({2, 4}), integers({5, 4}), Tensor()},
            "needs floating-point tensors"),
  };
  row.batched = true;
  return row;
}

}  // namespace

std::vector<Row> matmul_rows() { return {matmul_row(), linear_row()}; }

}  // namespace glassbox::test
