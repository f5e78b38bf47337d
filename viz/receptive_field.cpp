#include "viz/receptive_field.h"

#include <algorithm>
#include <string_view>

namespace glassbox::viz::detail {
namespace {

constexpr int image_rank = 4;  // [N,C,H,W]

Pair pair_of(const Attrs& attrs, std::string_view name, Pair otherwise) {
  for (const Attr& attr : attrs) {
    if (attr.name != name) continue;
    if (const auto* sizes = std::get_if<std::vector<std::int64_t>>(&attr.value)) {
      if (sizes->size() == 2) return {static_cast<int>((*sizes)[0]), static_cast<int>((*sizes)[1])};
    }
  }
  return otherwise;
}

bool is_one_of(std::string_view name, auto... names) { return ((name == names) || ...); }

// Each output element depends on one position, statistics of a normalisation apart.
bool keeps_positions(std::string_view name) {
  return is_one_of(name, "batch_norm", "group_norm", "dropout", "concat", "copy", "cast", "where");
}
// Outputs have the input's shape and see more than their own position.
bool mixes_positions(std::string_view name) {
  return is_one_of(name, "softmax", "log_softmax", "layer_norm", "matmul", "linear",
                   "scaled_dot_product_attention");
}

ReceptiveField slide(ReceptiveField field, const Attrs& attrs) {
  const Pair kernel = pair_of(attrs, "kernel_size", 1), stride = pair_of(attrs, "stride", 1),
             dilation = pair_of(attrs, "dilation", 1);
  field.size.h += dilation.h * (kernel.h - 1) * field.stride.h;
  field.size.w += dilation.w * (kernel.w - 1) * field.stride.w;
  field.stride.h *= stride.h;
  field.stride.w *= stride.w;
  return field;
}

// An output pixel of a transposed convolution reads at most ceil(((k-1) d + 1) / s) inputs a side.
ReceptiveField slide_back(ReceptiveField field, const Attrs& attrs) {
  const Pair kernel = pair_of(attrs, "kernel_size", 1), stride = pair_of(attrs, "stride", 1),
             dilation = pair_of(attrs, "dilation", 1);
  const auto reads = [](int k, int d, int s) { return ((k - 1) * d + s) / s; };
  const bool divides = field.stride.h % stride.h == 0 && field.stride.w % stride.w == 0;
  field.size.h += (reads(kernel.h, dilation.h, stride.h) - 1) * field.stride.h;
  field.size.w += (reads(kernel.w, dilation.w, stride.w) - 1) * field.stride.w;
  field.stride.h /= stride.h;
  field.stride.w /= stride.w;
  field.known = divides;  // else an output pixel lies between two of the input
  return field;
}

struct State {
  ReceptiveField field;
  bool is_image = false;  // dimensions 2 and 3 are still the image's
};

// Merges what the inputs see; `first` is the first one that sees anything.
State merge(const Graph& graph, const Graph::Node& node, const std::vector<State>& states,
            const Spec*& first) {
  State merged;
  for (const int v : node.inputs) {
    if (v < 0 || !states[static_cast<std::size_t>(v)].field.known) continue;
    const State& state = states[static_cast<std::size_t>(v)];
    if (!first) {
      merged = state;
      first = &graph.values[static_cast<std::size_t>(v)].spec;
    }
    ReceptiveField& field = merged.field;
    field.whole = field.whole || state.field.whole;
    if (field.stride != state.field.stride && !field.whole) field.known = false;
    field.size.h = std::max(field.size.h, state.field.size.h);
    field.size.w = std::max(field.size.w, state.field.size.w);
  }
  return merged;
}

State of_node(const Graph& graph, const Graph::Node& node, const std::vector<State>& states) {
  const Spec* first = nullptr;
  State merged = merge(graph, node, states, first);
  if (!first || merged.field.whole || !merged.field.known) return merged;

  const std::string_view name = node.op.name();
  const Spec& out = graph.values[static_cast<std::size_t>(node.outputs[0])].spec;
  const bool slides = is_one_of(name, "conv2d", "max_pool2d", "avg_pool2d", "conv_transpose2d");
  if (slides && !merged.is_image) return {};
  if (slides) {
    const Attrs attrs = node.op.attrs(graph.in_specs(node));
    merged.field =
        name == "conv_transpose2d" ? slide_back(merged.field, attrs) : slide(merged.field, attrs);
    return merged;
  }
  const bool moves_only = is_one_of(name, "reshape", "permute", "select", "slice", "pad", "expand");
  if (moves_only) {
    merged.is_image = merged.is_image && is_one_of(name, "slice", "pad", "expand");
    return merged;
  }
  const bool same = std::ranges::all_of(node.inputs, [&](int v) {
    if (v < 0 || !states[static_cast<std::size_t>(v)].field.known) return true;
    return graph.values[static_cast<std::size_t>(v)].spec.shape == out.shape;
  });
  if (keeps_positions(name) || (same && !mixes_positions(name))) return merged;
  // All else reads all of it: linear layers, global pooling, means.
  merged.field.whole = true;
  return merged;
}

}  // namespace

std::vector<ReceptiveField> receptive_fields(const Graph& graph) {
  std::vector<State> states(graph.values.size());
  for (const int v : graph.inputs) {
    const bool is_image =
        v >= 0 && graph.values[static_cast<std::size_t>(v)].spec.shape.rank() == image_rank;
    if (is_image) states[static_cast<std::size_t>(v)] = {{1, 1, false, true}, true};
  }
  for (const Graph::Node& node : graph.nodes) {
    if (node.phase != Phase::forward || node.outputs.empty()) continue;
    const State state = of_node(graph, node, states);
    for (const int v : node.outputs) states[static_cast<std::size_t>(v)] = state;
  }
  std::vector<ReceptiveField> fields;
  fields.reserve(states.size());
  for (const State& state : states) fields.push_back(state.field);
  return fields;
}

}  // namespace glassbox::viz::detail
