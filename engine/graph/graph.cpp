#include "engine/graph/graph.h"

#include <unordered_map>

namespace glassbox {

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::forward:
      return "forward";
    case Phase::backward:
      return "backward";
    case Phase::update:
      return "update";
  }
  __builtin_unreachable();
}

std::string_view name_of(Role role) {
  switch (role) {
    case Role::input:
      return "input";
    case Role::parameter:
      return "parameter";
    case Role::buffer:
      return "buffer";
    case Role::state:
      return "state";
    case Role::activation:
      return "activation";
    case Role::gradient:
      return "gradient";
  }
  __builtin_unreachable();
}

SmallVector<Spec, 4> Graph::in_specs(const Node& node) const {
  SmallVector<Spec, 4> specs;
  for (int v : node.inputs) {
    specs.push_back(v < 0 ? Spec::undefined() : values[static_cast<std::size_t>(v)].spec);
  }
  return specs;
}

SmallVector<Spec, 4> Graph::out_specs(const Node& node) const {
  SmallVector<Spec, 4> specs;
  for (int v : node.outputs) specs.push_back(values[static_cast<std::size_t>(v)].spec);
  return specs;
}

std::vector<std::string> Graph::node_names() const {
  std::vector<std::string> names;
  std::unordered_map<std::string, int> seen;
  for (const Node& node : nodes) {
    std::string base;
    if (node.call >= 0) base = calls[static_cast<std::size_t>(node.call)].path;
    if (!base.empty()) base += '/';
    base += node.op.name();
    const int count = ++seen[base];
    names.push_back(count == 1 ? base : base + "#" + std::to_string(count));
  }
  return names;
}

Cost Graph::total_cost(Phase phase) const {
  Cost total;
  for (const Node& node : nodes) {
    if (node.phase != phase) continue;
    total.flops += node.cost.flops;
    total.bytes_read += node.cost.bytes_read;
    total.bytes_written += node.cost.bytes_written;
  }
  return total;
}

}  // namespace glassbox
