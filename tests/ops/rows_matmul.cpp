// Rows of the matmul family (engine/ops/matmul.h).
#include <algorithm>

#include "engine/ops/matmul.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

// Vectors as matrices, and every element by its own index.
Tensors naive_matmul(const MatMul& op, const Tensors& in) {
  Shape a_shape = in[0].shape(), b_shape = in[1].shape();
  const bool row = a_shape.rank() == 1, column = b_shape.rank() == 1;
  if (row) a_shape.insert(0, 1);
  if (column) b_shape.push_back(1);
  const std::int64_t m = a_shape.size(op.transpose_a ? -1 : -2);
  const std::int64_t k = a_shape.size(op.transpose_a ? -2 : -1);
  const std::int64_t n = b_shape.size(op.transpose_b ? -2 : -1);
  const int rank = std::max(a_shape.rank(), b_shape.rank());
  Shape shape;
  for (int d = 0; d < rank - 2; ++d) {
    const auto size = [&](const Shape& x) {
      const int own = d - (rank - x.rank());
      return own < 0 ? std::int64_t(1) : x[own];
    };
    shape.push_back(size(a_shape) == 1 ? size(b_shape) : size(a_shape));
  }
  shape.push_back(m);
  shape.push_back(n);
  const Values a_values(in[0]), b_values(in[1]);
  Values a(a_shape), b(b_shape), y(shape);
  for (std::int64_t i = 0; i < a.numel(); ++i) a[i] = a_values[i];
  for (std::int64_t i = 0; i < b.numel(); ++i) b[i] = b_values[i];
  const auto last_two = [rank](Index at, std::int64_t first, std::int64_t second) {
    at[static_cast<std::size_t>(rank - 2)] = first;
    at[static_cast<std::size_t>(rank - 1)] = second;
    return at;
  };
  for_each_index(shape, [&](const Index& at) {
    const std::int64_t i = at[static_cast<std::size_t>(rank - 2)], j = at.back();
    for (std::int64_t l = 0; l < k; ++l) {
      const Index left = op.transpose_a ? last_two(at, l, i) : last_two(at, i, l);
      const Index right = op.transpose_b ? last_two(at, j, l) : last_two(at, l, j);
      y.at(at) += a.broadcast(left) * b.broadcast(right);
    }
  });
  if (column) shape.erase(shape.rank() - 1);
  if (row) shape.erase(shape.rank() - (column ? 1 : 2));
  Values out(shape);
  for (std::int64_t i = 0; i < y.numel(); ++i) out[i] = y[i];
  return {out.tensor()};
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
      sample("batched", MatMul{}, {values({3, 2, 4}, 20), values({3, 4, 5}, 21)}),
      sample("batched, first transposed", MatMul{true, false},
             {values({3, 4, 2}, 22), values({3, 4, 5}, 23)}),
      sample("batched, both transposed", MatMul{true, true},
             {values({2, 3, 4, 2}, 24), values({3, 5, 4}, 25)}),
      sample("batches broadcast", MatMul{}, {values({2, 1, 3, 4}, 26), values({3, 4, 5}, 27)}),
      sample("batches broadcast, second transposed", MatMul{false, true},
             {values({3, 1, 4}, 28), values({2, 1, 3, 4}, 29)}),
      sample("one right matrix", MatMul{}, {values({2, 3, 2, 4}, 30), values({4, 5}, 31)}),
      sample("one right matrix, transposed", MatMul{false, true},
             {values({3, 2, 4}, 32), values({1, 5, 4}, 33)}),
      sample("one right matrix, first transposed", MatMul{true, false},
             {values({3, 4, 2}, 34), values({4, 5}, 35)}),
      sample("one left matrix", MatMul{}, {values({2, 4}, 36), values({3, 4, 5}, 37)}),
      sample("no batch", MatMul{}, {values({0, 3, 4}, 38), values({4, 5}, 39)}),
      sample("no batch, broadcast", MatMul{}, {values({0, 1, 3, 4}, 40), values({3, 4, 5}, 41)}),
      sample("vector and vector", MatMul{}, {values({7}, 42), values({7}, 43)}),
      sample("matrix and vector", MatMul{}, {values({3, 4}, 44), values({4}, 45)}),
      sample("vector and matrix", MatMul{}, {values({4}, 46), values({4, 5}, 47)}),
      sample("vector and transposed matrix", MatMul{false, true},
             {values({4}, 48), values({5, 4}, 49)}),
      sample("batch and vector", MatMul{}, {values({2, 3, 4}, 50), values({4}, 51)}),
      sample("transposed batch and vector", MatMul{true, false},
             {values({2, 4, 3}, 52), values({4}, 53)}),
      sample("vector and batch", MatMul{}, {values({4}, 54), values({2, 4, 3}, 55)}),
      sample("batch of tiles", MatMul{}, {values({2, 67, 129}, 56), values({2, 129, 131}, 57)}),
  };
  row.samples[0].flops = 2 * 3 * 4 * 5;
  row.samples[10].flops = 2 * 3 * 2 * 4 * 5;
  // Long sums of rounded inputs.
  row.samples[8].tolerance_f32 = row.samples[9].tolerance_f32 = 1e-4;
  row.samples.back().tolerance_f32 = 1e-4;
  row.reference = naive<MatMul>(naive_matmul);
  row.wrong = {
      wrong(MatMul{}, {values({2, 3}), values({4, 5})},
            "a has 3 columns but b has 4 rows (a [2,3], b [4,5])"),
      wrong(MatMul{true, true}, {values({2, 3}), values({4, 5})},
            "a has 2 columns but b has 5 rows (a [2,3] transposed, b [4,5] transposed)"),
      wrong(MatMul{}, {values({}), values({3, 5})}, "a must have at least 1 dimension, got []"),
      wrong(MatMul{}, {values({3}), values({})}, "b must have at least 1 dimension, got []"),
      wrong(MatMul{true, false}, {values({3}), values({3, 5})},
            "a must have at least 2 dimensions to be transposed, got [3]"),
      wrong(MatMul{}, {values({3}), values({4})},
            "a has 3 columns but b has 4 rows (a [3], b [4])"),
      wrong(MatMul{}, {values({2, 2, 3}), values({3, 3, 5})}, "[2] and [3]"),
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
