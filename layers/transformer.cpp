#include "layers/transformer.h"

#include "engine/ops/pointwise.h"

namespace glassbox::layers {

TransformerEncoderLayer::TransformerEncoderLayer(std::int64_t d_model, int nhead,
                                                 const TransformerEncoderLayerOptions& o)
    : self_attn(d_model, nhead,
                {.dropout = o.dropout, .bias = o.bias, .batch_first = o.batch_first}),
      linear1(d_model, o.dim_feedforward, {.bias = o.bias}),
      dropout(o.dropout),
      linear2(o.dim_feedforward, d_model, {.bias = o.bias}),
      norm1(d_model, {.eps = o.layer_norm_eps, .bias = o.bias}),
      norm2(d_model, {.eps = o.layer_norm_eps, .bias = o.bias}),
      dropout1(o.dropout),
      dropout2(o.dropout),
      activation(o.activation),
      norm_first(o.norm_first) {}

Tensor TransformerEncoderLayer::attention(const Tensor& x, const AttentionMasks& masks) {
  return dropout1(self_attn(x, masks));
}

Tensor TransformerEncoderLayer::feed_forward(const Tensor& x) {
  const Tensor inner = linear1(x);
  return dropout2(linear2(dropout(activation == Activation::gelu ? gelu(inner) : relu(inner))));
}

Tensor TransformerEncoderLayer::forward(const Tensor& in, const AttentionMasks& masks) {
  if (norm_first) {
    const Tensor x = in + attention(norm1(in), masks);
    return x + feed_forward(norm2(x));
  }
  const Tensor x = norm1(in + attention(in, masks));
  return norm2(x + feed_forward(x));
}

TransformerEncoder::TransformerEncoder(std::int64_t d_model, int nhead,
                                       const TransformerEncoderOptions& options) {
  if (options.num_layers < 1) {
    fail("TransformerEncoder", cat("needs at least 1 layer, got ", options.num_layers));
  }
  for (int i = 0; i < options.num_layers; ++i) {
    list.push_back(TransformerEncoderLayer(d_model, nhead, options.layer));
  }
  if (options.norm) {
    norm =
        std::make_shared<LayerNorm>(d_model, LayerNormOptions{.eps = options.layer.layer_norm_eps});
  }
}

Tensor TransformerEncoder::forward(const Tensor& in, const AttentionMasks& masks) {
  Tensor x = in;
  for (std::size_t i = 0; i < list.size(); ++i) {
    x = dynamic_cast<TransformerEncoderLayer&>(list[i])(x, masks);
  }
  return norm ? (*norm)(x) : x;
}

}  // namespace glassbox::layers
