// The Transformer's encoder (Vaswani et al. 2017; norm_first after Xiong et al. 2020) with
// torch.nn's parameters and defaults.
#pragma once
#include "layers/attention.h"
#include "layers/container.h"
#include "layers/dropout.h"
#include "layers/layer_norm.h"
#include "layers/linear.h"

namespace glassbox::layers {

enum class Activation { relu, gelu };

struct TransformerEncoderLayerOptions {
  std::int64_t dim_feedforward = 2048;
  double dropout = 0.1;
  Activation activation = Activation::relu;
  double layer_norm_eps = 1e-5;
  bool batch_first = false;  // [N, L, E] instead of [L, N, E]
  bool norm_first = false;
  bool bias = true;
};

// x = norm1(x + attention(x)); y = norm2(x + linear2(activation(linear1(x)))), or with norm_first
// x = x + attention(norm1(x)); y = x + linear2(activation(linear1(norm2(x)))).
struct TransformerEncoderLayer : Module<TransformerEncoderLayer> {
  MultiheadAttention self_attn;
  Linear linear1;
  Dropout dropout;
  Linear linear2;
  LayerNorm norm1, norm2;
  Dropout dropout1, dropout2;
  Activation activation;
  bool norm_first;

  // Throws Error when nhead does not divide d_model or a size is below 1.
  TransformerEncoderLayer(std::int64_t d_model, int nhead,
                          const TransformerEncoderLayerOptions& options = {});
  // x [L, N, E] -> the same shape
  Tensor forward(const Tensor& x, const AttentionMasks& masks = {});
  void fields(Fields& f) {
    f("self_attn", self_attn);
    f("linear1", linear1);
    f("dropout", dropout);
    f("linear2", linear2);
    f("norm1", norm1);
    f("norm2", norm2);
    f("dropout1", dropout1);
    f("dropout2", dropout2);
  }

 private:
  Tensor attention(const Tensor& x, const AttentionMasks& masks);
  Tensor feed_forward(const Tensor& x);
};

struct TransformerEncoderOptions {
  int num_layers = 1;
  TransformerEncoderLayerOptions layer = {};
  bool norm = false;  // a LayerNorm at the end
};

// Layers one after the other. Each has initial values of its own; PyTorch's are copies of one.
struct TransformerEncoder : Module<TransformerEncoder> {
  ModuleList list;
  std::shared_ptr<LayerNorm> norm;

  // Throws Error when there is no layer, or what a layer throws.
  TransformerEncoder(std::int64_t d_model, int nhead,
                     const TransformerEncoderOptions& options = {});
  // x [L, N, E] -> the same shape; the masks are every layer's.
  Tensor forward(const Tensor& x, const AttentionMasks& masks = {});
  void fields(Fields& f) {
    f("layers", list);
    f("norm", norm);
  }
};

}  // namespace glassbox::layers
