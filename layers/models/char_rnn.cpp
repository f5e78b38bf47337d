#include "layers/models/char_rnn.h"

namespace glassbox::models {

CharRnn::CharRnn(const CharRnnOptions& o)
    : embedding(o.vocabulary, o.embedding_dim),
      lstm(o.embedding_dim, o.hidden_size,
           {.num_layers = o.layers, .batch_first = true, .dropout = o.dropout}),
      decoder(o.hidden_size, o.vocabulary),
      options(o) {
  if (!o.tie_weights) return;
  if (o.embedding_dim != o.hidden_size) {
    fail("CharRnn", cat("tied weights need embedding_dim ", o.embedding_dim,
                        " equal to hidden_size ", o.hidden_size));
  }
  decoder.weight = embedding.weight;
}

LstmResult CharRnn::forward(const Tensor& ids, const Tensor& h, const Tensor& c) {
  const LstmResult state = lstm(embedding(ids), h, c);
  return {decoder(state.output), state.h, state.c};
}

}  // namespace glassbox::models
