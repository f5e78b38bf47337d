// Modules: listing, names, ties, state dicts, cloning, hooks, errors with paths.
#include <doctest/doctest.h>

#include <cmath>
#include <tuple>

#include "engine/autograd/tape.h"
#include "engine/ops/create.h"
#include "engine/ops/random.h"
#include "engine/optim/sgd.h"
#include "layers/layers.h"
#include "layers/models/models.h"

namespace glassbox {
namespace {

using namespace layers;

struct Block : Module<Block> {
  Conv2d conv{4, 4, 3, {.padding = 1}};
  BatchNorm2d norm{4};
  Tensor forward(const Tensor& x) { return x + relu(norm(conv(x))); }
  void fields(Fields& f) {
    f("conv", conv);
    f("norm", norm);
  }
};

struct Shared : Module<Shared> {
  std::shared_ptr<Linear> a = std::make_shared<Linear>(3, 3);
  std::shared_ptr<Linear> b = a;
  Linear tied{3, 3};
  Shared() { tied.weight = a->weight; }
  Tensor forward(const Tensor& x) { return tied((*b)((*a)(x))); }
  void fields(Fields& f) {
    f("a", a);
    f("b", b);
    f("tied", tied);
  }
};

std::vector<std::string> names_of(const std::vector<Named<Tensor>>& list) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : list) names.push_back(name);
  return names;
}

TEST_CASE("a module lists its parameters and buffers by path") {
  Sequential net{Conv2d{3, 4, 3}, named("block", Block{}), ReLU{}};
  CHECK(names_of(net.named_parameters()) ==
        std::vector<std::string>{"0.weight", "0.bias", "block.conv.weight", "block.conv.bias",
                                 "block.norm.weight", "block.norm.bias"});
  CHECK(names_of(net.named_buffers()) ==
        std::vector<std::string>{"block.norm.running_mean", "block.norm.running_var",
                                 "block.norm.num_batches_tracked"});
  CHECK(net.num_parameters() == 4 * 27 + 4 + 4 * 36 + 4 + 8);
  CHECK(net.get_submodule("block.conv").type_name() == "Conv2d");
  CHECK_THROWS_WITH_AS(net.get_submodule("block.cnv"),
                       "Sequential: no module \"block.cnv\": Block has conv, norm, not \"cnv\"",
                       Error);
  CHECK(net.size() == 3);
  CHECK(net.get<Conv2d>(0).weight.size(0) == 4);
  CHECK_THROWS_AS(net.get<Linear>(0), Error);
  CHECK_THROWS_AS(net[3], Error);
}

TEST_CASE("the article's models have the article's parameters") {
  models::CifarModel cifar;
  CHECK(cifar.num_parameters() == 36'858);
  models::Net net;
  CHECK(net.num_parameters() == 21'840);
  const DeviceScope meta(Device::meta());
  CHECK(models::vgg11_bn().num_parameters() == 132'868'840);
  CHECK(models::vgg11_bn_2019().num_parameters() == 132'868'840);
}

TEST_CASE("feature_map is the first convolution's output and can be indexed") {
  models::CifarModel model;
  model.eval();
  model(ones({2, 3, 32, 32}));
  CHECK(model.feature_map.shape() == Shape{2, 16, 32, 32});
  CHECK(model.feature_map[0][1].shape() == Shape{32, 32});
}

TEST_CASE("shared modules and tied tensors are counted once") {
  Shared net;
  CHECK(names_of(net.named_parameters()) ==
        std::vector<std::string>{"a.weight", "a.bias", "tied.bias"});
  CHECK(net.named_modules().size() == 3);
  CHECK(net.num_parameters() == 15);
  CHECK(net.state_dict().size() == 6);
}

TEST_CASE("a clone has memory of its own and the same ties") {
  Shared net;
  Shared copy = clone(net);
  CHECK(copy.a == copy.b);
  CHECK(copy.a != net.a);
  CHECK(copy.tied.weight.same_as(copy.a->weight));
  CHECK_FALSE(copy.a->weight.same_as(net.a->weight));
  CHECK(copy.a->weight.to_vector<float>() == net.a->weight.to_vector<float>());
  init::constant(copy.a->weight, 7);
  CHECK(net.a->weight.to_vector<float>()[0] != 7);
  CHECK_THROWS_WITH_AS(([&] { const Shared other(net); }()), doctest::Contains("clone(model)"),
                       Error);
}

TEST_CASE("a clone on the meta device takes no memory") {
  models::CifarModel model;
  const auto before = allocator(Device::cpu()).stats();
  const std::shared_ptr<ModuleBase> meta = model.clone_to(Device::meta());
  CHECK(meta->num_parameters() == 36'858);
  const Tensors out = meta->call({empty({5, 3, 32, 32}, DType::f32, Device::meta())});
  CHECK(out.at(0).shape() == Shape{5, 10});
  CHECK(allocator(Device::cpu()).stats().requests == before.requests);
}

TEST_CASE("models made under a meta scope take no memory and draw nothing") {
  manual_seed(3);
  const std::vector<float> first = rand({4}).to_vector<float>();
  manual_seed(3);
  const auto before = allocator(Device::cpu()).stats();
  {
    const DeviceScope meta(Device::meta());
    const models::VGG vgg = models::vgg11_bn();
  }
  CHECK(allocator(Device::cpu()).stats().requests == before.requests);
  CHECK(rand({4}).to_vector<float>() == first);
}

TEST_CASE("a state dict is loaded whole or not at all") {
  Sequential a{Linear{3, 2}}, b{Linear{3, 2}};
  b.load_state_dict(a.state_dict());
  CHECK(a.get<Linear>(0).weight.to_vector<float>() == b.get<Linear>(0).weight.to_vector<float>());

  StateDict wrong = {{"0.weight", zeros({2, 4})}, {"0.scale", zeros({1})}};
  const std::vector<float> before = b.get<Linear>(0).weight.to_vector<float>();
  CHECK_THROWS_WITH_AS(
      b.load_state_dict(wrong),
      "load_state_dict: the state does not fit Sequential: missing: 0.bias; unexpected: "
      "0.scale; wrong shape: 0.weight ([2,4] given, [2,3] expected)",
      Error);
  CHECK(b.get<Linear>(0).weight.to_vector<float>() == before);
  const LoadReport report = b.load_state_dict({{"0.bias", full({2}, 5.0, DType::f64)}}, false);
  CHECK(report.missing == std::vector<std::string>{"0.weight"});
  CHECK(b.get<Linear>(0).bias.to_vector<float>() == std::vector<float>{5, 5});
}

TEST_CASE("train and eval reach every module") {
  Sequential net{Dropout{0.5}, Block{}};
  CHECK(net.is_training());
  net.eval();
  for (const auto& [name, module] : net.named_modules()) CHECK_FALSE(module->is_training());
  net.train();
  CHECK(net[1].is_training());
}

TEST_CASE("to() changes the type under every handle") {
  Linear fc{2, 2};
  const Tensor handle = fc.weight;
  fc.to(DType::f64);
  CHECK(handle.dtype() == DType::f64);
  CHECK(handle.requires_grad());
  CHECK(fc(ones({1, 2}, DType::f64)).dtype() == DType::f64);
  CHECK_THROWS_AS(fc.to(DType::i64), Error);
}

TEST_CASE("forward may take several tensors and return a list, a tuple or a struct") {
  struct Two : Module<Two> {
    std::tuple<Tensor, Tensor> forward(const Tensor& a, const Tensor& b) { return {a + b, a - b}; }
  } two;
  struct Parts {
    Tensor sum, product;
  };
  struct Struct : Module<Struct> {
    Parts forward(const Tensor& a, const Tensor& b) { return {a + b, a * b}; }
  } parts;
  struct List : Module<List> {
    Tensors forward(const Tensors& in) { return {in[0], in[0]}; }
  } list;
  const Tensor a = full({1}, 3), b = full({1}, 2);
  CHECK(two.call({a, b}).at(1).item<double>() == 1);
  CHECK(parts.call({a, b}).at(1).item<double>() == 6);
  CHECK(parts(a, b).sum.item<double>() == 5);
  CHECK(list.call({a}).size() == 2);
  CHECK_THROWS_WITH_AS(two.call({a}), "Two: forward does not take 1 tensors", Error);
}

TEST_CASE("an error deep in a model names the module") {
  struct Net : Module<Net> {
    Sequential layers{named("first", Conv2d{3, 16, 3}),
                      named("second", Sequential{Conv2d{8, 4, 3}})};
    Tensor forward(const Tensor& x) { return layers(x); }
    void fields(Fields& f) { f("layers", layers); }
  } net;
  CHECK_THROWS_WITH_AS(net(ones({1, 3, 8, 8})), doctest::Contains("in Net.layers.second.0"), Error);
  CHECK_THROWS_WITH_AS(net(ones({1, 3, 8, 8})), doctest::Contains("16 channels"), Error);
  CHECK(scope_path().empty());
}

TEST_CASE("forward hooks see inputs and outputs until their handle goes") {
  Sequential net{Linear{2, 3}, ReLU{}};
  int calls = 0;
  {
    const HookHandle handle =
        net[0].on_forward([&](ModuleBase& module, const Tensors& in, const Tensors& out) {
          ++calls;
          CHECK(module.type_name() == "Linear");
          CHECK(in.at(0).shape() == Shape{1, 2});
          CHECK(out.at(0).shape() == Shape{1, 3});
        });
    net(ones({1, 2}));
  }
  net(ones({1, 2}));
  CHECK(calls == 1);
}

TEST_CASE("backward hooks see the gradient of the output") {
  Sequential net{Linear{2, 3}, ReLU{}};
  Tensor seen;
  const HookHandle handle = net.on_backward([&](ModuleBase&, int, const Tensor& dy) { seen = dy; });
  (net(ones({1, 2})) * 2.0).sum().backward();
  CHECK(seen.to_vector<float>() == std::vector<float>{2, 2, 2});
}

TEST_CASE("capture keeps the output of the next call") {
  models::CifarModel model;
  model.eval();
  const Capture captured = capture(model, "features.1");
  CHECK_THROWS_AS(captured.value(), Error);
  model(ones({1, 3, 32, 32}));
  const std::vector<float> first = captured.value().to_vector<float>();
  model(zeros({1, 3, 32, 32}));
  CHECK(captured.value().shape() == Shape{1, 16, 32, 32});
  CHECK(captured.value().to_vector<float>() == first);
  CHECK_THROWS_AS(capture(model, "features.77"), Error);
}

TEST_CASE("modules move, and hooks and state move with them") {
  models::CifarModel model;
  model.eval();
  const std::vector<float> weight = model.c2d.weight.to_vector<float>();
  models::CifarModel moved = std::move(model);
  CHECK(moved.c2d.weight.to_vector<float>() == weight);
  CHECK_FALSE(moved.is_training());
}

TEST_CASE("default initial values have PyTorch's distributions") {
  manual_seed(1);
  Conv2d conv{16, 32, 3};
  const double bound = 1 / std::sqrt(16.0 * 9);
  double largest = 0, sum = 0, squares = 0;
  const auto values = conv.weight.to_vector<double>();
  for (const double v : values) {
    largest = std::max(largest, std::fabs(v));
    sum += v;
    squares += v * v;
  }
  const auto n = static_cast<double>(values.size());
  CHECK(largest <= bound);
  CHECK(largest > 0.99 * bound);
  CHECK(std::fabs(sum / n) < 4 * bound / std::sqrt(3 * n));
  CHECK(std::sqrt(squares / n) == doctest::Approx(bound / std::sqrt(3.0)).epsilon(0.03));
  for (const double v : conv.bias.to_vector<double>()) CHECK(std::fabs(v) <= bound);
}

TEST_CASE("layers refuse sizes that make no sense") {
  CHECK_THROWS_AS(Conv2d(0, 4, 3), Error);
  CHECK_THROWS_AS(Conv2d(3, -4, 3), Error);
  CHECK_THROWS_AS(Conv2d(3, 4, 3, {.groups = 2}), Error);
  CHECK_THROWS_AS(Linear(0, 1), Error);
  CHECK_THROWS_AS(BatchNorm2d(0), Error);
  CHECK_THROWS_AS(BatchNorm2d(3)(ones({2, 3})), Error);
  CHECK_THROWS_AS(models::VGG({.depth = 12}), Error);
  CHECK_THROWS_AS((Sequential{std::shared_ptr<ReLU>()}), Error);
  CHECK_THROWS_AS((Sequential{named("a", ReLU{}), named("a", ReLU{})}), Error);
  CHECK_THROWS_AS((Sequential{named("a.b", ReLU{})}), Error);
}

TEST_CASE("an optimizer refuses what it cannot train") {
  Linear fc{2, 2};
  CHECK_THROWS_AS(optim::SGD({}, {}), Error);
  CHECK_THROWS_AS(optim::SGD({fc.weight, fc.weight}, {}), Error);
  CHECK_THROWS_AS(optim::SGD(fc.parameters(), {.lr = -1}), Error);
  CHECK_THROWS_AS(optim::SGD(fc.parameters(), {.lr = NAN}), Error);
  CHECK_THROWS_AS(optim::SGD(fc.parameters(), {.nesterov = true}), Error);
  CHECK_THROWS_AS(optim::SGD({fc(ones({1, 2}))}, {}), Error);
}

TEST_CASE("gradients made before an optimizer move into its arena") {
  Linear fc{2, 1};
  fc(ones({1, 2})).sum().backward();
  const std::vector<float> before = fc.weight.grad().to_vector<float>();
  optim::SGD sgd(fc.parameters(), {.lr = 1});
  CHECK(fc.weight.grad().to_vector<float>() == before);
  fc(ones({1, 2})).sum().backward();
  CHECK(fc.weight.grad().to_vector<float>() == std::vector<float>{2, 2});
  sgd.zero_grad();
  CHECK_FALSE(fc.weight.grad().defined());
}

}  // namespace
}  // namespace glassbox
