#include "layers/attention.h"

#include <cmath>
#include <limits>

#include "engine/ops/create.h"
#include "engine/ops/matmul.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/random.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "layers/init.h"

namespace glassbox::layers {

namespace {

constexpr std::string_view name = "MultiheadAttention";

// -infinity where the condition holds, else 0.
Tensor excluded(const Tensor& condition, DType dtype) {
  return where(condition, full({}, -std::numeric_limits<double>::infinity(), dtype),
               full({}, 0, dtype));
}

// The masks as something to add to scores of this type; undefined if there is none.
Tensor added_mask(const Tensor& attn, const Tensor& padding, DType dtype) {
  const auto added = [dtype](const Tensor& m) {
    return !m.defined() || m.dtype() != DType::boolean ? m : excluded(m, dtype);
  };
  const Tensor a = added(attn), b = added(padding);
  return a.defined() && b.defined() ? a + b : a.defined() ? a : b;
}

Tensor causal_mask(std::int64_t rows, std::int64_t columns, DType dtype) {
  return excluded(lt(reshape(arange(rows), {-1, 1}), arange(columns)), dtype);
}

}  // namespace

MultiheadAttention::MultiheadAttention(std::int64_t dim, int heads,
                                       const MultiheadAttentionOptions& o)
    : out_proj(dim, dim, {.bias = o.bias}), embed_dim(dim), num_heads(heads), options(o) {
  if (heads < 1 || dim % heads != 0) {
    fail(name, cat("embed_dim ", dim, " must be a multiple of num_heads ", heads));
  }
  if (!(o.dropout >= 0 && o.dropout < 1)) {
    fail(name, cat("dropout ", o.dropout, " must be in [0, 1)"));
  }
  in_proj_weight = empty({3 * dim, dim});
  init::xavier_uniform(in_proj_weight);
  if (!o.bias) return;
  in_proj_bias = empty({3 * dim});
  init::constant(in_proj_bias, 0);
  init::constant(out_proj.bias, 0);
}

// [L, N, parts E] -> [parts, N, heads, L, E / heads]
Tensor MultiheadAttention::heads(const Tensor& x) const {
  const std::int64_t parts = x.size(2) / embed_dim;
  const Tensor split =
      reshape(x, Shape{x.size(0), x.size(1), parts, num_heads, embed_dim / num_heads});
  return permute(split,
                 options.batch_first ? std::vector{2, 0, 3, 1, 4} : std::vector{2, 1, 3, 0, 4});
}

Tensor MultiheadAttention::attend(const Tensor& q, const Tensor& k, const Tensor& v,
                                  const AttentionMasks& masks) {
  const std::int64_t n = q.size(0), l = q.size(2), s = k.size(2);
  const DeviceScope device(q.device());  // of the constants that masks are made of
  Tensor attn = masks.attn_mask, padding = masks.key_padding_mask;
  if (attn.defined() && attn.dim() == 3) {
    if (attn.size(0) != n * num_heads) {
      fail(name, cat("attn_mask must be [", n * num_heads, ",", l, ",", s, "] or [", l, ",", s,
                     "], got ", attn.shape()));
    }
    attn = reshape(attn, Shape{n, num_heads, l, s});
  }
  if (padding.defined()) {
    if (padding.shape() != Shape{n, s}) {
      fail(name, cat("key_padding_mask must be [", n, ",", s, "], got ", padding.shape()));
    }
    padding = reshape(padding, Shape{n, 1, 1, s});
  }
  Tensor y;
  if (is_training() && options.dropout > 0) {
    Tensor scores = matmul(q, k, {.transpose_b = true}) *
                    (1 / std::sqrt(static_cast<double>(embed_dim / num_heads)));
    const Tensor mask = added_mask(attn, padding, q.dtype());
    if (mask.defined()) scores = scores + mask;
    if (masks.is_causal) scores = scores + causal_mask(l, s, q.dtype());
    y = matmul(dropout(softmax(scores, -1), {.p = options.dropout}), v);
  } else {
    y = scaled_dot_product_attention(q, k, v, added_mask(attn, padding, q.dtype()),
                                     {.is_causal = masks.is_causal});
  }
  const Tensor joined =
      permute(y, options.batch_first ? std::vector{0, 2, 1, 3} : std::vector{2, 0, 1, 3});
  return out_proj(reshape(joined, Shape{joined.size(0), joined.size(1), embed_dim}));
}

Tensor MultiheadAttention::forward(const Tensor& x, const AttentionMasks& masks) {
  if (x.dim() != 3 || x.size(2) != embed_dim) {
    fail(name, cat("needs ", options.batch_first ? "[N, L, " : "[L, N, ", embed_dim, "], got ",
                   x.shape()));
  }
  const Tensor qkv = heads(linear(x, in_proj_weight, in_proj_bias));
  return attend(select(qkv, 0), select(qkv, 1), select(qkv, 2), masks);
}

Tensor MultiheadAttention::forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                   const AttentionMasks& masks) {
  if (query.same_as(key) && key.same_as(value)) return forward(query, masks);
  const int batch = options.batch_first ? 0 : 1;
  for (const Tensor* x : {&query, &key, &value}) {
    if (x->dim() != 3 || x->size(2) != embed_dim || x->size(batch) != query.size(batch)) {
      fail(name, cat("query, key and value need one batch and ", embed_dim, " features (query ",
                     query.shape(), ", key ", key.shape(), ", value ", value.shape(), ")"));
    }
  }
  const auto project = [&](const Tensor& x, std::int64_t part) {
    const ops::Slice rows{.start = part * embed_dim, .stop = (part + 1) * embed_dim};
    return select(heads(linear(x, slice(in_proj_weight, rows),
                               in_proj_bias.defined() ? slice(in_proj_bias, rows) : Tensor())),
                  0);
  };
  return attend(project(query, 0), project(key, 1), project(value, 2), masks);
}

}  // namespace glassbox::layers
