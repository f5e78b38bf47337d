// Embedding: a table of vectors looked up by index. Weight [num_embeddings, embedding_dim] is
// N(0, 1) with zeros in the row padding_idx, as in PyTorch.
#pragma once
#include <optional>

#include "engine/ops/embedding.h"
#include "layers/module.h"

namespace glassbox::layers {

struct EmbeddingOptions {
  std::optional<std::int64_t> padding_idx = {};  // a row without a gradient; negative from the end
};

struct Embedding : Module<Embedding> {
  Parameter weight;
  ops::Embedding op;

  // Throws Error when a size is below 1 or padding_idx is no row.
  Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim,
            const EmbeddingOptions& options = {});
  // indices i64 [...] -> [..., embedding_dim]
  Tensor forward(const Tensor& indices) { return embedding(weight, indices, op); }
  void fields(Fields& f) { f("weight", weight); }
};

}  // namespace glassbox::layers
