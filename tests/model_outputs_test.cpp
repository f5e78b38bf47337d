// Outputs of every model of the zoo in f64 against PyTorch's (tests/data/models/parity.json, made
// by make_outputs.py there, which says how parameters and inputs are made).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/autograd/tape.h"
#include "layers/models/models.h"

namespace glassbox {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t first_input = std::uint64_t(1) << 32;

// In [0, 1): splitmix64's finalizer.
double uniform_of(std::uint64_t k, std::uint64_t i) {
  std::uint64_t x = i + k * 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  x ^= x >> 31;
  return static_cast<double>(x >> 11) * 0x1p-53;
}

// Overwrites every element with scale * u + shift.
void fill(Tensor tensor, std::uint64_t k, double scale, double shift) {
  std::uint64_t i = 0;
  for (double& value : tensor.mutable_data<double>()) value = scale * uniform_of(k, i++) + shift;
}

void fill(layers::ModuleBase& model) {
  std::uint64_t k = 0;
  for (const auto& [name, tensor] : model.state_dict()) {
    const std::string kind = name.substr(name.rfind('.') + 1);
    if (name.ends_with("bn3.weight")) {
      fill(tensor, k, 0.5, 0);
    } else if (kind == "running_var" || (kind == "weight" && tensor.dim() == 1)) {
      fill(tensor, k, 1, 0.5);
    } else if (kind == "running_mean" || kind == "bias") {
      fill(tensor, k, 0.2, -0.1);
    } else if (kind == "weight") {
      const double fan = static_cast<double>(tensor.numel() / tensor.size(0));
      const double bound = std::sqrt(6 / fan);
      fill(tensor, k, 2 * bound, -bound);
    } else {
      REQUIRE(kind == "num_batches_tracked");
    }
    ++k;
  }
}

Shape shape_of(const Json& sizes) {
  Shape shape;
  for (const Json& size : sizes) shape.push_back(size.get<std::int64_t>());
  return shape;
}

const models::Entry& entry_of(const std::string& name) {
  for (const models::Entry& entry : models::zoo()) {
    if (entry.name == name) return entry;
  }
  fail("test", "the zoo has no " + name);
}

// The largest difference, relative to the largest element.
double error_of(const std::string& name, const Json& want) {
  const NoGrad no_grad;
  const auto model = entry_of(name).make();
  model->to(DType::f64);
  model->eval();
  fill(*model);
  Tensors inputs;
  for (const Json& sizes : want.at("inputs")) {
    inputs.push_back(empty(shape_of(sizes), DType::f64));
    fill(inputs.back(), first_input + inputs.size() - 1, 2, -1);
  }
  const Tensor y = model->call(inputs).at(0);
  REQUIRE(y.shape() == shape_of(want.at("shape")));
  const std::vector<double> got = y.to_vector<double>();
  const auto stride = want.at("stride").get<std::size_t>();
  double largest = 0, error = 0, sum = 0, squares = 0;
  std::size_t i = 0;
  for (const Json& entry : want.at("values")) {
    const double value = entry.get<double>();
    largest = std::max(largest, std::abs(value));
    const double difference = std::abs(got.at(i) - value);
    error = std::max(error, std::isnan(difference) ? INFINITY : difference);
    i += stride;
  }
  REQUIRE(i >= got.size());  // to the end
  for (const double value : got) {
    sum += value;
    squares += value * value;
  }
  const double norm = want.at("norm").get<double>();
  CHECK(std::abs(sum - want.at("sum").get<double>()) < 1e-9 * norm);
  CHECK(std::abs(std::sqrt(squares) - norm) < 1e-9 * norm);
  return error / largest;
}

// Of 20 million parameters and more: each takes seconds.
bool is_large(const std::string& name) {
  constexpr std::string_view large[] = {"vgg",       "alexnet",   "resnet34", "resnet50",
                                        "resnet101", "resnet152", "resnext",  "wide_"};
  return std::any_of(std::begin(large), std::end(large),
                     [&](std::string_view part) { return name.starts_with(part); });
}

void compare(bool large) {
  const Json file = Json::parse(std::ifstream(GLASSBOX_TEST_DATA "/models/parity.json"));
  CHECK(file.size() == 27);
  double worst = 0;
  int compared = 0;
  std::string worst_of;
  for (const auto& [key, want] : file.items()) {
    const std::string name = key;
    if (is_large(name) != large) continue;
    INFO(name);
    const double error = error_of(name, want);
    CHECK(error < 1e-11);
    if (error >= worst) worst_of = name;
    worst = std::max(worst, error);
    ++compared;
  }
  std::printf("models: outputs of %d %smodels differ from PyTorch's by at most %.1e (%s)\n",
              compared, large ? "large " : "", worst, worst_of.c_str());
}

TEST_CASE("models: outputs of the zoo are PyTorch's") { compare(false); }
TEST_CASE("models: outputs of the zoo's large models are PyTorch's" * doctest::test_suite("slow")) {
  compare(true);
}

}  // namespace
}  // namespace glassbox
