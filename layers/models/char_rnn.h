// A language model of characters (Graves 2013, arXiv:1308.0850): an embedding, an LSTM, and the
// logits of the next character at each step.
#pragma once
#include "layers/layers.h"

namespace glassbox::models {

struct CharRnnOptions {
  std::int64_t vocabulary = 96;  // printable ASCII and the line feed
  std::int64_t embedding_dim = 128, hidden_size = 256;
  int layers = 2;
  double dropout = 0;  // between the LSTM's layers
  // decoder.weight is embedding.weight (Press & Wolf 2017): both sizes must then be equal.
  bool tie_weights = false;
  std::int64_t length = 100;  // of the usual input
};

struct CharRnn : layers::Module<CharRnn> {
  layers::Embedding embedding;
  layers::LSTM lstm;
  layers::Linear decoder;
  CharRnnOptions options;

  // Throws Error when weights are tied that differ in size.
  explicit CharRnn(const CharRnnOptions& options = {});
  // ids i64 [N, T] -> logits [N, T, vocabulary]
  Tensor forward(const Tensor& ids) { return forward(ids, {}, {}).output; }
  // The same from a state h, c [layers, N, hidden_size], with the state at the end: for text that
  // comes piece by piece.
  LstmResult forward(const Tensor& ids, const Tensor& h, const Tensor& c);
  void fields(layers::Fields& f) {
    f("embedding", embedding);
    f("lstm", lstm);
    f("decoder", decoder);
  }
  Shape input_shape() const { return {options.length}; }
  static std::vector<DType> input_dtypes() { return {DType::i64}; }
};

}  // namespace glassbox::models
