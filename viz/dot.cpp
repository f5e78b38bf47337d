#include "viz/dot.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "viz/calls.h"
#include "viz/text.h"
#include "viz/titles.h"

namespace glassbox::viz {
namespace {

using Node = Diagram::Node;

struct Ink {
  std::string_view fill, line;
};

// By what an op is for: tints of the Okabe-Ito palette, which colour-blind readers can tell apart.
Ink ink_of(std::string_view kind) {
  struct Family {
    std::string_view part;  // of the kind
    Ink ink;
  };
  constexpr Ink blue{"#D9E8F5", "#0072B2"}, purple{"#F3E0EC", "#A8558A"},
      yellow{"#FBF7D5", "#A89800"}, orange{"#FCEBCF", "#C98A00"}, green{"#D3EEE5", "#00865F"},
      red{"#F8E0D5", "#C65700"}, grey{"#EFEFEF", "#808080"}, white{"#FFFFFF", "#555555"};
  static constexpr Family families[] = {
      {"Conv", blue},      {"Linear", purple}, {"MatMul", purple}, {"Norm", yellow},
      {"Pool", green},     {"Dropout", red},   {"Loss", red},      {"CrossEntropy", red},
      {"Softmax", orange}, {"elu", orange},    {"Silu", orange},   {"Sigmoid", orange},
      {"Tanh", orange},    {"Clip", orange},   {"Reshape", grey},  {"Flatten", grey},
      {"Transpose", grey}, {"Concat", grey},   {"Slice", grey},    {"Gather", grey},
      {"Pad", grey},       {"Expand", grey},   {"Squeeze", grey},  {"Identity", grey},
  };
  for (const Family& family : families) {
    if (kind.find(family.part) != kind.npos) return family.ink;
  }
  return white;
}

// For a quoted id.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// For text inside an HTML-like label.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
        out += ' ';
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string font(std::string_view attributes, const std::string& html) {
  return "<font " + std::string(attributes) + ">" + html + "</font>";
}

class Drawing {
 public:
  Drawing(const Diagram& diagram, const DotOptions& options)
      : diagram_(diagram),
        options_(options),
        inside_(diagram.clusters.size()),
        children_(diagram.clusters.size()),
        first_(diagram.clusters.size(), -1),
        drawn_(diagram.clusters.size(), false) {
    for (std::size_t n = 0; n < diagram.nodes.size(); ++n) {
      int c = diagram.nodes[n].cluster;
      if (c >= 0) inside_[static_cast<std::size_t>(c)].push_back(static_cast<int>(n));
      // A cluster in which nothing is left has no first node, and is nobody's child.
      for (; c >= 0 && first_[static_cast<std::size_t>(c)] < 0; c = cluster(c).parent) {
        first_[static_cast<std::size_t>(c)] = static_cast<int>(n);
        if (cluster(c).parent >= 0)
          children_[static_cast<std::size_t>(cluster(c).parent)].push_back(c);
      }
    }
  }

  std::string text() {
    head();
    for (const Node& node : diagram_.nodes) {
      if (options_.frames && node.cluster >= 0) {
        frame(outermost(node.cluster));
      } else {
        box(node);
      }
    }
    for (const Diagram::Edge& edge : diagram_.edges) draw(edge);
    return text_ + "}\n";
  }

 private:
  const Diagram::Cluster& cluster(int c) const {
    return diagram_.clusters[static_cast<std::size_t>(c)];
  }
  const Node& node(int n) const { return diagram_.nodes[static_cast<std::size_t>(n)]; }

  void line(const std::string& text) { text_ += std::string(2 * depth_, ' ') + text + "\n"; }

  void head() {
    text_ = "digraph " + quoted(diagram_.model) + " {\n";
    depth_ = 1;
    line(std::string("rankdir=") + (options_.direction == Direction::top_down ? "TB" : "LR"));
    line(
        "graph [bgcolor=\"#FFFFFF\", fontname=\"Helvetica,Arial,sans-serif\", fontsize=14, "
        "fontcolor=\"#222222\", pad=0.3, "
        "ranksep=0.2, nodesep=0.3, labelloc=t, labeljust=l]");
    line(
        "node [shape=box, style=\"rounded,filled\", fillcolor=\"#FFFFFF\", color=\"#555555\", "
        "penwidth=1.2, "
        "fontname=\"Helvetica,Arial,sans-serif\", fontsize=11, fontcolor=\"#222222\", "
        "margin=\"0.14,0.07\", height=0.3]");
    line(
        "edge [color=\"#707070\", arrowsize=0.6, fontname=\"Helvetica,Arial,sans-serif\", "
        "fontsize=9, fontcolor=\"#606060\"]");
    if (!diagram_.model.empty()) line("label=<<b>" + escaped(diagram_.model) + "</b>>");
  }

  // --- frames -----------------------------------------------------------------------------------

  int outermost(int c) const {
    while (cluster(c).parent >= 0) c = cluster(c).parent;
    return c;
  }

  // " (2nd call)", where the repetition begins.
  static std::string again(int call, int call_around) {
    return call > 1 && call != call_around ? " (" + ordinal(call) + " call)" : "";
  }

  void frame(int c) {
    if (drawn_[static_cast<std::size_t>(c)]) return;
    drawn_[static_cast<std::size_t>(c)] = true;
    const Diagram::Cluster& made = cluster(c);
    const Diagram::Cluster outer = made.parent < 0 ? Diagram::Cluster() : cluster(made.parent);
    std::string name = detail::relative_path(made.path, outer.path) + again(made.call, outer.call);
    std::string id = made.path + (made.call > 1 ? "#" + std::to_string(made.call) : "");
    if (made.phase != Phase::forward) {
      id += " backward";
      if (outer.phase != made.phase) name += " (backward)";
    }
    line("subgraph " + quoted("cluster_" + id) + " {");
    ++depth_;
    // Two short lines in the corner: an edge enters in the middle.
    constexpr std::string_view end = "<br align=\"left\"/>";
    const std::string label =
        cat("<b>", escaped(name), "</b>", end,
            font("point-size=\"9\" color=\"#707070\"", escaped(made.type)), end);
    const bool even = depth_ % 2 == 0;
    line("graph [label=<" + label + ">, fontsize=10, style=\"rounded,filled\", fillcolor=\"" +
         (even ? "#F7F8FA" : "#EEF1F5") + "\", color=\"#C3CAD3\", penwidth=1, margin=10]");
    // In order of execution: own nodes, and frames where their first node runs.
    std::vector<std::pair<int, int>> content;  // node, frame
    for (const int n : inside_[static_cast<std::size_t>(c)]) content.emplace_back(n, -1);
    for (const int below : children_[static_cast<std::size_t>(c)])
      content.emplace_back(first_[static_cast<std::size_t>(below)], below);
    std::ranges::sort(content);
    for (const auto& [n, inner] : content) inner < 0 ? box(node(n)) : frame(inner);
    --depth_;
    line("}");
  }

  // --- nodes ------------------------------------------------------------------------------------

  void box(const Node& node) {
    if (node.kind != Node::Kind::op) return terminal(node);
    const bool is_plain = node.parts.empty() && node.name.empty();
    std::string title = is_plain ? node.op : title_of(node);
    if (const std::string kernel = kernel_of(node.attrs); is_plain && !kernel.empty())
      title += " " + kernel;
    if (node.repeat > 1) title += " ×" + std::to_string(node.repeat);
    std::string label = "<b>" + escaped(title) + "</b>";

    std::vector<std::string> facts, from;
    if (is_plain) {
      facts = options_of(node.attrs);
      if (const std::string channels = channels_of(node.attrs); !channels.empty())
        facts.insert(facts.begin(), channels);
    }
    label += row_of(facts, "point-size=\"9\"");
    const Diagram::Cluster around = node.cluster < 0 ? Diagram::Cluster() : cluster(node.cluster);
    if (!node.module.empty() && node.module != around.path)
      from.push_back(node.module + again(node.call, around.call));
    if (node.parameters > 0) from.push_back(with_commas(node.parameters) + " parameters");
    label += row_of(from, "point-size=\"8\" color=\"#606060\"");
    label += notes_of(node);
    if (!node.failure.empty())
      label += row_of({node.failure}, "point-size=\"9\" color=\"#B00020\"");

    Ink ink = node.failure.empty() ? ink_of(node.op) : Ink{"#FDECEA", "#B00020"};
    if (!change_color(node.change).empty()) ink.line = change_color(node.change);
    line(quoted(node.id) + " [label=<" + label + ">, fillcolor=\"" + std::string(ink.fill) +
         "\", color=\"" + std::string(ink.line) + "\"" +
         (node.change == Node::Change::none ? "" : ", penwidth=2.4") + "]");
  }

  void terminal(const Node& node) {
    if (node.id.starts_with("@constant")) {
      return line(quoted(node.id) +
                  " [label=\"constant\", color=\"#808080\", style=\"rounded,dashed\"]");
    }
    std::string label = "<b>" + escaped(node.name) + "</b>";
    if (node.kind == Node::Kind::output && !node.inputs.empty())
      label += "<br/>" + font("point-size=\"9\" color=\"#606060\"", shape_of(node.inputs[0]));
    label += notes_of(node);
    line(quoted(node.id) + " [label=<" + label +
         ">, color=\"#222222\", fillcolor=\"#FFFFFF\", penwidth=1.6]");
  }

  static std::string notes_of(const Node& node) {
    std::string rows;
    for (const std::string& note : node.notes)
      rows += row_of({note}, "point-size=\"8\" color=\"#606060\"");
    return rows;
  }

  static std::string_view change_color(Node::Change change) {
    constexpr std::string_view colors[] = {"", "#2E7D32", "#B00020", "#B26A00"};
    return colors[static_cast<std::size_t>(change)];
  }

  static std::string row_of(const std::vector<std::string>& facts, std::string_view look) {
    std::string text;
    for (const std::string& fact : facts) text += (text.empty() ? "" : ", ") + escaped(fact);
    return text.empty() ? "" : "<br/>" + font(look, text);
  }

  // --- edges ------------------------------------------------------------------------------------

  void draw(const Diagram::Edge& edge) {
    line(quoted(node(edge.from).id) + " -> " + quoted(node(edge.to).id) + " [label=\" " +
         shape_of(edge.tensor) + " \"" + look_of(edge) + "]");
  }

  static std::string look_of(const Diagram::Edge& edge) {
    if (edge.failed) return ", color=\"#B00020\", penwidth=2";
    const std::string_view color = change_color(edge.change);
    return color.empty() ? "" : cat(", color=\"", color, "\", penwidth=2");
  }

  std::string shape_of(const TensorInfo& tensor) const {
    if (tensor.dims.empty()) return "scalar";
    std::string text;
    for (const Dim& dim : tensor.dims) {
      const std::string one = viz::to_string(TensorInfo{{dim}, tensor.dtype}, diagram_.batch);
      text += (text.empty() ? "" : "×") + one.substr(1, one.size() - 2);
    }
    return tensor.dtype == DType::f32 ? text : text + " " + std::string(name_of(tensor.dtype));
  }

  const Diagram& diagram_;
  const DotOptions& options_;
  std::vector<std::vector<int>> inside_, children_;  // nodes and clusters, by cluster
  std::vector<int> first_;                           // node inside, by cluster
  std::vector<bool> drawn_;                          // clusters
  std::size_t depth_ = 0;
  std::string text_;
};

}  // namespace

std::string to_dot(const Diagram& diagram, const DotOptions& options) {
  return Drawing(diagram, options).text();
}

}  // namespace glassbox::viz
