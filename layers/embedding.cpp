#include "layers/embedding.h"

#include "engine/ops/shape.h"
#include "layers/init.h"

namespace glassbox::layers {

Embedding::Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim,
                     const EmbeddingOptions& options)
    : op{options.padding_idx} {
  if (num_embeddings < 1 || embedding_dim < 1) {
    fail("Embedding",
         cat("needs at least 1 row of 1 number, got ", num_embeddings, " of ", embedding_dim));
  }
  Tensor table = empty({num_embeddings, embedding_dim});
  init::normal(table, 0, 1);
  if (op.padding_idx) {
    if (*op.padding_idx < -num_embeddings || *op.padding_idx >= num_embeddings) {
      fail("Embedding",
           cat("padding_idx ", *op.padding_idx, " is none of the ", num_embeddings, " rows"));
    }
    Tensor row = select(table, *op.padding_idx);
    init::constant(row, 0);
  }
  weight = table;
}

}  // namespace glassbox::layers
