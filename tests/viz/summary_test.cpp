// The torchsummary style against what torchsummary 1.5.1 printed, the tree, and what a summary must
// not do.
#include "viz/summary.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/core/allocator.h"
#include "engine/graph/recorder.h"
#include "engine/ops/matmul.h"
#include "engine/ops/random.h"
#include "layers/models/models.h"
#include "tests/viz/golden.h"
#include "tests/viz/nets.h"
#include "tests/viz/sample_models.h"

using namespace glassbox;
using test::read_data;
using viz::Style;

namespace {

std::string torchsummary(layers::ModuleBase& model, const std::vector<Shape>& inputs = {},
                         std::int64_t batch = -1) {
  return viz::summary(model, inputs, {.style = Style::torchsummary, .batch = batch}).to_string();
}

}  // namespace

TEST_CASE("torchsummary: the article's tables") {
  models::Net net;
  CHECK(torchsummary(net, {{1, 28, 28}}) == read_data("golden/mnist_net.torchsummary.txt"));
  models::CifarModel cifar;
  CHECK(torchsummary(cifar, {{3, 32, 32}}) == read_data("golden/cifar_model.torchsummary.txt"));
  const DeviceScope meta(Device::meta());
  models::VGG vgg = models::vgg11_bn_2019();
  CHECK(torchsummary(vgg, {{3, 224, 224}}) == read_data("golden/vgg11_bn.torchsummary.txt"));
}

TEST_CASE("torchsummary: vgg11_bn as it is today") {
  const DeviceScope meta(Device::meta());
  models::VGG vgg = models::vgg11_bn();
  const std::string text = torchsummary(vgg);
  CHECK(text.find("AdaptiveAvgPool2d-30            [-1, 512, 7, 7]               0\n") !=
        text.npos);
  CHECK(text.find("Forward/backward pass size (MB): 182.03\n") != text.npos);
  CHECK(text.find("Estimated Total Size (MB): 689.46\n") != text.npos);
}

TEST_CASE("torchsummary: generated nets") {
  const nlohmann::json nets = nlohmann::json::parse(read_data("summary/nets.json"));
  CHECK(nets.size() >= 20);
  for (const nlohmann::json& net : nets) {
    CAPTURE(net["name"].get<std::string>());
    std::vector<Shape> inputs;
    for (const std::vector<std::int64_t> sizes : net["inputs"]) {
      inputs.emplace_back(std::span<const std::int64_t>(sizes));
    }
    const auto model = test::build_net(net["net"]);
    CHECK(torchsummary(*model, inputs) == net["text"].get<std::string>());
  }
}

TEST_CASE("torchsummary: a given batch stands in the shapes and multiplies the input") {
  models::Net net;
  const std::string text = torchsummary(net, {{1, 28, 28}}, 1000);
  CHECK(text.find("[1000, 10, 24, 24]") != text.npos);
  CHECK(text.find("Input size (MB): 2.99\n") != text.npos);
  CHECK(text.find("Forward/backward pass size (MB): 63.93\n") != text.npos);
}

TEST_CASE("summary: trees") {
  models::Net net;
  test::check_golden("mnist_net.tree.txt", net.summary({1, 28, 28}).to_string());
  models::CifarModel cifar;
  test::check_golden("cifar_model.tree.txt", cifar.summary().to_string());
  test::Siamese siamese;
  const std::vector<Shape> inputs{{3, 32, 32}, {3, 32, 32}};
  test::check_golden("siamese.tree.txt", viz::summary(siamese, inputs).to_string());
  test::check_golden("siamese_listing.tree.txt", siamese.summary().to_string());
}

namespace {

// A head that is listed under two names and called by both parents, at two sizes; a layer that is
// used without being called; one that nothing lists; a list of which one part is called; a frozen
// part.
struct Inner : layers::Module<Inner> {
  std::shared_ptr<layers::Sequential> head;
  layers::ReLU act;
  Tensor forward(const Tensor& x) { return act((*head)(x)); }
  void fields(layers::Fields& f) {
    f("head", head);
    f("act", act);
  }
};

struct Odd : layers::Module<Odd> {
  std::shared_ptr<layers::Sequential> head = std::make_shared<layers::Sequential>(
      layers::Conv2d{2, 2, 3}, layers::named("norm", layers::BatchNorm2d{2}));
  Inner inner;
  layers::Linear table{4, 3};
  layers::ModuleList list{layers::Linear{3, 3}, layers::Linear{3, 7, {.bias = false}},
                          layers::Sequential{layers::ReLU{}, layers::Linear{1, 1}}};
  std::shared_ptr<layers::Linear> hidden = std::make_shared<layers::Linear>(3, 3);
  Odd() {
    inner.head = head;
    list[0].requires_grad(false);
  }
  Tensor forward(const Tensor& x) {
    const Tensor y = inner((*head)(x));
    const Tensor z = linear(y.reshape({x.size(0), -1}), table.weight);
    return (*hidden)(list[0].call({z})[0]);
  }
  void fields(layers::Fields& f) {
    f("head", head);
    f("inner", inner);
    f("table", table);
    f("list", list);
  }
};

}  // namespace

TEST_CASE("summary: modules that are shared, unlisted, not called") {
  DeviceScope meta(Device::meta());  // where the unlisted one has to be
  Odd model;
  test::check_golden("odd.tree.txt", viz::summary(model, {{2, 6, 5}}).to_string());
  test::check_golden("odd_listing.tree.txt", viz::summary(model).to_string());
  viz::Summary summary = viz::summary(model, {{2, 6, 5}}, {.batch = 32, .color = true});
  std::string text = summary.to_string();
  CHECK(text.find("\033[2m├─ \033[0mhead ") != text.npos);
  for (std::size_t at; (at = text.find("\033[")) != text.npos;) text.erase(at, 4);
  summary.options.color = false;
  CHECK(text == summary.to_string());
  CHECK(text.find("[32, 3]") != text.npos);
  CHECK(text.find(" for a batch of 32\n") != text.npos);
}

TEST_CASE("summary: counts and shapes of the result") {
  test::Siamese model;
  const viz::Summary summary = viz::summary(model, {{3, 32, 32}, {3, 32, 32}});
  CHECK(summary.model == "Siamese");
  CHECK(summary.totals.parameters == model.num_parameters());
  CHECK(summary.rows[0].total == model.num_parameters());
  CHECK(summary.totals.frozen == 32);
  CHECK(summary.totals.unread == 16);
  std::int64_t own = 0;
  for (const auto& row : summary.rows) own += row.parameters;
  CHECK(own == model.num_parameters());
  CHECK(viz::to_string(summary.rows[0].outputs[0], -1) == "[N, 2]");
  CHECK(viz::to_string(summary.rows[0].outputs[1], 7) == "[7, 16]");
  // Of both towers: 3x3 over 3 and twice over 8 channels to 8, on 32x32; then 8x16 twice, 16x2.
  const double macs = 2 * 1024 * 72.0 * (3 + 8 + 8) + 2 * 8 * 16 + 16 * 2;
  CHECK(summary.totals.macs.per_sample == macs);
  CHECK(summary.totals.macs.fixed == 0);
}

namespace {

// Sizes that follow the batch in other ways than dimension 0 alone.
struct Batches : layers::Module<Batches> {
  Tensors forward(const Tensor& x) {
    const Tensor flat = x.reshape({-1});
    const Tensor twin = concat({x, x});
    const Tensor more = concat({x, ones({3, x.size(1)})});
    const Tensor half = slice(x, {.dim = 0, .start = 0, .stop = x.size(0) / 2});
    return {flat, twin, more, half, x.permute({1, 0}), ones({2, 2})};
  }
};

}  // namespace

TEST_CASE("summary: the batch is found wherever it is") {
  Batches model;
  const viz::Summary summary = viz::summary(model, {{5}});
  std::string shapes;
  for (const auto& output : summary.rows[0].outputs) shapes += viz::to_string(output, -1);
  CHECK(shapes == "[5N][2N, 5][N+3, 5][N/2, 5][5, N][2, 2]");
  shapes.clear();
  for (const auto& output : summary.rows[0].outputs) shapes += viz::to_string(output, 10);
  CHECK(shapes == "[50][20, 5][13, 5][5, 5][5, 10][2, 2]");
}

TEST_CASE("summary: a model without parameters, and one that is a single layer") {
  layers::ReLU relu;
  const std::string text = viz::summary(relu, {{4}}).to_string();
  CHECK(text.find("Parameters   0\n") != text.npos);
  layers::Linear linear{4, 2};
  CHECK(viz::summary(linear, {{4}}).rows.size() == 1);
  CHECK(torchsummary(linear, {{4}}).find("Total params: 0\n") != std::string::npos);
}

TEST_CASE("summary: the model is left as it was and no data is allocated") {
  models::CifarModel model;
  model.features.eval();
  manual_seed(7);
  int hooked = 0;
  const auto hook = model.on_forward([&hooked](auto&&...) { ++hooked; });

  const auto state_of = [&model] {
    std::vector<std::vector<double>> values;
    std::vector<std::uint64_t> versions;
    for (const auto& [name, tensor] : model.state_dict()) {
      values.push_back(tensor.to_vector<double>());
      versions.push_back(tensor.storage()->version());
    }
    std::vector<bool> modes;
    for (const auto& [path, module] : model.named_modules()) modes.push_back(module->is_training());
    return std::tuple(values, versions, modes,
                      default_generator().state().to_vector<std::int64_t>());
  };
  const auto before = state_of();
  const MemoryStats memory = allocator(Device::cpu()).stats();
  GraphRecorder outer;
  std::string text;
  {
    const RecordScope scope(outer);
    text = model.summary().to_string() + torchsummary(model);
  }
  const MemoryStats after = allocator(Device::cpu()).stats();
  CHECK(after.requests == memory.requests);
  CHECK(after.allocated == memory.allocated);
  CHECK(state_of() == before);
  CHECK(hooked == 0);
  CHECK_FALSE(model.feature_map.defined());
  CHECK(outer.graph().nodes.empty());
  CHECK(outer.graph().calls.empty());
  CHECK(text == model.summary().to_string() + torchsummary(model));
}

TEST_CASE("summary: a model on the meta device is summarised without memory") {
  const MemoryStats memory = allocator(Device::cpu()).stats();
  const std::size_t meta = allocator(Device::meta()).stats().allocated;
  {
    const DeviceScope scope(Device::meta());
    models::VGG vgg = models::vgg11_bn();
    const viz::Summary summary = vgg.summary();
    CHECK(summary.totals.parameters == 132'868'840);
    CHECK(summary.totals.macs.per_sample == 7'609'090'048);
  }
  CHECK(allocator(Device::cpu()).stats().requests == memory.requests);
  CHECK(allocator(Device::meta()).stats().allocated == meta);
}

TEST_CASE("summary: what is wrong is said with the place") {
  models::Net net;
  const viz::Summary failed = net.summary({3, 28, 28});
  REQUIRE(failed.failure);
  CHECK(failed.failure->message.starts_with("conv2d: input has 3 channels"));
  CHECK(failed.failure->message.ends_with("in Net.conv1"));
  CHECK_THROWS_WITH_AS(viz::summary(net, {{1, 28, 28}}, {.batch = 0}),
                       "Net: batch 0 must be at least 1, or -1 for any", Error);
  CHECK_THROWS_WITH_AS(viz::summary(net, {{1, 28, 28}, {1, 28, 28}}),
                       doctest::Contains("forward does not take 2 tensors"), Error);
  test::Siamese siamese;
  CHECK_THROWS_WITH_AS(torchsummary(siamese), doctest::Contains("needs the shape of an input"),
                       Error);
}
