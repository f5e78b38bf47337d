#include "viz/diagram.h"

#include <algorithm>

#include "viz/fold.h"

namespace glassbox::viz {
namespace {

using Node = Diagram::Node;
using glassbox::to_string;

// Of more parts than these the op says more than their titles.
constexpr std::size_t most_titles = 4;

const Attr* find_attr(const Attrs& attrs, std::string_view name) {
  const auto at = std::ranges::find(attrs, name, &Attr::name);
  return at == attrs.end() ? nullptr : &*at;
}

// "3×3"; what is not a list as it is written.
std::string sizes_text(const Attr& attr, std::string_view separator) {
  const auto* sizes = std::get_if<std::vector<std::int64_t>>(&attr.value);
  if (!sizes) return to_string(attr.value);
  std::string text;
  for (std::size_t i = 0; i < sizes->size(); ++i)
    text += cat(i ? separator : std::string_view(), (*sizes)[i]);
  return text;
}

std::string own_title(const Node& node) {
  std::string text = node.op;
  if (const Attr* kernel = find_attr(node.attrs, "kernel_size"))
    text += " " + sizes_text(*kernel, "×");
  std::string channels;
  if (const Attr* attr = find_attr(node.attrs, "channels");
      attr && !std::get_if<bool>(&attr->value))
    channels = sizes_text(*attr, " → ");
  const Attr *in = find_attr(node.attrs, "in_features"),
             *out = find_attr(node.attrs, "out_features");
  if (in && out) channels = to_string(in->value) + " → " + to_string(out->value);
  if (!channels.empty()) text += (text == node.op ? " " : ", ") + channels;
  if (const Attr* stride = find_attr(node.attrs, "stride"); stride && !stride->is_default)
    text += " /" + to_string(stride->value);
  return text;
}

// "3–64" of 3 and 64.
std::string range_of(std::int64_t low, std::int64_t high) {
  return low == high ? std::to_string(low) : cat(low, "–", high);
}

Attr common(const Attr& a, const Attr& b) {
  const auto *x = std::get_if<std::vector<std::int64_t>>(&a.value),
             *y = std::get_if<std::vector<std::int64_t>>(&b.value);
  if (a.name != "channels" || !x || !y || x->size() != y->size()) {
    const bool is_kernel = a.name == "kernel_size";
    const auto text = [is_kernel](const Attr& attr) {
      return is_kernel ? sizes_text(attr, "×") : to_string(attr.value);
    };
    return {a.name, text(a) + "–" + text(b)};
  }
  std::string text;
  for (std::size_t i = 0; i < x->size(); ++i) {
    const auto [low, high] = std::minmax((*x)[i], (*y)[i]);
    text += (i ? " → " : "") + range_of(low, high);
  }
  return {a.name, text};
}

void add_leaves(const Node& node, std::vector<const Node*>& leaves) {
  if (node.parts.empty()) leaves.push_back(&node);
  for (const Node& part : node.parts) add_leaves(part, leaves);
}

void add_once(std::vector<int>& list, int item) {
  if (std::ranges::find(list, item) == list.end()) list.push_back(item);
}

}  // namespace

Node detail::common_of(const std::vector<const Node*>& nodes) {
  Node made;
  made.op = nodes.front()->op;
  made.repeat = nodes.front()->repeat;
  const bool same_name = std::ranges::all_of(
      nodes, [&nodes](const Node* node) { return node->name == nodes.front()->name; });
  if (same_name) made.name = nodes.front()->name;
  for (const Attr& attr : nodes.front()->attrs) {
    const Attr *low = &attr, *high = &attr;
    bool everywhere = true;
    for (const Node* node : nodes) {
      const Attr* other = find_attr(node->attrs, attr.name);
      everywhere = everywhere && other;
      if (!other) continue;
      if (other->value < low->value) low = other;
      if (high->value < other->value) high = other;
    }
    if (everywhere) made.attrs.push_back(low->value == high->value ? attr : common(*low, *high));
  }
  const std::size_t parts = nodes.front()->parts.size();
  const bool alike =
      std::ranges::all_of(nodes, [parts](const Node* node) { return node->parts.size() == parts; });
  if (!alike) return made;
  for (std::size_t i = 0; i < parts; ++i) {
    std::vector<const Node*> column;
    for (const Node* node : nodes) column.push_back(&node->parts[i]);
    made.parts.push_back(common_of(column));
  }
  return made;
}

std::vector<int> Diagram::successors(int node) const {
  std::vector<int> found;
  for (const Edge& edge : edges) {
    if (edge.from == node) add_once(found, edge.to);
  }
  return found;
}

std::vector<int> Diagram::predecessors(int node) const {
  std::vector<int> found;
  for (const Edge& edge : edges) {
    if (edge.to == node) add_once(found, edge.from);
  }
  return found;
}

int Diagram::find(std::string_view id) const {
  const auto at = std::ranges::find(nodes, id, &Node::id);
  return at == nodes.end() ? -1 : static_cast<int>(at - nodes.begin());
}

std::string title_of(const Node& node) {
  if (!node.name.empty()) return node.name;
  if (node.parts.empty()) return own_title(node);
  if (node.repeat > 1) {
    std::vector<const Node*> parts;
    for (const Node& part : node.parts) parts.push_back(&part);
    Node one = detail::common_of(parts);
    one.repeat = 1;
    return title_of(one);
  }
  if (node.parts.size() > most_titles) return node.op;
  std::string text;
  for (const Node& part : node.parts) {
    text += (text.empty() ? "" : " > ") + title_of(part);
    if (part.repeat > 1) text += " ×" + std::to_string(part.repeat);
  }
  return text;
}

std::vector<const Node*> leaves_of(const Node& node) {
  std::vector<const Node*> leaves;
  add_leaves(node, leaves);
  return leaves;
}

Adjacency::Adjacency(const Diagram& diagram)
    : successors(diagram.nodes.size()), predecessors(diagram.nodes.size()) {
  for (const Diagram::Edge& edge : diagram.edges) {
    add_once(predecessors[static_cast<std::size_t>(edge.to)], edge.from);
  }
  // By the reader: a source that thousands read is not searched for each.
  for (std::size_t to = 0; to < predecessors.size(); ++to) {
    for (const int from : predecessors[to])
      successors[static_cast<std::size_t>(from)].push_back(static_cast<int>(to));
  }
}

std::string_view DiagramView::op(int node) const {
  const Node& n = at(node);
  return n.kind == Node::Kind::op && n.failure.empty() ? std::string_view(n.op) : "";
}

std::string DiagramView::name(int node) const {
  return at(node).id + (op(node).empty() ? "" : " (" + at(node).op + ")");
}

}  // namespace glassbox::viz
