// What is left of torchvision's models under HiddenLayer's transforms, against the same by
// HiddenLayer's own rules (tests/data/graph/make_hiddenlayer.py).
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "layers/models/models.h"
#include "tests/viz/golden.h"
#include "viz/build_graph.h"

using namespace glassbox;
using nlohmann::json;
using viz::Diagram;
using viz::Fold;

namespace {

std::vector<viz::Transform> article() {
  return {Fold("Conv > BatchNorm > Relu", "ConvBnRelu"), Fold("Conv > BatchNorm", "ConvBn"),
          Fold(R"(
        ((ConvBnRelu > ConvBnRelu > ConvBn) | ConvBn) > Add > Relu
        )",
               "BottleneckBlock", "Bottleneck Block"),
          Fold("ConvBnRelu > ConvBnRelu > ConvBn > Add > Relu", "ResBlock", "Residual Block"),
          viz::FoldDuplicates()};
}

std::vector<viz::Transform> by_op() {
  std::vector<viz::Transform> transforms = viz::default_transforms();
  transforms.back() = viz::FoldDuplicates::by_op();
  return transforms;
}

// Poolings and reshapes, for which exporters have other ops, under one name.
std::string common_op(const std::string& op) {
  if (op == "AdaptiveAvgPool" || op == "AveragePool" || op == "GlobalAveragePool" ||
      op == "ReduceMean") {
    return "pool by mean";
  }
  if (op == "AdaptiveMaxPool" || op == "ReduceMax") return "pool by max";
  return op;
}

std::string hidden_title(const Diagram::Node& node) {
  if (!node.name.empty()) return node.name;
  if (node.repeat > 1) return hidden_title(node.parts.front());
  std::string text;
  for (const Diagram::Node& part : node.parts)
    text += (text.empty() ? "" : " > ") + hidden_title(part);
  if (!text.empty()) return text;
  text = node.op;
  for (const Attr& attr : node.attrs) {
    const auto* sizes = std::get_if<std::vector<std::int64_t>>(&attr.value);
    if (attr.name == "kernel_size" && sizes) text += cat((*sizes)[0], "x", (*sizes)[1]);
  }
  return text;
}

void check_lists(const std::vector<std::string>& names, const std::vector<viz::Transform>& ours,
                 std::string_view which) {
  const DeviceScope meta(Device::meta());
  const json lists = json::parse(test::read_data("graph/hiddenlayer.json"));
  for (const std::string& name : names) {
    CAPTURE(name);
    REQUIRE(lists.at(name).at("transforms") == which);
    const auto entry = std::ranges::find(models::zoo(), name, &models::Entry::name);
    REQUIRE(entry != models::zoo().end());
    const auto model = entry->make();
    model->eval();
    std::vector<std::string> expected, got;
    for (const json& row : lists.at(name).at("nodes")) {
      const std::string op = common_op(row[0]);
      const bool is_pool = op.starts_with("pool");
      expected.push_back(
          cat(op, " | ", is_pool ? op : row[1].get<std::string>(), " x", row[2].get<int>()));
    }
    const Diagram diagram = viz::build_graph(*model, {}, ours);
    for (const Diagram::Node& node : diagram.nodes) {
      if (node.kind != Diagram::Node::Kind::op) continue;
      const std::string op = common_op(node.op);
      got.push_back(
          cat(op, " | ", op.starts_with("pool") ? op : hidden_title(node), " x", node.repeat));
    }
    CHECK(got.size() == expected.size());
    for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
      CAPTURE(i);
      CHECK(got[i] == expected[i]);
    }
  }
}

}  // namespace

TEST_CASE("hiddenlayer: ResNets under the article's transforms") {
  check_lists({"resnet50", "resnet101", "resnet152"}, article(), "article");
}

TEST_CASE("hiddenlayer: the default list") {
  check_lists({"cifar", "vgg16", "vgg11_bn"}, viz::default_transforms(), "default");
}

TEST_CASE("hiddenlayer: repetitions by op alone") {
  check_lists({"alexnet", "mobilenet_v2", "squeezenet1_1"}, by_op(), "default");
  check_lists({"vgg16"}, by_op(), "default");
}
