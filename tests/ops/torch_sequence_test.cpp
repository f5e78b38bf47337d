// The ops of sequence models against PyTorch: layer norm, embedding, attention and the LSTM.
#include "engine/ops/attention.h"
#include "engine/ops/embedding.h"
#include "engine/ops/layer_norm.h"
#include "engine/ops/lstm.h"
#include "engine/ops/shape.h"
#include "tests/ops/torch_cases.h"

namespace glassbox::test {

TEST_CASE("torch: layer_norm") {
  const auto run = [](const Case& c) {
    Shape shape;
    for (const std::int64_t size : c.options.at("normalized_shape")) shape.push_back(size);
    check(c, [&](const Tensors& in) {
      const bool weight = c.value("weight", true), bias = c.value("bias", true);
      return layer_norm(in[0], shape, weight ? in[1] : Tensor(),
                        bias ? in[weight ? 2 : 1] : Tensor(), c.value("eps", 1e-5));
    });
  };
  CHECK(for_cases("layer_norm", run, "sequence_") == 9);
}

TEST_CASE("torch: embedding") {
  const auto run = [](const Case& c) {
    ops::Embedding op;
    if (c.options.contains("padding_idx")) op.padding_idx = c.value("padding_idx", std::int64_t(0));
    check(c, [&](const Tensors& in) { return embedding(in[0], in[1], op); });
  };
  CHECK(for_cases("embedding", run, "sequence_") == 8);
}

TEST_CASE("torch: scaled_dot_product_attention") {
  const auto run = [](const Case& c) {
    ops::ScaledDotProductAttention op{.is_causal = c.value("is_causal", false)};
    if (c.options.contains("scale")) op.scale = c.value("scale", 1.0);
    check(c, [&](const Tensors& in) {
      return scaled_dot_product_attention(in[0], in[1], in[2],
                                          c.value("mask", false) ? in[3] : Tensor(), op);
    });
  };
  CHECK(for_cases("attention", run, "sequence_") == 15);
}

TEST_CASE("torch: lstm") {
  const auto run = [](const Case& c) {
    check(c, [&](const Tensors& in) {
      const bool state = c.value("state", true), bias = c.value("bias", true);
      const std::size_t w = state ? 3 : 1;
      LstmWeights weights{in[w], in[w + 1]};
      if (bias) {
        weights.b_ih = in[w + 2];
        weights.b_hh = in[w + 3];
      }
      const LstmResult y = lstm(in[0], state ? in[1] : Tensor(), state ? in[2] : Tensor(), weights,
                                {.reverse = c.value("reverse", false)});
      return concat({flatten(y.output), flatten(y.h), flatten(y.c)});
    });
  };
  CHECK(for_cases("lstm", run, "sequence_") == 7);
}

}  // namespace glassbox::test
