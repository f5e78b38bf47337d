// Rows of embedding (engine/ops/embedding.h).
#include "engine/ops/embedding.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

Tensors reference(const ops::Embedding&, const Tensors& in) {
  const Values w(in[0]), indices(in[1]);
  Shape shape = indices.shape();
  const std::int64_t d = w.size(1);
  shape.push_back(d);
  Values y(shape);
  for (std::int64_t i = 0; i < indices.numel(); ++i) {
    for (std::int64_t j = 0; j < d; ++j) {
      y[i * d + j] = w[static_cast<std::int64_t>(indices[i]) * d + j];
    }
  }
  return {y.tensor()};
}

Tensors reference_grad(const ops::EmbeddingGrad& op, const Tensors& in) {
  const Values dy(in[0]), indices(in[1]);
  const std::int64_t d = dy.size(-1);
  Values dw({op.num_embeddings, d});
  for (std::int64_t i = 0; i < indices.numel(); ++i) {
    const auto v = static_cast<std::int64_t>(indices[i]);
    if (op.padding_idx && (v == *op.padding_idx || v == *op.padding_idx + op.num_embeddings)) {
      continue;
    }
    for (std::int64_t j = 0; j < d; ++j) dw[v * d + j] += dy[i * d + j];
  }
  return {dw.tensor()};
}

Row forward_row() {
  using Op = ops::Embedding;
  Row row{.op = "embedding", .reference = naive<Op>(reference)};
  row.bytes = [](const AnyOp&, Specs in, Specs out) {
    const auto rows = static_cast<std::int64_t>(out[0].bytes());
    return std::pair(rows + static_cast<std::int64_t>(in[1].bytes()), rows);
  };
  row.samples = {
      sample("sequence", Op{}, {values({7, 3}), integers({2, 5}, 0, 7, 1)}),
      sample("one index", Op{}, {values({7, 3}), integers({}, 0, 7, 2)}),
      sample("no indices", Op{}, {values({7, 3}), integers({2, 0}, 0, 7)}),
      sample("three dimensions", Op{}, {values({5, 4}), integers({2, 3, 2}, 0, 5, 3)}),
      // Row 0 has no gradient, which a difference quotient would see: it is not asked for.
      sample("padding", Op{0}, {values({6, 3}), integers({4, 3}, 1, 6, 4)}),
      sample("padding from the end", Op{-1}, {values({6, 3}), integers({4, 3}, 0, 5, 5)}),
      sample("threads", Op{}, {values({50, 65}), integers({30, 31}, 0, 50, 6)}),
  };
  row.samples[0].flops = 0;
  row.wrong = {
      wrong(Op{}, {values({7}), integers({2})}, "weight must have 2 dimensions, got [7]"),
      wrong(Op{}, {values({7, 3}), values({2})}, "indices must be i64, got [2] f64"),
      wrong(Op{}, {integers({7, 3}), integers({2})}, "needs floating-point tensors"),
      wrong(Op{7}, {values({7, 3}), integers({2})},
            "padding_idx 7 is none of the 7 rows of weight"),
      wrong(Op{-8}, {values({7, 3}), integers({2})}, "padding_idx -8 is none of the 7 rows"),
      wrong(Op{}, {values({3, 3}), integers({2, 2}, 3, 4)},
            "index 3 at [0,0] is none of the 3 rows of weight"),
      wrong(Op{}, {values({3, 3}), integers({2}, -1, 0)},
            "index -1 at [0] is none of the 3 rows of weight"),
      wrong(Op{}, {values({7, 3}), Tensor()}, "operand 1 is undefined"),
  };
  return row;
}

Row grad_row() {
  using Op = ops::EmbeddingGrad;
  Row row{.op = "embedding_grad", .reference = naive<Op>(reference_grad)};
  row.samples = {
      sample("sequence", Op{7}, {values({2, 5, 3}), integers({2, 5}, 0, 7, 1)}),
      sample("one index", Op{7}, {values({3}), integers({}, 0, 7, 2)}),
      sample("no indices", Op{7}, {values({0, 3}), integers({0}, 0, 7)}),
      sample("padding", Op{4, 2}, {values({9, 3}), integers({9}, 0, 4, 3)}),
      sample("padding from the end", Op{4, -1}, {values({9, 3}), integers({9}, 0, 4, 4)}),
      sample("often the same", Op{3}, {values({100, 5}), integers({100}, 0, 2, 5)}),
      sample("threads", Op{400}, {values({30, 31, 65}), integers({30, 31}, 0, 400, 6)}),
  };
  row.samples[0].flops = 2 * 5 * 3;
  row.wrong = {
      wrong(Op{7}, {values({2, 3}), integers({3})}, "dy [2,3] must be indices [3] and a last"),
      wrong(Op{7}, {values({}), integers({})}, "dy [] must be indices [] and a last dimension"),
      wrong(Op{7}, {values({2, 3}), values({2})}, "indices must be i64, got [2] f64"),
      wrong(Op{-1}, {values({2, 3}), integers({2})}, "num_embeddings -1 is negative"),
      wrong(Op{7, 9}, {values({2, 3}), integers({2})}, "padding_idx 9 is none of the 7 rows"),
      wrong(Op{2}, {values({2, 3}), integers({2}, 2, 3)}, "index 2 at [0] is none of the 2 rows"),
      wrong(Op{2}, {values({2, 3}), Tensor()}, "operand 1 is undefined"),
  };
  return row;
}

}  // namespace

std::vector<Row> embedding_rows() { return {forward_row(), grad_row()}; }

}  // namespace glassbox::test
