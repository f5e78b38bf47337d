// Layers and models of sequences against PyTorch in f64 (tests/data/sequence, made by
// make_sequence.py there): outputs and every gradient, in evaluation and in training. And the
// recorder, ties, and a model that learns a text by heart.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/autograd/tape.h"
#include "engine/io/safetensors.h"
#include "engine/ops/attention.h"
#include "engine/ops/index.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/optim/adam.h"
#include "layers/models/models.h"
#include "viz/record.h"

namespace glassbox {
namespace {

using layers::ModuleBase;
namespace nn = layers;

const std::string folder = GLASSBOX_TEST_DATA "/sequence/";

const io::Safetensors& file() {
  static const io::Safetensors loaded = io::load_safetensors(folder + "sequence.safetensors");
  return loaded;
}

// The values of the script's fill(i, shape).
Tensor fill(std::int64_t i, const Shape& shape) {
  Tensor t = empty(shape, DType::f64);
  std::int64_t j = 0;
  for (double& v : t.mutable_data<double>()) {
    v = (static_cast<double>((j++ * 7919 + (i + 1) * 104729) % 2003) / 2003 - 0.5) * 0.8;
  }
  return t;
}

void fill_state(ModuleBase& model, bool keep_buffers) {
  Tensors seen;
  for (const auto& [name, tensor] : model.state_dict()) {
    const Tensor& own = tensor;  // a binding cannot be captured in clang 14
    if (std::any_of(seen.begin(), seen.end(), [&](const Tensor& t) { return t.same_as(own); })) {
      continue;
    }
    if (!keep_buffers || tensor.requires_grad()) {
      const Tensor values = fill(std::ssize(seen), tensor.shape());
      Tensor target = tensor;
      const auto from = values.data<double>();
      std::copy(from.begin(), from.end(), target.mutable_data<double>().begin());
    }
    seen.push_back(tensor);
  }
}

// Relative to the largest of the values wanted.
double difference(const Tensor& got, const Tensor& want) {
  REQUIRE(got.defined());
  REQUIRE(got.shape() == want.shape());
  const std::vector<double> a = got.to_vector<double>(), b = want.to_vector<double>();
  double error = 0, scale = 1e-6;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error = std::max(error, std::isnan(a[i]) ? INFINITY : std::abs(a[i] - b[i]));
    scale = std::max(scale, std::abs(b[i]));
  }
  return error / scale;
}

double worst = 0;
void compare(const Tensor& got, const std::string& name) {
  CAPTURE(name);
  const double d = difference(got, file().at(name));
  CHECK(d < 1e-9);
  worst = std::max(worst, d);
}

// Runs f(inputs) in both modes and compares outputs and all gradients with the case's.
template <class F>
void check(const std::string& name, ModuleBase& model, const F& f, bool keep_buffers = false) {
  CAPTURE(name);
  model.to(DType::f64);
  fill_state(model, keep_buffers);
  for (const bool training : {true, false}) {
    CAPTURE(training);
    model.train(training);
    model.zero_grad();
    Tensors in;
    while (file().contains(cat(name, "/in", in.size()))) {
      in.push_back(file().at(cat(name, "/in", in.size())).clone());
      if (is_floating(in.back().dtype())) in.back().set_requires_grad();
    }
    REQUIRE_FALSE(in.empty());
    const Tensors out = f(in);
    REQUIRE_FALSE(file().contains(cat(name, "/out", out.size())));
    Tensor loss;
    for (std::size_t k = 0; k < out.size(); ++k) {
      compare(out[k], cat(name, "/out", k));
      const Tensor term = sum(out[k] * fill(100 + static_cast<std::int64_t>(k), out[k].shape()));
      loss = loss.defined() ? loss + term : term;
    }
    loss.backward();
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (in[i].requires_grad()) compare(in[i].grad(), cat(name, "/din", i));
    }
    std::size_t gradients = 0;
    for (const auto& [path, parameter] : model.named_parameters()) {
      compare(parameter.grad(), cat(name, "/grad/", path));
      ++gradients;
    }
    std::size_t want = 0;
    for (const auto& [key, tensor] : file().tensors) want += key.starts_with(name + "/grad/");
    CHECK(gradients == want);
  }
}

// The same for a module that is called with the inputs alone.
void check(const std::string& name, ModuleBase& model, bool keep_buffers = false) {
  check(
      name, model, [&](const Tensors& in) { return model.call(in); }, keep_buffers);
}

Tensor boolean(const Shape& shape, const std::function<bool(std::int64_t, std::int64_t)>& value) {
  Tensor t = empty(shape, DType::boolean);
  std::int64_t i = 0;
  for (bool& v : t.mutable_data<bool>()) {
    v = value(i / shape.back(), i % shape.back());
    ++i;
  }
  return t;
}
Tensor padding_mask() {
  return boolean({3, 5}, [](auto n, auto s) { return (n == 0 && s >= 3) || (n == 2 && s == 1); });
}
Tensor causal_mask() {
  return boolean({5, 5}, [](auto i, auto j) { return j > i; });
}

TEST_CASE("sequence: LayerNorm and Embedding agree with PyTorch") {
  nn::LayerNorm norm(Shape{3, 6});
  check("layer_norm", norm);
  nn::LayerNorm no_bias(6, {.eps = 0.1, .bias = false});
  check("layer_norm_no_bias", no_bias);
  nn::Embedding embedding(9, 5, {.padding_idx = 2});
  check("embedding", embedding);
}

TEST_CASE("sequence: MultiheadAttention agrees with PyTorch") {
  nn::MultiheadAttention plain(6, 2), batch_first(6, 2, {.batch_first = true});
  check("attention_self", plain);
  nn::MultiheadAttention no_bias(6, 2, {.bias = false, .batch_first = true});
  check("attention_self_batch_first", no_bias);
  check("attention_cross", batch_first);
  const auto masked = [&](const std::string& name, nn::MultiheadAttention& m,
                          const nn::AttentionMasks& masks) {
    check(name, m, [&](const Tensors& in) { return Tensors{m(in[0], masks)}; });
  };
  masked("attention_padding", batch_first, {.key_padding_mask = padding_mask()});
  masked("attention_causal", plain, {.attn_mask = causal_mask()});
  masked("attention_causal", plain, {.is_causal = true});
  masked("attention_mask_of_heads", plain, {.attn_mask = fill(7, {6, 5, 5})});
  masked("attention_both_masks", plain,
         {.attn_mask = causal_mask(), .key_padding_mask = padding_mask()});
  masked("attention_both_masks", plain, {.key_padding_mask = padding_mask(), .is_causal = true});
  // With dropout the probabilities are stored: of as good as none the numbers are the same.
  nn::MultiheadAttention composed(6, 2, {.dropout = 1e-300});
  masked("attention_both_masks", composed, {.key_padding_mask = padding_mask(), .is_causal = true});
  masked("attention_mask_of_heads", composed, {.attn_mask = fill(7, {6, 5, 5})});
}

TEST_CASE("sequence: TransformerEncoderLayer and TransformerEncoder agree with PyTorch") {
  nn::TransformerEncoderLayer layer(6, 2, {.dim_feedforward = 10, .dropout = 0});
  check("encoder_layer", layer);
  nn::TransformerEncoderLayer norm_first(6, 2,
                                         {.dim_feedforward = 10,
                                          .dropout = 0,
                                          .activation = nn::Activation::gelu,
                                          .layer_norm_eps = 1e-3,
                                          .batch_first = true,
                                          .norm_first = true});
  check("encoder_layer_norm_first", norm_first);
  nn::TransformerEncoderLayer no_bias(6, 2, {.dim_feedforward = 10, .dropout = 0, .bias = false});
  check("encoder_layer_no_bias", no_bias);
  nn::TransformerEncoder encoder(
      6, 2,
      {.num_layers = 2,
       .layer = {.dim_feedforward = 10, .dropout = 0, .batch_first = true},
       .norm = true});
  check("encoder", encoder, [&](const Tensors& in) {
    return Tensors{encoder(in[0], nn::AttentionMasks{.key_padding_mask = padding_mask()})};
  });
}

TEST_CASE("sequence: LSTM agrees with PyTorch") {
  nn::LSTM lstm(4, 3);
  check("lstm", lstm);
  nn::LSTM stacked(4, 3, {.num_layers = 3, .batch_first = true});
  check("lstm_stacked", stacked);
  nn::LSTM both(4, 3, {.num_layers = 2, .bias = false, .bidirectional = true});
  check("lstm_bidirectional", both);
}

TEST_CASE("sequence: the models agree with PyTorch") {
  models::TransformerOptions small{.vocabulary = 13,
                                   .classes = 3,
                                   .length = 7,
                                   .d_model = 6,
                                   .heads = 2,
                                   .layers = 2,
                                   .dim_feedforward = 10,
                                   .dropout = 0};
  models::TransformerClassifier transformer(small);
  check("transformer", transformer);
  check("transformer_short", transformer);
  small.learned_positions = false;
  small.norm_first = true;
  models::TransformerClassifier sinusoids(small);
  check("transformer_sinusoids", sinusoids, true);
  models::CharRnn rnn({.vocabulary = 11, .embedding_dim = 5, .hidden_size = 4});
  check("char_rnn", rnn);
  models::CharRnn tied(
      {.vocabulary = 11, .embedding_dim = 5, .hidden_size = 5, .layers = 1, .tie_weights = true});
  CHECK(tied.named_parameters().size() == 6);
  check("char_rnn_tied", tied);
  models::CharRnn copy = clone(tied);
  CHECK(copy.decoder.weight.same_as(copy.embedding.weight));
  MESSAGE("worst difference from PyTorch ", worst, " of a tensor's largest value");
}

TEST_CASE("sequence: the zoo's state dicts are PyTorch's") {
  const DeviceScope meta(Device::meta());
  const auto zoo = nlohmann::json::parse(std::ifstream(folder + "zoo.json"));
  CHECK(zoo.size() == 2);
  for (const auto& [key, want] : zoo.items()) {
    const std::string name = key;
    CAPTURE(name);
    const auto it = std::find_if(models::zoo().begin(), models::zoo().end(),
                                 [&](const models::Entry& entry) { return entry.name == name; });
    REQUIRE(it != models::zoo().end());
    std::vector<std::string> got;
    for (const auto& [path, tensor] : it->make()->state_dict()) {
      CHECK(tensor.dtype() == DType::f32);
      got.push_back(path + " F32 " + to_string(tensor.shape()));
    }
    CHECK(got == want.get<std::vector<std::string>>());
  }
}

// The rules that the script checks of PyTorch.
void check_uniform(const Tensor& t, double bound) {
  double mean_square = 0, largest = 0;
  for (const double v : t.to_vector<double>()) {
    mean_square += v * v / static_cast<double>(t.numel());
    largest = std::max(largest, std::abs(v));
  }
  CHECK(largest <= bound * (1 + 1e-6));
  CHECK(std::abs(std::sqrt(mean_square) - bound / std::sqrt(3.0)) <
        5 * bound / std::sqrt(3.0 * static_cast<double>(t.numel())));
}
void check_constant(const Tensor& t, double value) {
  for (const double v : t.to_vector<double>()) CHECK(v == value);
}

TEST_CASE("sequence: fresh parameters have PyTorch's distributions") {
  manual_seed(0);
  const nn::MultiheadAttention attention(48, 4);
  check_uniform(attention.in_proj_weight, std::sqrt(6.0 / (4 * 48)));
  check_uniform(attention.out_proj.weight, 1 / std::sqrt(48.0));
  check_constant(attention.in_proj_bias, 0);
  check_constant(attention.out_proj.bias, 0);
  nn::LSTM lstm(40, 25, {.num_layers = 2});
  CHECK(lstm.named_parameters().size() == 8);
  for (const auto& [name, parameter] : lstm.named_parameters()) check_uniform(parameter, 0.2);
  const nn::Embedding embedding(100, 50, {.padding_idx = -97});
  check_constant(Tensor(embedding.weight)[3], 0);
  const double std = var(embedding.weight).item<double>();
  CHECK(std > 0.9);
  CHECK(std < 1.1);
  CHECK(max(embedding.weight).item<double>() > 3);
  const nn::LayerNorm norm(7);
  check_constant(norm.weight, 1);
  check_constant(norm.bias, 0);
}

TEST_CASE("sequence: layers refuse what does not fit") {
  const auto message = [](const auto& f) -> std::string {
    try {
      f();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const auto says = [](const std::string& text, const std::string& part) {
    CHECK_MESSAGE(text.find(part) != std::string::npos, text);
  };
  says(message([] { nn::MultiheadAttention(6, 4); }),
       "embed_dim 6 must be a multiple of num_heads 4");
  says(message([] { nn::MultiheadAttention(6, 2, {.dropout = 1}); }),
       "dropout 1 must be in [0, 1)");
  says(message([] { nn::LSTM(0, 3); }), "LSTM: needs at least 1 feature");
  says(message([] { nn::Embedding(3, 2, {.padding_idx = 3}); }), "padding_idx 3 is none of the 3");
  says(message([] { nn::LayerNorm(Shape{}); }), "LayerNorm: needs at least 1 feature, got []");
  says(message([] { nn::TransformerEncoder(6, 2, {.num_layers = 0}); }), "at least 1 layer, got 0");
  says(message([] { models::CharRnn({.tie_weights = true}); }),
       "embedding_dim 128 equal to hidden_size 256");
  nn::MultiheadAttention attention(6, 2);
  const Tensor x = fill(0, {5, 3, 6}).to(DType::f32);
  says(message([&] { attention(x.reshape({15, 6})); }), "needs [L, N, 6], got [15,6]");
  says(message([&] { attention(x, nn::AttentionMasks{.key_padding_mask = causal_mask()}); }),
       "key_padding_mask must be [3,5], got [5,5]");
  says(message([&] { attention(x, x, x[0]); }), "one batch and 6 features");
  nn::LSTM lstm(6, 3);
  says(message([&] { lstm(x, x, x); }), "h0 and c0 must be [1, N, H], got [5,3,6]");
  models::TransformerClassifier transformer({.vocabulary = 9, .length = 4, .d_model = 8});
  says(message([&] { transformer(empty({2, 5}, DType::i64)); }), "L at most 4, got [2,5]");
}

// Dropout on the probabilities: in training they are stored, else never.
TEST_CASE("sequence: attention's graph in training and in evaluation") {
#ifdef GLASSBOX_NO_RECORDER
  return;
#endif
  const DeviceScope meta(Device::meta());
  for (const bool training : {true, false}) {
    models::TransformerClassifier model;
    model.train(training);
    int attentions = 0, dropouts = 0;
    const Graph graph = viz::record_forward(model, model.usual_inputs());
    CHECK(graph.values.at(static_cast<std::size_t>(graph.nodes.at(0).inputs.at(1))).spec.dtype ==
          DType::i64);
    for (const auto& node : graph.nodes) {
      attentions += node.op.kind() == "Attention";
      dropouts += node.op.kind() == "Dropout";
    }
    CHECK(attentions == (training ? 0 : 2));
    CHECK(dropouts == (training ? 1 + 2 * 4 : 0));
  }
}

TEST_CASE("sequence: attention takes no memory for its probabilities, forward and backward") {
  const Shape shape{2, 700, 4};
  Tensor q = randn(shape), k = randn(shape), v = randn(shape);
  for (Tensor* x : {&q, &k, &v}) x->set_requires_grad();
  Allocator& memory = allocator(Device::cpu());
  const std::size_t before = memory.stats().allocated;
  memory.reset_peak();
  sum(scaled_dot_product_attention(q, k, v, {}, {.is_causal = true})).backward();
  const std::size_t probabilities = 2 * 700 * 700 * sizeof(float);
  CHECK(memory.stats().peak - before < probabilities / 4);
  CHECK(q.grad().defined());
}

TEST_CASE("sequence: masks are made on the model's device") {
  nn::MultiheadAttention attention(6, 2, {.dropout = 0.5});
  attention.to(Device::meta());
  const Tensor x = empty({5, 3, 6}, DType::f32, Device::meta());
  const nn::AttentionMasks masks{.key_padding_mask = empty({3, 5}, DType::boolean, Device::meta()),
                                 .is_causal = true};
  for (const bool training : {true, false}) {
    attention.train(training);
    CHECK(attention(x, masks).device() == Device::meta());
  }
}

TEST_CASE("sequence: a CharRnn learns a text by heart, and tells it from one character on") {
  const std::string text = "the quick brown fox jumps over the lazy dog; how vexingly it jumps!";
  const auto length = std::ssize(text);
  Tensor ids = empty({1, length - 1}, DType::i64), next = empty({length - 1}, DType::i64);
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    ids.mutable_data<std::int64_t>()[i] = text[i] - ' ';
    next.mutable_data<std::int64_t>()[i] = text[i + 1] - ' ';
  }
  manual_seed(3);
  models::CharRnn model({.embedding_dim = 16, .hidden_size = 32, .layers = 1});
  optim::Adam adam(model.parameters(), {.lr = 0.01});
  double first = 0, last = 0;
  for (int step = 0; step < 300; ++step) {
    adam.zero_grad();
    const Tensor loss = cross_entropy(model(ids).reshape({length - 1, 96}), next);
    loss.backward();
    adam.step();
    last = loss.item<double>();
    if (step == 0) first = last;
  }
  CHECK(first > 4);
  CHECK(last < 0.1);
  model.eval();
  std::string told = text.substr(0, 1);
  LstmResult state;
  while (told.size() < text.size()) {
    const Tensor one = from<std::int64_t>({told.back() - ' '}, {1, 1});
    state = model(one, state.h, state.c);
    told += static_cast<char>(' ' + argmax(state.output).item<std::int64_t>());
  }
  CHECK(told == text);
}

}  // namespace
}  // namespace glassbox
