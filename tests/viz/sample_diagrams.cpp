#include "tests/viz/sample_diagrams.h"

#include <unordered_map>
#include <unordered_set>

#include "viz/record.h"
#include "viz/titles.h"

namespace glassbox::test {
namespace {

using viz::Diagram;
using viz::TensorInfo;

TensorInfo info_of(const Spec& spec) {
  TensorInfo info;
  info.dtype = spec.dtype;
  for (int d = 0; d < spec.shape.rank(); ++d) {
    viz::Dim dim;
    if (d == 0)
      dim.halves = 2 * spec.shape[0] / 2;  // recorded at batch 2
    else
      dim.fixed = spec.shape[d];
    info.dims.push_back(dim);
  }
  return info;
}

TensorInfo image(std::int64_t c, std::int64_t size) {
  return {{viz::Dim{2, 0}, viz::Dim{0, c}, viz::Dim{0, size}, viz::Dim{0, size}}, DType::f32};
}

}  // namespace

Diagram diagram_of(layers::ModuleBase& model, const std::vector<Shape>& inputs) {
  const Graph graph = viz::record_forward(model, inputs);
  const auto at = [](auto& list, int i) -> auto& { return list[static_cast<std::size_t>(i)]; };
  Diagram diagram;
  diagram.model = graph.name;
  std::unordered_map<int, int> source;  // values to nodes
  std::unordered_set<int> counted;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    Diagram::Node node;
    node.kind = Diagram::Node::Kind::input;
    node.name = graph.inputs.size() == 1 ? "input" : "input" + std::to_string(i + 1);
    node.id = "@" + node.name;
    node.outputs = {info_of(at(graph.values, graph.inputs[i]).spec)};
    source[graph.inputs[i]] = static_cast<int>(diagram.nodes.size());
    diagram.nodes.push_back(node);
  }
  std::vector<int> inside(graph.calls.size(), 0), cluster_of(graph.calls.size(), -1);
  for (const Graph::Node& node : graph.nodes) {
    for (int c = viz::is_shown(graph, node) ? node.call : -1; c >= 0; c = at(graph.calls, c).parent)
      ++at(inside, c);
  }
  std::unordered_set<const Scoped*> shared;
  for (std::size_t c = 0; c < graph.calls.size(); ++c) {
    const Graph::Call& call = graph.calls[c];
    if (call.repeat > 0) shared.insert(call.module);
    if (call.parent < 0) continue;
    const int outer = at(cluster_of, call.parent);
    cluster_of[c] = outer;
    if (inside[c] < 2) continue;
    cluster_of[c] = static_cast<int>(diagram.clusters.size());
    diagram.clusters.push_back({call.path, call.type, outer, call.repeat + 1});
  }
  const auto names = graph.node_names();
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Graph::Node& from = graph.nodes[n];
    if (!viz::is_shown(graph, from)) continue;
    Diagram::Node node;
    node.id = names[n];
    node.op = from.op.kind();
    node.attrs = from.op.attrs(graph.in_specs(from));
    if (from.call >= 0) {
      node.module = at(graph.calls, from.call).path;
      node.call = at(graph.calls, from.call).repeat + 1;
      node.cluster = at(cluster_of, from.call);
      node.shared = shared.contains(at(graph.calls, from.call).module);
    }
    node.costs.flops.per_sample = from.cost.flops / 2;
    const int index = static_cast<int>(diagram.nodes.size());
    for (const int v : from.inputs) {
      if (v < 0) continue;
      const Graph::Value& value = at(graph.values, v);
      if (value.role == Role::parameter && counted.insert(v).second)
        node.parameters += value.spec.numel();
      if (!source.contains(v)) continue;
      node.inputs.push_back(info_of(value.spec));
      diagram.edges.push_back({source[v], index, info_of(value.spec), false});
    }
    for (const int v : from.outputs) {
      source[v] = index;
      node.outputs.push_back(info_of(at(graph.values, v).spec));
      node.costs.activations.per_sample +=
          4 * static_cast<double>(at(graph.values, v).spec.numel()) / 2;
    }
    diagram.nodes.push_back(node);
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    Diagram::Node node;
    node.kind = Diagram::Node::Kind::output;
    node.name = graph.outputs.size() == 1 ? "output" : "output" + std::to_string(i + 1);
    node.id = "@" + node.name;
    const TensorInfo info = info_of(at(graph.values, graph.outputs[i]).spec);
    node.inputs = {info};
    const int index = static_cast<int>(diagram.nodes.size());
    diagram.nodes.push_back(node);
    diagram.edges.push_back({source[graph.outputs[i]], index, info, false});
  }
  return diagram;
}

Diagram marked_diagram() {
  using Change = Diagram::Node::Change;
  Diagram diagram;
  diagram.model = "A < B & \"C\"";
  diagram.failure =
      "conv2d: input has 8 channels but weight expects 16 (x [2,8,4,4], w [4,16,3,3]) in Net.head";
  diagram.clusters = {{"stage", "Sequential", -1, 1}, {"stage.0", "Block", 0, 2}};
  const auto add = [&diagram](std::string id, std::string op, int cluster) -> Diagram::Node& {
    Diagram::Node node;
    node.id = id + "/" + op;
    node.module = id;
    node.op = op;
    node.cluster = cluster;
    diagram.nodes.push_back(node);
    return diagram.nodes.back();
  };
  Diagram::Node& input = add("", "", -1);
  input.kind = Diagram::Node::Kind::input;
  input.id = "@input";
  input.name = "input";
  input.outputs = {image(3, 8)};
  Diagram::Node& conv = add("stage.0.conv", "Conv", 1);
  conv.attrs = {
      {"kernel_size", Pair(3)}, {"channels", std::vector<std::int64_t>{3, 8}}, {"stride", Pair(2)}};
  conv.parameters = 224;
  conv.costs.flops = {55296, 0};
  conv.costs.activations = {2048, 0};
  conv.time = viz::Timing{0.002, 0.001, 0.003};
  conv.shared = true;
  conv.call = 2;
  Diagram::Node& blocks = add("stage.1", "ConvBnRelu", 0);
  blocks.name = "Residual block";
  blocks.repeat = 3;
  blocks.parameters = 10'000;
  blocks.costs.flops = {1e6, 0};
  blocks.time = viz::Timing{0.008, 0.007, 0.009};
  add("old", "Relu", -1).change = Change::removed;
  add("new", "Gelu", -1).change = Change::added;
  Diagram::Node& norm = add("bn", "BatchNorm", -1);
  norm.change = Change::changed;
  norm.notes = {"eps 1e-05 → 0.001"};
  Diagram::Node& failed = add("head", "Conv", -1);
  failed.failure = diagram.failure;
  const TensorInfo x = image(8, 4);
  diagram.edges = {{0, 1, image(3, 8), false},
                   {1, 2, x, false},
                   {2, 3, x, false},
                   {2, 4, x, false},
                   {3, 5, x, false},
                   {4, 5, x, false},
                   {1, 5, x, false, Change::added},
                   {5, 6, x, true},
                   {2, 6, x, true}};
  return diagram;
}

}  // namespace glassbox::test
