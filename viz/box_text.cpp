#include "viz/box_text.h"

#include <algorithm>

#include "viz/calls.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

using glassbox::to_string;

std::string join(std::string text, const std::string& more, std::string_view separator) {
  if (more.empty()) return text;
  return text.empty() ? more : text + std::string(separator) + more;
}

// "" for the frame's own path.
std::string below(const std::string& path, const std::string& frame) {
  return path == frame ? "" : detail::relative_path(path, frame);
}

std::int64_t batch_of(const Diagram& diagram) { return diagram.batch < 0 ? 1 : diagram.batch; }

std::string shapes_text(const std::vector<TensorInfo>& tensors, std::int64_t batch) {
  std::string text;
  for (const TensorInfo& tensor : tensors) text = join(text, shape_text(tensor, batch), ", ");
  return text;
}

std::string seconds_text(double seconds) {
  if (seconds >= 1) return fixed(seconds, 2) + " s";
  return seconds >= 1e-3 ? fixed(seconds * 1e3, 2) + " ms" : fixed(seconds * 1e6, 1) + " µs";
}

}  // namespace

std::string shape_text(const TensorInfo& tensor, std::int64_t batch) {
  if (tensor.dims.empty()) return "scalar";
  std::string text;
  for (const char c : to_string(tensor, batch)) {
    if (c == ',')
      text += "×";
    else if (c != '[' && c != ']' && c != ' ')
      text += c;
  }
  return tensor.dtype == DType::f32 ? text : text + " " + std::string(name_of(tensor.dtype));
}

bool is_shared(const Diagram::Node& node) {
  return node.parts.empty() ? node.shared : std::ranges::all_of(node.parts, is_shared);
}

std::string detail_text(const Diagram::Node& node, const std::string& frame) {
  std::string text = below(node.module, frame);
  if (is_shared(node))
    text = join(text, node.call > 1 ? ordinal(node.call) + " call" : "shared", ", ");
  if (node.parameters > 0) text = join(text, with_commas(node.parameters) + " parameters", " · ");
  return text;
}

std::vector<std::string> about(const Diagram& diagram, const Diagram::Node& node) {
  std::vector<std::string> lines;
  std::string title = title_of(node);
  if (node.repeat > 1) title += " ×" + std::to_string(node.repeat);
  lines.push_back(title);
  const auto add = [&lines](std::string_view name, const std::string& value) {
    if (!value.empty()) lines.push_back(std::string(name) + " " + value);
  };
  add("id", node.id);
  if (is_shared(node)) add("call", std::to_string(node.call));
  add("input", shapes_text(node.inputs, diagram.batch));
  add("output", shapes_text(node.outputs, diagram.batch));
  for (const Attr& attr : node.attrs) {
    if (!attr.is_default) add(attr.name, to_string(attr.value));
  }
  if (node.parameters > 0) add("parameters", with_commas(node.parameters));
  const std::int64_t batch = batch_of(diagram);
  if (const double flops = node.costs.flops.at(batch)) add("FLOPs", with_si(flops));
  if (const double bytes = node.costs.activations.at(batch))
    add("activations", with_binary_unit(bytes));
  if (node.time) add("time", seconds_text(node.time->median));
  lines.insert(lines.end(), node.notes.begin(), node.notes.end());
  add("failure", node.failure);
  return lines;
}

std::string totals_text(const Diagram& diagram) {
  std::int64_t parameters = 0;
  double flops = 0, seconds = 0;
  for (const Diagram::Node& node : diagram.nodes) {
    if (node.change == Diagram::Node::Change::removed) continue;  // the figures are the new graph's
    parameters += node.parameters;
    flops += node.costs.flops.at(batch_of(diagram));
    if (node.time) seconds += node.time->median;
  }
  std::string text;
  if (parameters > 0) text = with_commas(parameters) + " parameters";
  if (flops > 0) text = join(text, with_si(flops) + " FLOPs", ", ");
  if (flops > 0 && batch_of(diagram) != 1) text += " at batch " + std::to_string(batch_of(diagram));
  if (diagram.measured_batch > 0) {
    text = join(text,
                seconds_text(seconds) + " at batch " + std::to_string(diagram.measured_batch) +
                    " on " + std::to_string(diagram.measured_threads) +
                    (diagram.measured_threads == 1 ? " thread" : " threads"),
                ", ");
  }
  return text;
}

std::string frame_title(const Diagram& diagram, const Diagram::Cluster& cluster) {
  std::string outer;
  if (cluster.parent >= 0) outer = diagram.clusters[static_cast<std::size_t>(cluster.parent)].path;
  return below(cluster.path, outer) + frame_mark(diagram, cluster);
}

std::string frame_mark(const Diagram& diagram, const Diagram::Cluster& cluster) {
  Diagram::Cluster outer;
  if (cluster.parent >= 0) outer = diagram.clusters[static_cast<std::size_t>(cluster.parent)];
  std::string mark;
  if (cluster.call > 1 && cluster.call != outer.call)
    mark += " (" + ordinal(cluster.call) + " call)";
  if (cluster.phase != Phase::forward && cluster.phase != outer.phase) mark += " (backward)";
  return mark;
}

std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line, word;
  const auto end_word = [&] {
    if (word.empty()) return;
    if (!line.empty() && width_of(line) + 1 + width_of(word) > width) {
      lines.push_back(line);
      line.clear();
    }
    line = join(line, word, " ");
    word.clear();
  };
  for (const char c : text) {
    if (c == ' ' || c == '\n') {
      end_word();
    } else {
      word += c;
    }
  }
  end_word();
  if (!line.empty()) lines.push_back(line);
  return lines;
}

}  // namespace glassbox::viz
