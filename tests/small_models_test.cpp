// The zoo's models that torchvision does not have, and their layers: ties, a tower that is called
// twice, gradients that arrive everywhere, what is refused. Names, counts, first values and outputs
// are in models_test.cpp and model_outputs_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/engine.h"
#include "layers/models/models.h"

namespace glassbox {
namespace {

bool same(const Tensor& a, const Tensor& b) {
  return a.to_vector<double>() == b.to_vector<double>();
}

void check_tied(models::Autoencoder& model) {
  CHECK(model.decoder1.weight.same_as(model.encoder1.weight));
  CHECK(model.decoder2.weight.same_as(model.encoder2.weight));
  CHECK(model.named_parameters().size() == 6);
  CHECK(model.state_dict().size() == 8);
}

TEST_CASE("autoencoder: a weight has two names, and is one parameter however the model is made") {
  models::Autoencoder model;
  check_tied(model);
  models::Autoencoder copy = clone(model);
  check_tied(copy);
  CHECK_FALSE(copy.encoder1.weight.same_as(model.encoder1.weight));
  copy.to(DType::f64);
  check_tied(copy);
  CHECK(copy.decoder1.weight.dtype() == DType::f64);
  models::Autoencoder loaded;
  loaded.load_state_dict(model.state_dict());
  check_tied(loaded);
  const Tensor x = uniform({3, 1, 28, 28}, 0, 1);
  CHECK(same(loaded(x), model(x)));
}

TEST_CASE("autoencoder: a tied weight's gradient is the sum of both its uses'") {
  models::Autoencoder model;
  model.to(DType::f64);
  const Tensor x = uniform({2, 1, 28, 28}, 0, 1).to(DType::f64);
  mse_loss(model(x), x).backward();
  const Tensor both = model.encoder2.weight.grad();
  // The same model with weights of their own on the way back.
  models::Autoencoder apart = clone(model);
  apart.decoder1.weight = apart.encoder1.weight.detach().clone();
  apart.decoder2.weight = apart.encoder2.weight.detach().clone();
  apart.zero_grad();
  mse_loss(apart(x), x).backward();
  const Tensor sum = apart.encoder2.weight.grad() + apart.decoder2.weight.grad();
  CHECK(max(abs(sum - both)).item<double>() < 1e-12);
  CHECK(max(abs(apart.decoder2.weight.grad())).item<double>() > 0);
}

TEST_CASE("siamese: one tower for both images") {
  models::Siamese model;
  CHECK(model.usual_inputs() == std::vector<Shape>{{1, 28, 28}, {1, 28, 28}});
  const Tensor a = uniform({2, 1, 28, 28}, 0, 1), b = uniform({2, 1, 28, 28}, 0, 1);
  CHECK(same(model(a, b), model(b, a)));
  CHECK_FALSE(same(model(a, b), model(a, a)));
  // Equal images differ in nothing: what is left is the bias.
  for (const double score : model(a, a).to_vector<double>()) {
    CHECK(score == model.score.bias.item<double>());
  }
}

TEST_CASE("models: a gradient arrives at every parameter of the new models") {
  manual_seed(3);
  for (const std::string name : {"unet", "mlp", "siamese", "autoencoder"}) {
    const auto model =
        std::find_if(models::zoo().begin(), models::zoo().end(), [&](const models::Entry& entry) {
          return entry.name == name;
        })->make();
    Tensors inputs;
    for (Shape shape : model->usual_inputs()) {
      if (name == "unet") shape = {3, 32, 16};
      shape.insert(0, 2);
      inputs.push_back(uniform(shape, 0, 1));
    }
    model->call(inputs).at(0).sum().backward();
    for (const auto& [path, tensor] : model->named_parameters()) {
      const std::string label = path;  // a binding cannot be captured in clang 14
      INFO(name, ": ", label);
      REQUIRE(tensor.grad().defined());
      const double largest = max(abs(tensor.grad())).item<double>();
      CHECK(largest > 0);
      CHECK(std::isfinite(largest));
    }
  }
}

TEST_CASE("unet: sizes that four halvings do not divide are refused") {
  const DeviceScope meta(Device::meta());
  models::UNet model;
  CHECK_THROWS_WITH_AS(model(empty({1, 3, 64, 72})),
                       doctest::Contains("multiples of 16, got [1,3,64,72]"), Error);
  models::UNet two({.in_channels = 1, .out_channels = 2, .init_features = 4});
  CHECK(two(empty({1, 1, 16, 32})).shape() == Shape{1, 2, 16, 32});
}

TEST_CASE("layers: sizes of ConvTranspose2d and GroupNorm") {
  using layers::ConvTranspose2d;
  using layers::GroupNorm;
  ConvTranspose2d up(4, 6, {3, 2}, {.stride = 2, .padding = 1, .output_padding = 1, .groups = 2});
  CHECK(up.weight.shape() == Shape{4, 3, 3, 2});
  CHECK(up(ones({1, 4, 5, 6})).shape() == Shape{1, 6, 10, 11});
  CHECK_FALSE(ConvTranspose2d(4, 6, 3, {.bias = false}).bias.defined());
  CHECK_THROWS_WITH_AS(ConvTranspose2d(4, 6, 3, {.groups = 4}),
                       doctest::Contains("ConvTranspose2d: groups 4 must divide 4 and 6"), Error);
  CHECK_THROWS_WITH_AS(ConvTranspose2d(0, 6, 3), doctest::Contains("got 0 -> 6 with kernel 3x3"),
                       Error);
  GroupNorm norm(2, 6);
  CHECK(norm(uniform({3, 6, 4}, 0, 1)).shape() == Shape{3, 6, 4});
  CHECK(GroupNorm(2, 6, {.affine = false}).parameters().empty());
  CHECK_THROWS_WITH_AS(GroupNorm(4, 6), doctest::Contains("GroupNorm: groups 4 must divide 6"),
                       Error);
  CHECK_THROWS_WITH_AS(GroupNorm(0, 6), doctest::Contains("at least 1 group"), Error);
}

}  // namespace
}  // namespace glassbox
