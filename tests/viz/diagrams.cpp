#include "tests/viz/diagrams.h"

#include <algorithm>
#include <random>

namespace glassbox::test {

using viz::Diagram;

Diagram make_diagram(const std::vector<std::pair<std::string, std::vector<int>>>& ops) {
  Diagram diagram;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    Diagram::Node node;
    node.id = "op/" + std::to_string(i);
    node.op = ops[i].first;
    if (node.op == "input") node.kind = Diagram::Node::Kind::input;
    if (node.op == "output") node.kind = Diagram::Node::Kind::output;
    const viz::TensorInfo tensor{{{2, 0}, {0, static_cast<std::int64_t>(i + 1)}}, DType::f32};
    node.outputs = {tensor};
    for (const int from : ops[i].second) {
      const viz::TensorInfo& read = diagram.nodes[static_cast<std::size_t>(from)].outputs[0];
      diagram.edges.push_back({from, static_cast<int>(i), read});
      node.inputs.push_back(read);
    }
    diagram.nodes.push_back(std::move(node));
  }
  return diagram;
}

Diagram make_chain(const std::vector<std::string>& ops) {
  std::vector<std::pair<std::string, std::vector<int>>> rows;
  for (const std::string& op : ops) {
    rows.push_back({op, {}});
    if (rows.size() > 1) rows.back().second.push_back(static_cast<int>(rows.size()) - 2);
  }
  Diagram diagram = make_diagram(rows);
  // Of one width, so that repetitions are equal.
  for (Diagram::Node& node : diagram.nodes) node.outputs[0].dims[1] = {0, 8};
  set_edges(diagram);
  return diagram;
}

void set_edges(Diagram& diagram) {
  for (Diagram::Edge& edge : diagram.edges)
    edge.tensor = diagram.nodes[static_cast<std::size_t>(edge.from)].outputs[0];
}

Diagram random_diagram(std::uint64_t seed, int nodes) {
  std::mt19937_64 random(seed);
  std::vector<std::pair<std::string, std::vector<int>>> rows{{"input", {}}};
  for (int i = 1; i < nodes; ++i) {
    rows.push_back({std::string(1, static_cast<char>('A' + random() % 3)), {}});
    // Mostly the one before, so that chains are found; else anything, and sometimes two.
    const auto earlier = [&] {
      const auto back = random() % 4 < 3 ? 1 : 1 + random() % static_cast<std::uint64_t>(i);
      return i - static_cast<int>(back);
    };
    rows.back().second.push_back(earlier());
    if (random() % 4 == 0) {
      const int second = earlier();
      if (second != rows.back().second[0]) rows.back().second.push_back(second);
    }
  }
  return make_diagram(rows);
}

std::string ops_of(const Diagram& diagram) {
  std::string text;
  for (const Diagram::Node& node : diagram.nodes) {
    using Kind = Diagram::Node::Kind;
    const std::string end = node.kind == Kind::input ? "input" : "output";
    text += (text.empty() ? "" : " ") + (node.kind == Kind::op ? node.op : end);
    if (node.repeat > 1) text += "×" + std::to_string(node.repeat);
  }
  return text;
}

std::vector<std::string> edges_of(const Diagram& diagram) {
  std::vector<std::string> edges;
  for (const Diagram::Edge& edge : diagram.edges) {
    edges.push_back(diagram.nodes[static_cast<std::size_t>(edge.from)].id + "->" +
                    diagram.nodes[static_cast<std::size_t>(edge.to)].id + " " +
                    viz::to_string(edge.tensor, -1));
  }
  std::ranges::sort(edges);
  return edges;
}

std::vector<std::string> leaf_edges_of(const Diagram& diagram) {
  std::vector<std::string> edges;
  const auto add = [&edges](const std::string& from, const std::string& to,
                            const viz::TensorInfo& tensor) {
    edges.push_back(from + "->" + to + " " + viz::to_string(tensor, -1));
  };
  for (const Diagram::Node& node : diagram.nodes) {
    for (const Diagram::Link& link : node.links) add(link.from, link.to, link.tensor);
  }
  for (const Diagram::Edge& edge : diagram.edges) {
    const Diagram::Node &from = diagram.nodes[static_cast<std::size_t>(edge.from)],
                        &to = diagram.nodes[static_cast<std::size_t>(edge.to)];
    if (from.parts.empty() && to.parts.empty()) add(from.id, to.id, edge.tensor);
  }
  std::ranges::sort(edges);
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

bool in_order(const Diagram& diagram) {
  return std::ranges::all_of(diagram.edges,
                             [](const Diagram::Edge& edge) { return edge.from < edge.to; });
}

}  // namespace glassbox::test
