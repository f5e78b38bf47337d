#include "viz/titles.h"

#include <algorithm>
#include <string_view>

namespace glassbox::viz {
namespace {

constexpr std::string_view kernel_name = "kernel_size";
// The shape of an output stands on its edge; the mode is the whole model's.
constexpr std::string_view said_elsewhere[] = {kernel_name, "shape", "training", "in_features",
                                               "out_features"};

bool is_in(const auto& range, const auto& item) {
  return std::ranges::find(range, item) != std::end(range);
}

std::string joined(const std::vector<std::int64_t>& sizes, std::string_view separator) {
  std::string text;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (i) text += separator;
    text += std::to_string(sizes[i]);
  }
  return text;
}

const std::vector<std::int64_t>* sizes_in(const Attr& attr) {
  return std::get_if<std::vector<std::int64_t>>(&attr.value);
}

// Input and output channels, or ranges of them. Dropout's option of that name is a flag.
bool is_channels(const Attr& attr) {
  return attr.name == "channels" && !std::holds_alternative<bool>(attr.value);
}

Attrs attrs_of(const Graph& graph, const Graph::Node& node) {
  return node.op.attrs(graph.in_specs(node));
}

// One number for two equal ones, 2×1 for two that differ, else a list.
std::string text_of(const Attr& attr) {
  const auto* sizes = sizes_in(attr);
  if (!sizes) return to_string(attr.value);
  if (sizes->size() != 2) return "(" + joined(*sizes, ", ") + ")";
  return (*sizes)[0] == (*sizes)[1] ? std::to_string((*sizes)[0]) : joined(*sizes, "×");
}

std::string spaced(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

// True when output i is a value of its own: neither state that was written nor for backward alone.
bool is_fresh(const Graph& graph, const Graph::Node& node, std::size_t i) {
  if (node.op.type().writes && node.op.alias(static_cast<int>(i)) >= 0) return false;
  return !graph.values[static_cast<std::size_t>(node.outputs[i])].spec.internal;
}

}  // namespace

bool is_shown(const Graph& graph, const Graph::Node& node) {
  if (node.phase != Phase::forward) return false;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (is_fresh(graph, node, i)) return true;
  }
  return false;
}

std::vector<int> shown_outputs(const Graph& graph, const Graph::Node& node) {
  std::vector<int> fresh, used;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (!is_fresh(graph, node, i)) continue;
    const int v = node.outputs[i];
    fresh.push_back(v);
    const auto& readers = graph.values[static_cast<std::size_t>(v)].readers;
    const bool is_read = std::ranges::any_of(readers, [&graph](int reader) {
      return is_shown(graph, graph.nodes[static_cast<std::size_t>(reader)]);
    });
    const bool is_returned =
        node.call >= 0 && is_in(graph.calls[static_cast<std::size_t>(node.call)].outputs, v);
    if (is_read || is_returned) used.push_back(v);
  }
  if (used.empty() && !fresh.empty()) used.push_back(fresh.front());
  return used;
}

bool is_state(const Graph& graph, int value) {
  // True when node n writes this value in place or made it so.
  const auto is_update = [&graph, value](int n) {
    const Graph::Node& node = graph.nodes[static_cast<std::size_t>(n)];
    if (!node.op.type().writes) return false;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const int source = node.op.alias(static_cast<int>(i));
      if (source < 0) continue;
      if (node.outputs[i] == value || node.inputs[static_cast<std::size_t>(source)] == value) {
        return true;
      }
    }
    return false;
  };
  const Graph::Value& v = graph.values[static_cast<std::size_t>(value)];
  return (v.producer >= 0 && is_update(v.producer)) || std::ranges::any_of(v.readers, is_update);
}

std::string kernel_of(const Attrs& attrs) {
  for (const Attr& attr : attrs) {
    if (attr.name != kernel_name) continue;
    if (const auto* sizes = sizes_in(attr)) return joined(*sizes, "×");
    return to_string(attr.value);
  }
  return "";
}

std::string channels_of(const Attrs& attrs) {
  std::string text;
  for (const Attr& attr : attrs) {
    if (is_channels(attr)) {
      const auto* sizes = sizes_in(attr);
      return sizes ? joined(*sizes, " → ") : to_string(attr.value);
    }
    if (attr.name == "in_features") text = to_string(attr.value);
    if (attr.name == "out_features") text += " → " + to_string(attr.value);
  }
  return text;
}

std::vector<std::string> options_of(const Attrs& attrs) {
  std::vector<std::string> options;
  for (const Attr& attr : attrs) {
    if (attr.is_default || is_in(said_elsewhere, attr.name) || is_channels(attr)) continue;
    if (const bool* flag = std::get_if<bool>(&attr.value)) {
      options.push_back((*flag ? "" : "no ") + spaced(attr.name));
    } else {
      options.push_back(spaced(attr.name) + " " + text_of(attr));
    }
  }
  return options;
}

OpSizes sizes_of(const Graph& graph, const Graph::Node& node) {
  OpSizes sizes;
  for (const Attr& attr : attrs_of(graph, node)) {
    std::string* size = attr.name == kernel_name ? &sizes.kernel
                        : attr.name == "stride"  ? &sizes.stride
                        : attr.name == "padding" ? &sizes.padding
                        : attr.name == "groups"  ? &sizes.groups
                                                 : nullptr;
    if (!size) continue;
    const auto* list = sizes_in(attr);
    *size = list ? joined(*list, "×") : to_string(attr.value);
  }
  return sizes;
}

}  // namespace glassbox::viz
