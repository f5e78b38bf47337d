#include "viz/diagram_files.h"

#include <nlohmann/json.hpp>

#include "viz/box_text.h"
#include "viz/text.h"

namespace glassbox::viz {

using Json = nlohmann::ordered_json;
using Node = Diagram::Node;

namespace detail {

std::string edge_text(const TensorInfo& tensor, std::int64_t batch) {
  const std::string list = viz::to_string(tensor, batch);
  std::string text;
  for (std::size_t i = 1; i + 1 < list.size(); ++i) {
    if (list[i] == ',') {
      text += "×";
      ++i;
    } else {
      text += list[i];
    }
  }
  return text.empty() ? "scalar" : text;
}

std::vector<std::string> shape_texts(const std::vector<TensorInfo>& tensors, std::int64_t batch) {
  std::vector<std::string> texts;
  for (const TensorInfo& tensor : tensors)
    texts.push_back(edge_text(tensor, batch) + " " + std::string(glassbox::name_of(tensor.dtype)));
  return texts;
}

std::string_view name_of(Diagram::Node::Kind kind) {
  constexpr std::string_view names[] = {"op", "input", "output"};
  return names[static_cast<std::size_t>(kind)];
}
std::string_view name_of(Diagram::Node::Change change) {
  constexpr std::string_view names[] = {"", "added", "removed", "changed"};
  return names[static_cast<std::size_t>(change)];
}

std::int64_t costs_batch(const Diagram& diagram) { return diagram.batch < 0 ? 1 : diagram.batch; }

}  // namespace detail

namespace {

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json attrs_of(const Node& node) {
  Json json = Json::object();
  for (const Attr& attr : node.attrs)
    std::visit([&](const auto& value) { json[attr.name] = value; }, attr.value);
  return json;
}

Json json_of(const Node& node, const Diagram& diagram) {
  const std::int64_t n = detail::costs_batch(diagram);
  Json json;
  json["id"] = node.id;
  json["kind"] = detail::name_of(node.kind);
  json["op"] = node.op;
  json["title"] = title_of(node);
  if (!node.module.empty()) json["module"] = node.module;
  if (node.call > 0) json["call"] = node.call;
  if (node.shared) json["shared"] = true;
  json["phase"] = name_of(node.phase);
  if (node.repeat != 1) json["repeat"] = node.repeat;
  if (!node.attrs.empty()) json["attrs"] = attrs_of(node);
  json["inputs"] = detail::shape_texts(node.inputs, diagram.batch);
  json["outputs"] = detail::shape_texts(node.outputs, diagram.batch);
  json["parameters"] = node.parameters;
  json["macs"] = node.costs.macs.at(n);
  json["flops"] = node.costs.flops.at(n);
  json["bytes_moved"] = node.costs.bytes.at(n);
  json["activation_bytes"] = node.costs.activations.at(n);
  if (node.time) json["seconds_forward"] = node.time->median;
  if (node.time_backward) json["seconds_backward"] = node.time_backward->median;
  if (node.cluster >= 0) json["cluster"] = node.cluster;
  if (!node.failure.empty()) json["failure"] = node.failure;
  if (!node.notes.empty()) json["notes"] = node.notes;
  if (node.change != Node::Change::none) json["change"] = detail::name_of(node.change);
  if (!node.parts.empty()) {
    Json parts = Json::array();
    for (const Node& part : node.parts) parts.push_back(json_of(part, diagram));
    json["parts"] = parts;
  }
  return json;
}

}  // namespace

std::string to_json(const Diagram& diagram) {
  Json json;
  json["schema"] = "glassbox.graph/1";
  json["model"] = diagram.model;
  json["batch"] = diagram.batch < 0 ? Json("N") : Json(diagram.batch);
  json["costs_for_batch"] = detail::costs_batch(diagram);
  if (!diagram.failure.empty()) json["failure"] = diagram.failure;
  if (diagram.measured_batch > 0) {
    json["measured"] = {{"batch", diagram.measured_batch}, {"threads", diagram.measured_threads}};
  }
  Json clusters = Json::array();
  for (const Diagram::Cluster& cluster : diagram.clusters) {
    clusters.push_back({{"path", cluster.path},
                        {"type", cluster.type},
                        {"parent", cluster.parent},
                        {"call", cluster.call},
                        {"phase", name_of(cluster.phase)}});
  }
  json["clusters"] = clusters;
  Json nodes = Json::array();
  for (const Node& node : diagram.nodes) nodes.push_back(json_of(node, diagram));
  json["nodes"] = nodes;
  Json edges = Json::array();
  for (const Diagram::Edge& edge : diagram.edges) {
    Json one = {{"from", diagram.nodes[static_cast<std::size_t>(edge.from)].id},
                {"to", diagram.nodes[static_cast<std::size_t>(edge.to)].id},
                {"shape", detail::edge_text(edge.tensor, diagram.batch)},
                {"dtype", name_of(edge.tensor.dtype)}};
    if (edge.failed) one["failed"] = true;
    if (edge.change != Node::Change::none) one["change"] = detail::name_of(edge.change);
    edges.push_back(std::move(one));
  }
  json["edges"] = edges;
  return dump(json, 1) + "\n";
}

namespace {

// Inside double quotes Mermaid reads HTML entities, written with #.
std::string mermaid(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\"#<>&;`").find(c) != std::string_view::npos) {
      out += "#" + std::to_string(static_cast<int>(static_cast<unsigned char>(c))) + ";";
    } else {
      out += c == '\n' ? ' ' : c;
    }
  }
  return out;
}

class Mermaid {
 public:
  explicit Mermaid(const Diagram& diagram)
      : diagram_(diagram), is_used_(diagram.clusters.size(), false) {
    for (const Node& node : diagram.nodes) {
      for (int c = node.cluster; c >= 0 && !is_used_[static_cast<std::size_t>(c)];
           c = diagram.clusters[static_cast<std::size_t>(c)].parent)
        is_used_[static_cast<std::size_t>(c)] = true;
    }
    text_ = "flowchart TB\n";
    body(-1, 1);
    for (const Diagram::Edge& edge : diagram.edges) {
      text_ += "  n" + std::to_string(edge.from) + (edge.failed ? " -. \"" : " -- \"") +
               mermaid(shape_text(edge.tensor, diagram.batch)) +
               (edge.failed ? "\" .-> n" : "\" --> n") + std::to_string(edge.to) + "\n";
    }
    for (std::size_t i = 0; i < diagram.nodes.size(); ++i) {
      if (!diagram.nodes[i].failure.empty())
        text_ += "  style n" + std::to_string(i) + " fill:#f8d7d4,stroke:#b3261e\n";
    }
  }
  std::string take() { return std::move(text_); }

 private:
  void body(int cluster, int depth) {
    const std::string indent(2 * static_cast<std::size_t>(depth), ' ');
    for (std::size_t i = 0; i < diagram_.nodes.size(); ++i) {
      const Node& node = diagram_.nodes[i];
      if (node.cluster != cluster) continue;
      const bool is_op = node.kind == Node::Kind::op;
      std::string title = mermaid(title_of(node));
      if (node.repeat > 1) title += " ×" + std::to_string(node.repeat);
      text_ += indent + "n" + std::to_string(i) + (is_op ? "[\"" : "([\"") + title +
               (is_op ? "\"]\n" : "\"])\n");
    }
    for (std::size_t c = 0; c < diagram_.clusters.size(); ++c) {
      const Diagram::Cluster& inner = diagram_.clusters[c];
      if (inner.parent != cluster || !is_used_[c]) continue;
      text_ += indent + "subgraph c" + std::to_string(c) + " [\"" +
               mermaid((inner.path.empty() ? "" : inner.path + " · ") + inner.type +
                       frame_mark(diagram_, inner)) +
               "\"]\n";
      body(static_cast<int>(c), depth + 1);
      text_ += indent + "end\n";
    }
  }

  const Diagram& diagram_;
  std::vector<bool> is_used_;  // clusters; Mermaid draws an empty one as a node
  std::string text_;
};

}  // namespace

std::string to_mermaid(const Diagram& diagram) { return Mermaid(diagram).take(); }

std::string to_model_explorer(const Diagram& diagram) {
  const std::int64_t n = detail::costs_batch(diagram);
  const auto namespace_of = [&diagram](int cluster) {
    std::string path;
    for (; cluster >= 0; cluster = diagram.clusters[static_cast<std::size_t>(cluster)].parent) {
      const Diagram::Cluster& c = diagram.clusters[static_cast<std::size_t>(cluster)];
      std::string name = c.path.empty() ? c.type : c.path.substr(c.path.rfind('.') + 1);
      for (char& letter : name) {
        if (letter == '/') letter = '_';
      }
      name += frame_mark(diagram, c);
      path = path.empty() ? name : name + "/" + path;
    }
    return path;
  };
  Json nodes = Json::array();
  for (std::size_t i = 0; i < diagram.nodes.size(); ++i) {
    const Node& node = diagram.nodes[i];
    Json attrs = Json::array();
    const auto put = [&attrs](std::string_view key, const std::string& value) {
      attrs.push_back({{"key", key}, {"value", value}});
    };
    for (const Attr& attr : node.attrs) put(attr.name, glassbox::to_string(attr.value));
    if (node.parameters > 0) put("parameters", with_commas(node.parameters));
    if (const double macs = node.costs.macs.at(n); macs > 0) put("multiply-adds", with_si(macs));
    if (const double flops = node.costs.flops.at(n); flops > 0) put("FLOPs", with_si(flops));
    if (node.repeat > 1) put("repeat", std::to_string(node.repeat));
    if (!node.failure.empty()) put("failure", node.failure);
    Json incoming = Json::array();
    for (const Diagram::Edge& edge : diagram.edges) {
      if (edge.to != static_cast<int>(i)) continue;
      const Node& from = diagram.nodes[static_cast<std::size_t>(edge.from)];
      const auto output = std::find(from.outputs.begin(), from.outputs.end(), edge.tensor);
      const auto index = output == from.outputs.end() ? 0 : output - from.outputs.begin();
      incoming.push_back({{"sourceNodeId", from.id},
                          {"sourceNodeOutputId", std::to_string(index)},
                          {"targetNodeInputId", std::to_string(incoming.size())}});
    }
    Json outputs = Json::array();
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      outputs.push_back(
          {{"id", std::to_string(o)},
           {"attrs",
            Json::array(
                {{{"key", "shape"}, {"value", detail::edge_text(node.outputs[o], diagram.batch)}},
                 {{"key", "dtype"}, {"value", name_of(node.outputs[o].dtype)}}})}});
    }
    nodes.push_back({{"id", node.id},
                     {"label", title_of(node)},
                     {"namespace", namespace_of(node.cluster)},
                     {"attrs", attrs},
                     {"incomingEdges", incoming},
                     {"outputsMetadata", outputs}});
  }
  const Json graph = {{"id", diagram.model}, {"nodes", nodes}};
  return dump({{"label", diagram.model}, {"graphs", Json::array({graph})}}, 1) + "\n";
}

}  // namespace glassbox::viz
