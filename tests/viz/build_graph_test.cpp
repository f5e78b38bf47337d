#include "viz/build_graph.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/core/error.h"
#include "layers/models/models.h"
#include "tests/viz/diagrams.h"
#include "tests/viz/sample_models.h"

using namespace glassbox;
using test::ops_of;
using viz::build_graph;
using viz::BuildOptions;
using viz::Diagram;
using Pass = BuildOptions::Pass;

namespace {

struct Broken : layers::Module<Broken> {
  layers::Sequential body{layers::Conv2d{3, 8, 3}, layers::ReLU{}, layers::Conv2d{16, 8, 3},
                          layers::ReLU{}};
  Tensor forward(const Tensor& x) { return body(x); }
  void fields(layers::Fields& f) { f("body", body); }
};

struct Throws : layers::Module<Throws> {
  layers::Linear fc{4, 4};
  Tensor forward(const Tensor& x) {
    const Tensor y = fc(x);
    if (y.shape().rank() == 2) throw Error("no more");
    return y;
  }
  void fields(layers::Fields& f) { f("fc", fc); }
};

// An input that is returned, one that is not read, a value that is read twice, and a tensor from
// outside, which has to be on the meta device already.
struct Edges : layers::Module<Edges> {
  Tensor offset = ones({4});
  std::tuple<Tensor, Tensor> forward(const Tensor& x, const Tensor&) { return {x, x * x + offset}; }
};

const Diagram::Node& node(const Diagram& diagram, std::string_view id) {
  const int n = diagram.find(id);
  REQUIRE_MESSAGE(n >= 0, id);
  return diagram.nodes[static_cast<std::size_t>(n)];
}

std::vector<std::string> names_of(const Diagram& diagram, const std::vector<int>& nodes) {
  std::vector<std::string> ids;
  for (const int n : nodes) ids.push_back(diagram.nodes[static_cast<std::size_t>(n)].id);
  return ids;
}

}  // namespace

TEST_CASE("build_graph: the forward pass, one node for each op") {
  models::CifarModel model;
  const Diagram diagram = build_graph(model, {}, {});
  CHECK(diagram.model == "CifarModel");
  CHECK(ops_of(diagram) ==
        "input Conv BatchNorm Relu Conv BatchNorm Relu MaxPool Conv BatchNorm Relu Conv BatchNorm "
        "Relu "
        "MaxPool Conv BatchNorm Relu Conv BatchNorm Relu AdaptiveMaxPool Reshape Linear Relu "
        "Linear output");
  CHECK(diagram.nodes.front().id == "@input");
  CHECK(diagram.nodes.front().kind == Diagram::Node::Kind::input);
  CHECK(diagram.nodes.back().id == "@output");
  CHECK(diagram.edges.size() == diagram.nodes.size() - 1);
  CHECK(test::in_order(diagram));

  const Diagram::Node& conv = node(diagram, "features.2/conv2d");
  CHECK(viz::title_of(conv) == "Conv 3×3, 16 → 16");
  CHECK(conv.module == "features.2");
  CHECK(conv.call == 1);
  CHECK(conv.parameters == 16 * 16 * 9 + 16);
  CHECK(conv.costs.macs.per_sample == 16.0 * 16 * 9 * 32 * 32);
  CHECK(viz::to_string(conv.outputs.at(0), -1) == "[N, 16, 32, 32]");
  CHECK(conv.outputs.size() == 1);
  CHECK_FALSE(conv.shared);
  std::int64_t parameters = 0;
  for (const Diagram::Node& n : diagram.nodes) parameters += n.parameters;
  CHECK(parameters == model.num_parameters());

  std::vector<std::string> paths;
  for (const Diagram::Cluster& cluster : diagram.clusters) paths.push_back(cluster.path);
  CHECK(paths == std::vector<std::string>{"features", "classifier"});
  CHECK(conv.cluster == 0);
  CHECK(node(diagram, "reshape").cluster == -1);

  CHECK(names_of(diagram, diagram.successors(diagram.find("c2d/conv2d"))) ==
        std::vector<std::string>{"features.0/batch_norm"});
  CHECK(names_of(diagram, diagram.predecessors(diagram.find("c2d/conv2d"))) ==
        std::vector<std::string>{"@input"});
  CHECK(diagram.find("nothing") == -1);
}

TEST_CASE("build_graph: HiddenLayer's transforms are the default") {
  models::CifarModel model;
  CHECK(ops_of(build_graph(model)) ==
        "input ConvBnRelu×2 MaxPool ConvBnRelu×2 MaxPool ConvBnRelu×2 AdaptiveMaxPool Reshape "
        "LinearRelu Linear output");
}

TEST_CASE("build_graph: a shared module, tied parameters, several inputs and outputs") {
  test::Siamese model;
  const Diagram diagram = build_graph(model, {{3, 32, 32}, {3, 32, 32}}, {});
  CHECK(diagram.nodes[0].id == "@input1");
  CHECK(diagram.nodes[1].id == "@input2");
  const Diagram::Node &first = node(diagram, "tower.stem.conv/conv2d"),
                      &second = node(diagram, "tower.stem.conv/conv2d#2");
  CHECK(first.shared);
  CHECK(second.shared);
  CHECK(first.call == 1);
  CHECK(second.call == 2);
  CHECK(first.parameters > 0);
  CHECK(second.parameters == 0);
  CHECK(node(diagram, "right/linear").parameters == 16);  // the weight is left's
  CHECK_FALSE(node(diagram, "head/linear").shared);
  CHECK(names_of(diagram, diagram.predecessors(diagram.find("@output2"))) ==
        std::vector<std::string>{"sub"});
  const auto towers = std::ranges::count(diagram.clusters, "tower", &Diagram::Cluster::path);
  CHECK(towers == 2);
  // Updates of running statistics are not drawn.
  CHECK(ops_of(diagram).find("Update") == std::string::npos);
}

TEST_CASE("build_graph: inputs that are returned or not read, constants, repeated reads") {
  const DeviceScope meta(Device::meta());
  Edges model;
  const Diagram diagram = build_graph(model, {{4}, {4}}, {});
  CHECK(ops_of(diagram) == "input input input Mul Add output output");
  CHECK(names_of(diagram, diagram.predecessors(diagram.find("@output1"))) ==
        std::vector<std::string>{"@input1"});
  CHECK(diagram.successors(diagram.find("@input2")).empty());
  CHECK(names_of(diagram, diagram.predecessors(diagram.find("mul"))) ==
        std::vector<std::string>{"@input1"});
  CHECK(diagram.nodes[2].name == "constant");
  CHECK(diagram.nodes[2].kind == Diagram::Node::Kind::input);
}

TEST_CASE("build_graph: the batch is N, or what it is said to be") {
  models::Net model;
  CHECK(build_graph(model).batch == -1);
  CHECK(build_graph(model, {}, {}, {.batch = 8}).batch == 8);
  CHECK_THROWS_WITH_AS(build_graph(model, {}, {}, {.batch = 0}),
                       "Net: batch 0 must be at least 1, or -1 for any", Error);
}

TEST_CASE("build_graph: a model that fails is drawn up to there") {
  Broken model;
  const Diagram diagram = build_graph(model, {{3, 16, 16}}, {});
  CHECK(ops_of(diagram) == "input Conv Relu Conv");
  const Diagram::Node& failed = diagram.nodes.back();
  CHECK(failed.id == "body.2/conv2d");
  CHECK(failed.failure.find("conv2d: input has 8 channels") != std::string::npos);
  CHECK(failed.failure == diagram.failure);
  CHECK(failed.module == "body.2");
  CHECK(failed.cluster == 0);
  REQUIRE(diagram.edges.size() == 3);
  CHECK(diagram.edges.back().failed);
  CHECK_FALSE(diagram.edges.front().failed);
  // It is no op of a pattern: folds leave it where it is.
  CHECK(ops_of(build_graph(model, {{3, 16, 16}})) == "input ConvRelu Conv");

  Throws other;
  const Diagram stopped = build_graph(other, {{4}}, {});
  CHECK(ops_of(stopped) == "input Linear Throws");
  CHECK(stopped.failure == "no more");
  CHECK(stopped.nodes.back().failure == "no more");
}

TEST_CASE("build_graph: backward and step") {
  models::Net model;
  const auto count = [](const Diagram& d, Phase phase) {
    return std::ranges::count_if(d.nodes, [phase](const Diagram::Node& n) {
      return n.phase == phase && n.kind == Diagram::Node::Kind::op;
    });
  };
  const Diagram forward = build_graph(model, {}, {}),
                backward = build_graph(model, {}, {}, {.pass = Pass::backward}),
                step = build_graph(model, {}, {}, {.pass = Pass::step});
  CHECK(count(forward, Phase::backward) == 0);
  CHECK(count(backward, Phase::forward) == count(forward, Phase::forward) + 1);  // the sum
  CHECK(count(backward, Phase::backward) > 8);
  CHECK(count(backward, Phase::update) == 0);
  CHECK(count(step, Phase::backward) == count(backward, Phase::backward));
  CHECK(count(step, Phase::update) == 1);
  CHECK(test::in_order(step));
  // The update reads the gradient of each of the eight parameters.
  CHECK(step.predecessors(step.find("sgd")).size() == 8);
  // A gradient reads what forward saved.
  const std::vector<std::string> reads =
      names_of(backward, backward.predecessors(backward.find("conv2/conv2d_grad_weight")));
  CHECK(std::ranges::find(reads, "relu") != reads.end());
  for (const Diagram::Cluster& cluster : step.clusters) CHECK(cluster.call == 1);
}

TEST_CASE("build_graph: every model of the zoo") {
  const DeviceScope meta(Device::meta());
  for (const models::Entry& entry : models::zoo()) {
    CAPTURE(entry.name);
    const auto model = entry.make();
    const Diagram diagram = build_graph(*model, {}, {});
    CHECK(diagram.failure.empty());
    CHECK(test::in_order(diagram));
    CHECK(test::in_order(build_graph(*model, {}, viz::default_transforms())));
    std::int64_t parameters = 0;
    for (const Diagram::Node& n : diagram.nodes) parameters += n.parameters;
    CHECK(parameters <= model->num_parameters());
    CHECK(parameters > 0);
  }
}
