// Embedding: rows of a table by their index.
#pragma once
#include <optional>

#include "engine/apply.h"

namespace glassbox {
namespace ops {

// y[..., :] = weight[indices[...], :]. Inputs: weight [V, D], indices i64 of any shape. The row
// padding_idx (negative counts from the end) is read as any other but gets no gradient. An index
// outside [0, V) is an error when the kernel runs.
struct Embedding {
  static constexpr std::string_view name = "embedding", kind = "Embedding";
  std::optional<std::int64_t> padding_idx = {};
  bool operator==(const Embedding&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().input(1); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

// dweight [num_embeddings, D]: each row the sum of dy's where its index stands, in their order.
// Inputs: dy, indices.
struct EmbeddingGrad {
  static constexpr std::string_view name = "embedding_grad", kind = "EmbeddingGrad";
  std::int64_t num_embeddings = 0;
  std::optional<std::int64_t> padding_idx = {};
  bool operator==(const EmbeddingGrad&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const {
    return streaming_cost(static_cast<double>(in[0].numel()), in, out);
  }
};

}  // namespace ops

void run(const ops::Embedding&, cpu::Context&, Ins, Outs);
void run(const ops::EmbeddingGrad&, cpu::Context&, Ins, Outs);
std::size_t scratch(const ops::EmbeddingGrad&, const cpu::Context&, Specs in, Specs out);

// weight [V, D], indices i64 [...] -> [..., D]
Tensor embedding(const Tensor& weight, const Tensor& indices, const ops::Embedding& op = {});

}  // namespace glassbox
