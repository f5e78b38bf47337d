#include "engine/ops/embedding.h"

namespace glassbox {
namespace ops {

namespace {

Attr padding_attr(std::optional<std::int64_t> padding_idx) {
  return {"padding_idx", padding_idx ? std::to_string(*padding_idx) : "none", !padding_idx};
}

void check_indices(std::string_view op, const Spec& indices) {
  if (indices.dtype != DType::i64) {
    fail(op, cat("indices must be i64, got ", to_string(indices)));
  }
}

void check_padding(std::string_view op, std::optional<std::int64_t> padding_idx,
                   std::int64_t rows) {
  if (!padding_idx || (*padding_idx >= -rows && *padding_idx < rows)) return;
  fail(op, cat("padding_idx ", *padding_idx, " is none of the ", rows, " rows of weight"));
}

}  // namespace

Attrs Embedding::attrs(Specs in) const {
  return {{"num_embeddings", in[0].shape[0]},
          {"embedding_dim", in[0].shape[1]},
          padding_attr(padding_idx)};
}

SpecList Embedding::infer(Specs in, bool) const {
  check_defined(name, in);
  check_rank(name, "weight", in[0], 2);
  check_floating(name, in.first(1));
  check_indices(name, in[1]);
  check_padding(name, padding_idx, in[0].shape[0]);
  Spec out = in[0];
  out.shape = in[1].shape;
  out.shape.push_back(in[0].shape[1]);
  return {out};
}

Cost Embedding::cost(Specs in, Specs out) const {
  const auto rows = static_cast<std::int64_t>(out[0].bytes());  // of the table only these are read
  return {0, rows + static_cast<std::int64_t>(in[1].bytes()), rows};
}

void Embedding::backward(const Saved& saved, Ins dy, Grads& grads) const {
  grads.set(0,
            apply(EmbeddingGrad{saved.in_spec(0).shape[0], padding_idx}, dy[0], saved.input(1))[0]);
}

Attrs EmbeddingGrad::attrs(Specs) const {
  return {{"num_embeddings", num_embeddings, num_embeddings == 0}, padding_attr(padding_idx)};
}

SpecList EmbeddingGrad::infer(Specs in, bool) const {
  const Spec &dy = in[0], &indices = in[1];
  check_defined(name, in);
  check_floating(name, in.first(1));
  check_indices(name, indices);
  Shape want = indices.shape;
  want.push_back(dy.shape.empty() ? 1 : dy.shape.back());
  if (dy.shape != want) {
    fail(name, cat("dy ", dy.shape, " must be indices ", indices.shape, " and a last dimension"));
  }
  if (num_embeddings < 0) fail(name, cat("num_embeddings ", num_embeddings, " is negative"));
  check_padding(name, padding_idx, num_embeddings);
  Spec out = dy;
  out.shape = {num_embeddings, dy.shape.back()};
  return {out};
}

}  // namespace ops

Tensor embedding(const Tensor& weight, const Tensor& indices, const ops::Embedding& op) {
  return apply(op, weight, indices)[0];
}

}  // namespace glassbox
