// The zoo against PyTorch: names, shapes and types of the state dicts, and the distributions of
// fresh parameters (tests/data/models, made by make_names.py there).
#include "layers/models/models.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

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

Shape with_batch(const Shape& sample) {
  Shape shape{2};
  for (const std::int64_t size : sample) shape.push_back(size);
  return shape;
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
  layers::ConvTranspose2d transposed{20, 30, {3, 5}, {.stride = 2}};
  layers::ConvTranspose2d transposed_grouped{24, 96, {2, 3}, {.groups = 4}};
  layers::ConvTranspose2d transposed_no_bias{60, 10, {1, 7}, {.bias = false}};
  layers::GroupNorm group_norm{3, 6};
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
    f("transposed", transposed);
    f("transposed_grouped", transposed_grouped);
    f("transposed_no_bias", transposed_no_bias);
    f("group_norm", group_norm);
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

// `value` is the constant, the uniform one's bound, or the normal one's deviation. Mean and
// deviation within 5 standard errors: no seed misses that more than once in a million.
void check_values(const Tensor& tensor, const std::string& distribution, double value) {
  const Moments m(cast(tensor, DType::f32).to_vector<float>());
  if (distribution == "constant") {
    CHECK(m.min == value);
    CHECK(m.max == value);
    return;
  }
  const bool uniform = distribution == "uniform";
  REQUIRE((uniform || distribution == "normal"));
  const double std = uniform ? value / std::sqrt(3) : value;
  CHECK(std::abs(m.mean) < 5 * std / std::sqrt(m.n));
  CHECK(std::abs(m.std - std) < 5 * std / std::sqrt(m.n));
  if (uniform) {
    CHECK(m.min >= -value * (1 + 1e-6));
    CHECK(m.max <= value * (1 + 1e-6));
  } else {  // a normal of this many values goes beyond what a uniform of its deviation reaches
    CHECK((m.n < 1000 || m.max > 2 * std));
  }
}

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
    check_values(it->second, distribution,
                 row.at(distribution == "constant"  ? "value"
                        : distribution == "uniform" ? "bound"
                                                    : "expected_std"));
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

TEST_CASE("models: the zoo has PyTorch's names, shapes and types") {
  const Json zoo = read("zoo.json");
  CHECK(zoo.size() == 24);
  const DeviceScope meta(Device::meta());
  for (const auto& [key, want] : zoo.items()) {
    const std::string name = key;
    INFO(name);
    const auto it = std::find_if(models::zoo().begin(), models::zoo().end(),
                                 [&](const models::Entry& entry) { return entry.name == name; });
    REQUIRE(it != models::zoo().end());
    std::vector<std::string> got;
    for (const auto& [path, tensor] : it->make()->state_dict()) {
      got.push_back(
          line(path, tensor.dtype() == DType::i64 ? "I64" : "F32", to_string(tensor.shape())));
    }
    CHECK(got == want.get<std::vector<std::string>>());
  }
}

Shape output_of(const std::string& model) {
  if (model == "unet") return {2, 1, 256, 256};
  if (model == "autoencoder") return {2, 1, 28, 28};
  if (model == "siamese") return {2, 1};
  if (model == "transformer") return {2, 4};
  if (model == "char_rnn") return {2, 100, 96};
  return {2, model == "mnist" || model == "cifar" || model == "mlp" ? 10 : 1000};
}

// As the papers, torchvision and torch.hub count them.
TEST_CASE("models: parameters of the zoo, and its outputs in both modes") {
  const std::vector<std::pair<std::string, std::int64_t>> counts{{"mnist", 21'840},
                                                                 {"cifar", 36'858},
                                                                 {"vgg11", 132'863'336},
                                                                 {"vgg11_bn", 132'868'840},
                                                                 {"vgg13", 133'047'848},
                                                                 {"vgg13_bn", 133'053'736},
                                                                 {"vgg16", 138'357'544},
                                                                 {"vgg16_bn", 138'365'992},
                                                                 {"vgg19", 143'667'240},
                                                                 {"vgg19_bn", 143'678'248},
                                                                 {"resnet18", 11'689'512},
                                                                 {"resnet34", 21'797'672},
                                                                 {"resnet50", 25'557'032},
                                                                 {"resnet101", 44'549'160},
                                                                 {"resnet152", 60'192'808},
                                                                 {"densenet121", 7'978'856},
                                                                 {"googlenet", 13'004'888},
                                                                 {"mobilenet_v2", 3'504'872},
                                                                 {"alexnet", 61'100'840},
                                                                 {"squeezenet1_1", 1'235'496},
                                                                 {"resnext50_32x4d", 25'028'904},
                                                                 {"wide_resnet50_2", 68'883'240},
                                                                 {"unet", 7'763'041},
                                                                 {"mlp", 535'818},
                                                                 {"siamese", 420'481},
                                                                 {"autoencoder", 105'520},
                                                                 {"transformer", 1'685'252},
                                                                 {"char_rnn", 958'560}};
  const DeviceScope meta(Device::meta());
  for (const models::Entry& entry : models::zoo()) {
    const std::string name = entry.name;
    const auto it = std::find_if(counts.begin(), counts.end(),
                                 [&](const auto& count) { return count.first == name; });
    if (it == counts.end()) {
      CHECK(name == "vgg11_bn@2019");
      continue;
    }
    INFO(name);
    const auto model = entry.make();
    CHECK(model->num_parameters() == it->second);
    for (const bool training : {true, false}) {
      model->train(training);
      const std::vector<DType> types = model->usual_dtypes();
      Tensors inputs;
      for (const Shape& sample : model->usual_inputs())
        inputs.push_back(empty(with_batch(sample), types.empty() ? DType::f32 : types.at(0)));
      const Tensors outputs = model->call(inputs);
      CHECK(outputs.at(0).shape() == output_of(name));
      CHECK(outputs.size() == (name == "googlenet" && training ? 3 : 1));
    }
  }
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

// The rules of zoo_init.json, one for each tensor or batch norm.
void compare_zoo_values(bool large) {
  manual_seed(0);
  std::size_t models = 0;
  const Json zoo = read("zoo_init.json");
  for (const auto& [key, rules] : zoo.items()) {
    const std::string name = key;
    const auto it = std::find_if(models::zoo().begin(), models::zoo().end(),
                                 [&](const models::Entry& entry) { return entry.name == name; });
    REQUIRE(it != models::zoo().end());
    constexpr std::string_view small[] = {"resnet18",     "densenet121",   "googlenet",
                                          "mobilenet_v2", "squeezenet1_1", "unet",
                                          "mlp",          "siamese",       "autoencoder"};
    if ((std::find(std::begin(small), std::end(small), name) == std::end(small)) != large) continue;
    ++models;
    const auto model = it->make();
    const layers::StateDict state = model->state_dict();
    std::size_t at = 0;
    const auto check = [&](const std::string& path, const std::string& rule, double value) {
      REQUIRE(at < state.size());
      INFO(name, ": ", path);
      CHECK(state[at].first == path);
      check_values(state[at].second, rule, value);
      ++at;
    };
    for (const Json& line : rules) {
      std::istringstream words(line.get<std::string>());
      std::string path, rule;
      double value = 0;
      words >> path >> rule >> value;
      if (rule != "batch_norm") {
        check(path, rule, value);
        continue;
      }
      for (const std::string kind :
           {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}) {
        check(path + "." + kind, "constant", kind == "weight" || kind == "running_var" ? 1 : 0);
      }
    }
    CHECK(at == state.size());
  }
  CHECK(models == (large ? 15 : 9));
}

TEST_CASE("models: fresh parameters of the zoo have PyTorch's distributions") {
  compare_zoo_values(false);
}

TEST_CASE("models: fresh parameters of the zoo's large models have torchvision's distributions" *
          doctest::test_suite("slow")) {
  compare_zoo_values(true);
}

TEST_CASE("models: fresh parameters of vgg11_bn have torchvision's distributions" *
          doctest::test_suite("slow")) {
  manual_seed(0);
  models::VGG vgg = models::vgg11_bn();
  compare_initial_values("vgg11_bn", vgg);
}

}  // namespace
}  // namespace glassbox
