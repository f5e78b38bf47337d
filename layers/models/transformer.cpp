#include "layers/models/transformer.h"

#include <cmath>

#include "engine/ops/reduce.h"

namespace glassbox::models {

using namespace layers;

namespace {

// positions[p, 2 i] = sin(p / 10000^(2 i / d)), positions[p, 2 i + 1] = cos of the same.
Tensor sinusoids(std::int64_t length, std::int64_t d) {
  Tensor table = empty({length, d});
  if (table.device().is_meta()) return table;
  float* value = table.mutable_data<float>().data();
  for (std::int64_t p = 0; p < length; ++p) {
    for (std::int64_t j = 0; j < d; ++j) {
      const double exponent = static_cast<double>(j - j % 2) / static_cast<double>(d);
      const double angle = static_cast<double>(p) / std::pow(10000.0, exponent);
      *value++ = static_cast<float>(j % 2 ? std::cos(angle) : std::sin(angle));
    }
  }
  return table;
}

}  // namespace

TransformerClassifier::TransformerClassifier(const TransformerOptions& o)
    : embedding(o.vocabulary, o.d_model),
      dropout(o.dropout),
      encoder(o.d_model, o.heads,
              {.num_layers = o.layers,
               .layer = {.dim_feedforward = o.dim_feedforward,
                         .dropout = o.dropout,
                         .batch_first = true,
                         .norm_first = o.norm_first}}),
      classifier(o.d_model, o.classes),
      options(o) {
  if (o.length < 1) fail("TransformerClassifier", cat("length ", o.length, " must be at least 1"));
  if (o.learned_positions) {
    positions = empty({o.length, o.d_model});
    init::normal(positions, 0, 0.02);
  } else {
    fixed_positions = sinusoids(o.length, o.d_model);
  }
}

Tensor TransformerClassifier::forward(const Tensor& ids) {
  if (ids.dim() != 2 || ids.size(1) > options.length) {
    fail("TransformerClassifier",
         cat("needs [N, L] with L at most ", options.length, ", got ", ids.shape()));
  }
  const Tensor& table = options.learned_positions ? static_cast<const Tensor&>(positions)
                                                  : static_cast<const Tensor&>(fixed_positions);
  const Tensor at = ids.size(1) == options.length ? table : slice(table, {.stop = ids.size(1)});
  return classifier(mean(encoder(dropout(embedding(ids) + at)), {.dims = {1}}));
}

}  // namespace glassbox::models
