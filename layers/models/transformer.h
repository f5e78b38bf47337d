// A text classifier: token embedding plus positions, a Transformer encoder (Vaswani et al. 2017),
// the mean over the tokens and one linear layer.
#pragma once
#include "layers/layers.h"

namespace glassbox::models {

struct TransformerOptions {
  std::int64_t vocabulary = 10'000, classes = 4;
  std::int64_t length = 64;  // the longest text, in tokens
  std::int64_t d_model = 128;
  int heads = 4, layers = 2;
  std::int64_t dim_feedforward = 512;
  double dropout = 0.1;
  bool norm_first = false;
  // Learned, N(0, 0.02), else the sines and cosines of the paper, which are a buffer.
  bool learned_positions = true;
};

struct TransformerClassifier : layers::Module<TransformerClassifier> {
  layers::Embedding embedding;
  Parameter positions;     // [length, d_model]
  Buffer fixed_positions;  // the same, listed under the same name
  layers::Dropout dropout;
  layers::TransformerEncoder encoder;
  layers::Linear classifier;
  TransformerOptions options;

  explicit TransformerClassifier(const TransformerOptions& options = {});
  // ids i64 [N, L], L at most `length` -> logits [N, classes]
  Tensor forward(const Tensor& ids);
  void fields(layers::Fields& f) {
    f("positions", positions);
    f("positions", fixed_positions);
    f("embedding", embedding);
    f("dropout", dropout);
    f("encoder", encoder);
    f("classifier", classifier);
  }
  Shape input_shape() const { return {options.length}; }
  static std::vector<DType> input_dtypes() { return {DType::i64}; }
};

}  // namespace glassbox::models
