// The zoo against PyTorch: names, shapes and types of the state dicts, and the distributions of
// fresh parameters (tests/data/models, made by make_names.py there).
#include "layers/models/models.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/ops/random.h"

namespace glassbox {
namespace {

using Json = nlohmann::json;

Json read(const std::string& file) {
  return Json::parse(std::ifstream(GLASSBOX_TEST_DATA "/models/" + file));
}

std::string line(const std::string& name, const std::string& type, const std::string& shape) {
  return name + " " + type + " " + shape;
}

void compare_names(layers::ModuleBase& model, const std::string& file) {
  std::vector<std::string> got, want;
  for (const auto& [name, tensor] : model.state_dict()) {
    const bool whole = tensor.dtype() == DType::i64;
    CHECK((whole || tensor.dtype() == DType::f32));
    got.push_back(line(name, whole ? "I64" : "F32", to_string(tensor.shape())));
  }
  for (const Json& entry : read(file)) {
    Shape shape;
    for (const Json& size : entry.at("shape")) shape.push_back(size.get<std::int64_t>());
    want.push_back(line(entry.at("name"), entry.at("dtype"), to_string(shape)));
  }
  CHECK(want.size() > 7);
  CHECK(got == want);
}

// The single layers of make_names.py: in, out, groups and kernel differ, so that no wrong fan
// passes for the right one.
struct Layers : layers::Module<Layers> {
  layers::Conv2d strided{12, 40, {3, 5}, {.stride = 2, .padding = 1}};
  layers::Conv2d grouped{24, 48, 3, {.groups = 4}};
  layers::Conv2d depthwise{96, 192, {5, 3}, {.groups = 96}};
  layers::Conv2d no_bias{10, 60, {1, 7}, {.bias = false}};
  layers::Conv2d pointwise{100, 50, 1};
  layers::Linear wide{30, 600}, narrow{700, 20}, linear_no_bias{50, 80, {.bias = false}};
  layers::BatchNorm1d norm1d{7};
  layers::BatchNorm2d norm2d{5};
  Tensor forward(const Tensor& x) { return x; }
  void fields(layers::Fields& f) {
    f("strided", strided);
    f("grouped", grouped);
    f("depthwise", depthwise);
    f("no_bias", no_bias);
    f("pointwise", pointwise);
    f("wide", wide);
    f("narrow", narrow);
    f("linear_no_bias", linear_no_bias);
    f("norm1d", norm1d);
    f("norm2d", norm2d);
  }
};

struct Moments {
  double mean = 0, std = 0, min = INFINITY, max = -INFINITY, n = 0;
  explicit Moments(const std::vector<float>& values) : n(static_cast<double>(values.size())) {
    for (const float v : values) {
      mean += v / n;
      min = std::min<double>(min, v);
      max = std::max<double>(max, v);
    }
    for (const float v : values) std += (v - mean) * (v - mean) / n;
    std = std::sqrt(std);
  }
};

// Mean and deviation within 5 standard errors: no seed misses that more than once in a million.
void compare_initial_values(const std::string& label, layers::ModuleBase& model) {
  std::size_t compared = 0;
  const layers::StateDict state = model.state_dict();
  const Json file = read("init.json");
  for (const Json& row : file.at("layers")) {
    if (row.at("model").get<std::string>() != label) continue;
    const std::string name = row.at("name"), distribution = row.at("distribution");
    INFO(label, ": ", name);
    const auto it = std::find_if(state.begin(), state.end(),
                                 [&](const auto& entry) { return entry.first == name; });
    REQUIRE(it != state.end());
    REQUIRE(it->second.numel() == row.at("count").get<std::int64_t>());
    ++compared;
    const Moments m(cast(it->second, DType::f32).to_vector<float>());
    if (distribution == "constant") {
      CHECK(m.min == row.at("value").get<double>());
      CHECK(m.max == m.min);
      continue;
    }
    const double std = row.at("expected_std");
    CHECK(std::abs(m.mean) < 5 * std / std::sqrt(m.n));
    CHECK(std::abs(m.std - std) < 5 * std / std::sqrt(m.n));
    if (distribution == "uniform") {
      const double bound = row.at("bound");
      CHECK(m.min >= -bound * (1 + 1e-6));
      CHECK(m.max <= bound * (1 + 1e-6));
    } else {  // a normal of this many values goes beyond what a uniform of its deviation reaches
      CHECK((m.n < 1000 || m.max > 2 * std));
    }
  }
  CHECK(compared == state.size());
}

TEST_CASE("models: names, shapes and types are PyTorch's") {
  const DeviceScope meta(Device::meta());
  models::Net net;
  compare_names(net, "net.json");
  models::CifarModel cifar;
  compare_names(cifar, "cifar_model.json");
  models::VGG vgg = models::vgg11_bn();
  compare_names(vgg, "vgg11_bn.json");
}

TEST_CASE("models: fresh parameters have PyTorch's distributions") {
  manual_seed(0);
  Layers single;
  compare_initial_values("layers", single);
  models::Net net;
  compare_initial_values("net", net);
  models::CifarModel cifar;
  compare_initial_values("cifar_model", cifar);
}

TEST_CASE("models: fresh parameters of vgg11_bn have torchvision's distributions" *
          doctest::test_suite("slow")) {
  manual_seed(0);
  models::VGG vgg = models::vgg11_bn();
  compare_initial_values("vgg11_bn", vgg);
}

}  // namespace
}  // namespace glassbox
