// Multi-head attention (Vaswani et al. 2017) with torch.nn.MultiheadAttention's parameters: the
// projections of query, key and value in one in_proj_weight [3E, E], Xavier-uniform, and
// in_proj_bias [3E], zeros; out_proj is a Linear with its bias at zero.
#pragma once
#include "engine/ops/attention.h"
#include "layers/linear.h"
#include "layers/module.h"

namespace glassbox::layers {

struct MultiheadAttentionOptions {
  double dropout = 0;  // of the probabilities, in training
  bool bias = true;
  bool batch_first = false;  // [N, L, E] instead of [L, N, E]
};

// What a query may not attend to, by torch.nn's convention: in a boolean mask true is left out (the
// op's is the other way round), a floating-point one is added to the scores.
struct AttentionMasks {
  Tensor attn_mask = {};         // [L, S] or [N heads, L, S]
  Tensor key_padding_mask = {};  // [N, S]
  bool is_causal = false;        // row i attends to columns 0 .. i
};

struct MultiheadAttention : Module<MultiheadAttention> {
  Parameter in_proj_weight, in_proj_bias;
  Linear out_proj;
  std::int64_t embed_dim;
  int num_heads;
  MultiheadAttentionOptions options;

  // Throws Error when num_heads does not divide embed_dim or dropout is not in [0, 1).
  MultiheadAttention(std::int64_t embed_dim, int num_heads,
                     const MultiheadAttentionOptions& options = {});
  // Self attention: x [L, N, E] -> the same shape. The probabilities are not returned: without
  // dropout they are never stored. A query that attends to nothing gives out_proj of 0; with
  // dropout, in training, NaN.
  Tensor forward(const Tensor& x, const AttentionMasks& masks = {});
  // query [L, N, E], key and value [S, N, E] -> [L, N, E]
  Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value,
                 const AttentionMasks& masks = {});
  void fields(Fields& f) {
    f("in_proj_weight", in_proj_weight);
    f("in_proj_bias", in_proj_bias);
    f("out_proj", out_proj);
  }

 private:
  Tensor heads(const Tensor& x) const;
  Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionMasks& masks);
};

}  // namespace glassbox::layers
