#include "viz/graph_diff.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "engine/core/error.h"
#include "layers/models/models.h"
#include "viz/build_graph.h"
#include "viz/dot.h"
#include "viz/svg.h"
#include "viz/text_drawing.h"

using namespace glassbox;
using viz::Diagram;
using Change = Diagram::Node::Change;

namespace {

Diagram graph_of(const std::string& name, const std::vector<viz::Transform>& transforms = {}) {
  const DeviceScope meta(Device::meta());
  const auto entry = std::ranges::find(models::zoo(), name, &models::Entry::name);
  REQUIRE(entry != models::zoo().end());
  return viz::build_graph(*entry->make(), {}, transforms);
}

std::size_t count(const Diagram& diagram, Change change) {
  return static_cast<std::size_t>(std::ranges::count_if(
      diagram.nodes, [change](const Diagram::Node& node) { return node.change == change; }));
}

std::size_t changed_edges(const Diagram& diagram) {
  return static_cast<std::size_t>(std::ranges::count_if(
      diagram.edges, [](const Diagram::Edge& edge) { return edge.change != Change::none; }));
}

// A sequence of ops, each reading the one before, as short as its letters.
Diagram chain(const std::string& letters) {
  Diagram diagram;
  std::map<char, int> times;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    Diagram::Node node;
    node.op = std::string(1, letters[i]);
    node.id = node.op + std::to_string(++times[letters[i]]);
    diagram.nodes.push_back(node);
    const int n = static_cast<int>(i);
    if (n > 0) diagram.edges.push_back({n - 1, n, {}, false});
  }
  return diagram;
}

// What of the union belongs to one side: its ops in order, and its edges by their ends' ops.
struct Side {
  std::string ops;
  std::multiset<std::pair<int, int>> edges;
};
Side side_of(const Diagram& both, Change without) {
  Side side;
  std::vector<int> place(both.nodes.size(), -1);
  for (std::size_t n = 0; n < both.nodes.size(); ++n) {
    if (both.nodes[n].change == without) continue;
    place[n] = static_cast<int>(side.ops.size());
    side.ops += both.nodes[n].op;
  }
  for (const Diagram::Edge& edge : both.edges) {
    if (edge.change == without) continue;
    side.edges.emplace(place[static_cast<std::size_t>(edge.from)],
                       place[static_cast<std::size_t>(edge.to)]);
  }
  return side;
}

std::multiset<std::pair<int, int>> edges_of(const Diagram& diagram) {
  std::multiset<std::pair<int, int>> edges;
  for (const Diagram::Edge& edge : diagram.edges) edges.emplace(edge.from, edge.to);
  return edges;
}

}  // namespace

TEST_CASE("graph diff: a graph and itself are the same") {
  const Diagram one = graph_of("resnet18");
  const Diagram both = viz::diff(one, one);
  CHECK(count(both, Change::none) == one.nodes.size());
  CHECK(changed_edges(both) == 0);
  CHECK(both.edges.size() == one.edges.size());
  CHECK(viz::to_dot(both) == viz::to_dot(one));
}

TEST_CASE("graph diff: what a batch norm adds") {
  const Diagram left = graph_of("vgg11"), right = graph_of("vgg11_bn");
  const Diagram both = viz::diff(left, right);
  CHECK(count(both, Change::added) == 8);
  CHECK(count(both, Change::removed) == 0);
  for (const Diagram::Node& node : both.nodes) {
    if (node.change == Change::added) CHECK(node.op == "BatchNorm");
  }
  // Each goes into an edge: two in its place.
  CHECK(std::ranges::count(both.edges, Change::removed, &Diagram::Edge::change) == 8);
  CHECK(std::ranges::count(both.edges, Change::added, &Diagram::Edge::change) == 16);
  const Diagram back = viz::diff(right, left);
  CHECK(count(back, Change::removed) == 8);
  CHECK(count(back, Change::added) == 0);
  CHECK(viz::to_svg(both).find("+ BatchNorm") != std::string::npos);
  CHECK(viz::to_dot(both).find("penwidth=2.4") != std::string::npos);
  CHECK(viz::to_text(both).find("+ BatchNorm") != std::string::npos);
}

TEST_CASE("graph diff: what changed is said") {
  struct Net : layers::Module<Net> {
    layers::Sequential body;
    Net(int kernel, int width)
        : body(layers::Conv2d{3, width, kernel, {.padding = 1}}, layers::ReLU{}) {}
    Tensor forward(const Tensor& x) { return body(x); }
    void fields(layers::Fields& f) { f("body", body); }
  };
  const std::vector<Shape> input{{3, 8, 8}};
  Net narrow(3, 4), wide(3, 8);
  const Diagram both =
      viz::diff(viz::build_graph(narrow, input, {}), viz::build_graph(wide, input, {}));
  const Diagram::Node& conv = both.nodes[static_cast<std::size_t>(both.find("body.0/conv2d"))];
  CHECK(conv.change == Change::changed);
  CHECK(std::ranges::count(conv.notes, "parameters 112 → 224") == 1);
  CHECK(std::ranges::count(conv.notes, "output N×4×8×8 → N×8×8×8") == 1);
  CHECK(changed_edges(both) == 0);

  // Folded, its parts are compared.
  const std::vector<viz::Transform> fold{viz::Fold("Conv > Relu", "ConvRelu")};
  Net large(5, 4);
  const Diagram folded =
      viz::diff(viz::build_graph(narrow, input, fold), viz::build_graph(large, input, fold));
  REQUIRE(folded.nodes.size() == 3);
  REQUIRE(folded.nodes[1].change == Change::changed);
  CHECK(folded.nodes[1].notes == std::vector<std::string>{"body.0/conv2d: kernel_size 3 → 5",
                                                          "output N×4×8×8 → N×4×6×6",
                                                          "parameters 112 → 304"});
}

TEST_CASE("graph diff: repetitions") {
  // A basic block more: two convolutions, two norms, two activations and a sum. Resnet34 has eight.
  const Diagram blocks = viz::diff(graph_of("resnet18"), graph_of("resnet34"));
  CHECK(count(blocks, Change::added) == 8 * 7);
  CHECK(count(blocks, Change::removed) == 0);
  CHECK(count(blocks, Change::changed) == 0);

  const std::vector<viz::Transform> transforms{
      viz::Fold("Conv > BatchNorm > Relu > Conv > BatchNorm > Add > Relu", "Block"),
      viz::FoldDuplicates()};
  const Diagram folded =
      viz::diff(graph_of("resnet18", transforms), graph_of("resnet34", transforms));
  CHECK(count(folded, Change::added) == 0);
  CHECK(std::ranges::any_of(folded.nodes, [](const Diagram::Node& node) {
    return std::ranges::count(node.notes, "× 2 → 3") == 1;
  }));
}

TEST_CASE("graph diff: both graphs can be read from it, whatever they are") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const auto word = [&random] {
      std::string letters;
      for (auto length = random() % 12; length > 0; --length)
        letters += static_cast<char>('a' + random() % 3);
      return letters;
    };
    const std::string a = word(), b = word();
    CAPTURE(a);
    CAPTURE(b);
    const Diagram left = chain(a), right = chain(b);
    const Diagram both = viz::diff(left, right);
    const Side before = side_of(both, Change::added), after = side_of(both, Change::removed);
    CHECK(before.ops == a);
    CHECK(after.ops == b);
    CHECK(before.edges == edges_of(left));
    CHECK(after.edges == edges_of(right));
    std::set<std::string> ids;
    for (const Diagram::Node& node : both.nodes) CHECK(ids.insert(node.id).second);
    for (const Diagram::Edge& edge : both.edges) CHECK(edge.from < edge.to);
  }
}

TEST_CASE("graph diff: what cannot be compared") {
  Diagram one = graph_of("cifar"), other = one;
  other.batch = 4;
  CHECK_THROWS_WITH_AS(viz::diff(one, other),
                       "diff: the graphs are of different batches, -1 and 4 (-1 is any)", Error);
  one.failure = "no";
  CHECK_THROWS_AS(viz::diff(one, one), Error);
}
