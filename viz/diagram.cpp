#include "viz/diagram.h"

#include <algorithm>

namespace glassbox::viz {
namespace {

using glassbox::to_string;

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

// "2" where both are the same.
std::string stride_text(const Attr& attr) {
  const auto* sizes = std::get_if<std::vector<std::int64_t>>(&attr.value);
  if (sizes && sizes->size() == 2 && (*sizes)[0] == (*sizes)[1]) return std::to_string((*sizes)[0]);
  return sizes_text(attr, "×");
}

void add_once(std::vector<int>& list, int item) {
  if (std::ranges::find(list, item) == list.end()) list.push_back(item);
}

}  // namespace

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

std::string title_of(const Diagram::Node& node) {
  if (!node.name.empty()) return node.name;
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
    text += " /" + stride_text(*stride);
  return text;
}

}  // namespace glassbox::viz
