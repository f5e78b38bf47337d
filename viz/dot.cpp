#include "viz/dot.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "viz/calls.h"
#include "viz/text.h"
#include "viz/titles.h"

namespace glassbox::viz {
namespace {

using detail::Event;

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
  Drawing(const Graph& graph, const DotOptions& options)
      : graph_(graph),
        options_(options),
        names_(graph.node_names()),
        events_(detail::events_of(graph)) {
    for (const Graph::Call& call : graph_.calls)
      owned_.insert(call.tensors.begin(), call.tensors.end());
    if (!graph_.inputs.empty() && options_.symbolic_batch) {
      const Shape& shape = value(graph_.inputs[0]).spec.shape;
      if (shape.rank() > 0) batch_ = shape[0];
    }
  }

  std::string text() {
    head();
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
      terminal(input_id(i), name_of_input(i), "");
    }
    // The model's own frame is the whole drawing, and its name the title.
    const std::vector<Event>& outer = events_.back();
    const bool one_model = outer.size() == 1 && outer[0].is_call;
    body(one_model ? events_[static_cast<std::size_t>(outer[0].index)] : outer, "");
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
      terminal(output_id(i), output_name(i), shape_of(graph_.outputs[i]));
    }
    edges();
    return text_ + "}\n";
  }

 private:
  const Graph::Value& value(int v) const { return graph_.values[static_cast<std::size_t>(v)]; }
  const Graph::Call& call_of(int c) const { return graph_.calls[static_cast<std::size_t>(c)]; }
  const Graph::Node& node(int n) const { return graph_.nodes[static_cast<std::size_t>(n)]; }

  void line(const std::string& text) { text_ += std::string(2 * depth_, ' ') + text + "\n"; }

  void head() {
    text_ = "digraph " + quoted(graph_.name) + " {\n";
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
    if (!graph_.name.empty()) line("label=<<b>" + escaped(graph_.name) + "</b>>");
  }

  // --- inputs and outputs -----------------------------------------------------------------------

  std::string name_of_input(std::size_t i) const {
    const std::string& name = value(graph_.inputs[i]).name;
    if (!name.empty()) return name;
    return graph_.inputs.size() == 1 ? "input" : "input" + std::to_string(i + 1);
  }
  std::string input_id(std::size_t i) const { return "@" + name_of_input(i); }
  std::string output_name(std::size_t i) const {
    return graph_.outputs.size() == 1 ? "output" : "output" + std::to_string(i + 1);
  }
  std::string output_id(std::size_t i) const { return "@" + output_name(i); }

  void terminal(const std::string& id, const std::string& name, const std::string& below) {
    std::string label = "<b>" + escaped(name) + "</b>";
    if (!below.empty()) label += "<br/>" + font("point-size=\"9\" color=\"#606060\"", below);
    line(quoted(id) + " [label=<" + label +
         ">, color=\"#222222\", fillcolor=\"#FFFFFF\", penwidth=1.6]");
  }

  // --- ops and frames ---------------------------------------------------------------------------

  void body(const std::vector<Event>& events, const std::string& path) {
    for (const Event& event : events) {
      if (event.is_call) {
        frame(event.index, path);
      } else {
        box(event.index, "");
      }
    }
  }

  void frame(int index, const std::string& outer_path) {
    const Graph::Call& call = call_of(index);
    const std::vector<Event>& events = events_[static_cast<std::size_t>(index)];
    // Said once, where the repetition begins.
    const bool inner = call.parent >= 0 && call_of(call.parent).repeat == call.repeat;
    const std::string again =
        call.repeat > 0 && !inner ? " (" + ordinal(call.repeat + 1) + " call)" : "";
    if (detail::is_one_op(events)) return box(events[0].index, call.path + again);
    if (!options_.frames || !shows_anything(index)) return body(events, call.path);
    const std::string name = detail::relative_path(call.path, outer_path) + again;
    const std::string id =
        call.path + (call.repeat > 0 ? "#" + std::to_string(call.repeat + 1) : "");
    line("subgraph " + quoted("cluster_" + id) + " {");
    ++depth_;
    // Two short lines in the corner: an edge enters in the middle.
    constexpr std::string_view end = "<br align=\"left\"/>";
    const std::string label =
        cat("<b>", escaped(name), "</b>", end,
            font("point-size=\"9\" color=\"#707070\"", escaped(call.type)), end);
    const bool even = depth_ % 2 == 0;
    line("graph [label=<" + label + ">, fontsize=10, style=\"rounded,filled\", fillcolor=\"" +
         (even ? "#F7F8FA" : "#EEF1F5") + "\", color=\"#C3CAD3\", penwidth=1, margin=10]");
    body(events, call.path);
    --depth_;
    line("}");
  }

  bool shows_anything(int call) const {
    return std::ranges::any_of(events_[static_cast<std::size_t>(call)], [this](const Event& event) {
      return !event.is_call || shows_anything(event.index);
    });
  }

  void box(int index, const std::string& path) {
    const Graph::Node& n = node(index);
    std::string label = escaped(n.op.kind());
    if (const std::string kernel = kernel_of(graph_, n); !kernel.empty())
      label += " " + escaped(kernel);
    label = "<b>" + label + "</b>";

    std::vector<std::string> facts = options_of(graph_, n);
    if (const std::string channels = channels_of(graph_, n); !channels.empty()) {
      facts.insert(facts.begin(), channels);
    }
    label += row_of(facts, "point-size=\"9\"");
    std::vector<std::string> from;
    if (!path.empty()) from.push_back(path);
    if (const std::int64_t parameters = parameters_of(n))
      from.push_back(with_commas(parameters) + " parameters");
    label += row_of(from, "point-size=\"8\" color=\"#606060\"");

    const Ink ink = ink_of(n.op.kind());
    line(quoted(names_[static_cast<std::size_t>(index)]) + " [label=<" + label + ">, fillcolor=\"" +
         std::string(ink.fill) + "\", color=\"" + std::string(ink.line) + "\"]");
  }

  static std::string row_of(const std::vector<std::string>& facts, std::string_view look) {
    std::string text;
    for (const std::string& fact : facts) text += (text.empty() ? "" : ", ") + escaped(fact);
    return text.empty() ? "" : "<br/>" + font(look, text);
  }

  std::int64_t parameters_of(const Graph::Node& n) const {
    std::int64_t count = 0;
    for (const int v : n.inputs) {
      if (v >= 0 && value(v).role == Role::parameter) count += value(v).spec.numel();
    }
    return count;
  }

  // --- edges ------------------------------------------------------------------------------------

  void edges() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!is_shown(graph_, graph_.nodes[i])) continue;
      std::unordered_set<int> drawn;
      for (const int v : graph_.nodes[i].inputs) {
        if (v >= 0 && drawn.insert(v).second) edge(v, names_[i]);
      }
    }
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) edge(graph_.outputs[i], output_id(i));
  }

  void edge(int v, const std::string& to) {
    const std::string from = source_of(v);
    if (from.empty()) return;
    line(quoted(from) + " -> " + quoted(to) + " [label=\" " + shape_of(v) + " \"]");
  }

  // The id of the node that a value comes from; "" for parameters, buffers and what is not shown.
  std::string source_of(int v) {
    const Graph::Value& from = value(v);
    if (is_state(graph_, v)) return "";
    if (from.producer >= 0) {
      return is_shown(graph_, node(from.producer)) ? names_[static_cast<std::size_t>(from.producer)]
                                                   : "";
    }
    const auto input = std::ranges::find(graph_.inputs, v);
    if (input != graph_.inputs.end()) {
      return input_id(static_cast<std::size_t>(input - graph_.inputs.begin()));
    }
    if (from.role != Role::input || owned_.contains(v)) return "";
    // A tensor from outside that no module lists.
    const std::string id = "@constant" + std::to_string(v);
    if (constants_.insert(v).second) {
      line(quoted(id) + " [label=\"constant\", color=\"#808080\", style=\"rounded,dashed\"]");
    }
    return id;
  }

  std::string shape_of(int v) const {
    const Spec& spec = value(v).spec;
    if (spec.shape.rank() == 0) return "scalar";
    std::string text;
    for (int d = 0; d < spec.shape.rank(); ++d) {
      if (d) text += "×";
      text += d == 0 && spec.shape[d] == batch_ ? "N" : std::to_string(spec.shape[d]);
    }
    return spec.dtype == DType::f32 ? text : text + " " + std::string(name_of(spec.dtype));
  }

  const Graph& graph_;
  const DotOptions& options_;
  const std::vector<std::string> names_;
  const std::vector<std::vector<Event>> events_;
  std::unordered_set<int> owned_;      // values that are some module's parameters and buffers
  std::unordered_set<int> constants_;  // values drawn as such
  std::int64_t batch_ = -1;
  std::size_t depth_ = 0;
  std::string text_;
};

}  // namespace

std::string to_dot(const Graph& graph, const DotOptions& options) {
  return Drawing(graph, options).text();
}

}  // namespace glassbox::viz
