#include <nlohmann/json.hpp>

#include "viz/box_text.h"
#include "viz/diagram_files.h"
#include "viz/graph_page.h"
#include "viz/svg_writer.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

using Json = nlohmann::ordered_json;
using Node = Diagram::Node;

// Inside a script element no "</" may stand, whatever a name holds.
std::string for_script(const Json& json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace), out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == '<' && i + 1 < text.size() && (text[i + 1] == '/' || text[i + 1] == '!')) {
      out.pop_back();
      out += "\\u003c";
    }
  }
  return out;
}

// As docs/graphs.md lists them.
constexpr std::pair<std::string_view, std::string_view> keys[] = {
    {"n, p", "the next, the previous one in order of execution"},
    {"Home, End", "the first, the last"},
    {"↓ ↑", "along an edge to a reader, to what is read"},
    {"← →", "to what is beside"},
    {"Enter", "open or close the chosen module"},
    {"Backspace", "close the module around"},
    {"/", "search; Enter chooses what was found, then the next; Escape ends"},
    {"+ − 0", "zoom, fit"},
    {"Shift and arrows", "move the picture (arrows alone where nothing is chosen)"},
    {"Tab", "to the panel and its links"},
    {"Escape", "choose nothing"},
};

Json json_of(const Node& node, const Diagram& diagram) {
  const std::int64_t n = detail::costs_batch(diagram);
  Json attrs = Json::array();
  for (const Attr& attr : node.attrs) attrs.push_back({attr.name, glassbox::to_string(attr.value)});
  Json json = {{"id", node.id},
               {"op", node.op},
               {"title", title_of(node)},
               {"module", node.module},
               {"cluster", node.cluster},
               {"kind", detail::name_of(node.kind)},
               {"call", node.call},
               {"repeat", node.repeat},
               {"attrs", attrs},
               {"inputs", detail::shape_texts(node.inputs, diagram.batch)},
               {"outputs", detail::shape_texts(node.outputs, diagram.batch)},
               {"params", node.parameters},
               {"macs", node.costs.macs.at(n)},
               {"flops", node.costs.flops.at(n)},
               {"memory", node.costs.activations.at(n)}};
  if (node.kind != Node::Kind::op && !node.outputs.empty())
    json["sub"] = shape_text(node.outputs[0], diagram.batch);
  if (node.parameters > 0)
    json["sub"] = with_si(static_cast<double>(node.parameters)) + " parameters";
  if (node.time) json["time"] = node.time->median;
  if (node.shared) json["shared"] = true;
  if (!node.failure.empty()) json["failure"] = node.failure;
  if (!node.notes.empty()) json["notes"] = node.notes;
  if (node.change != Node::Change::none) json["change"] = detail::name_of(node.change);
  if (!node.parts.empty()) {
    Json parts = Json::array();
    for (const Node* part : leaves_of(node)) parts.push_back(part->id);
    json["parts"] = parts;
  }
  return json;
}

}  // namespace

std::string to_html(const Diagram& diagram) {
  Json data;
  data["model"] = diagram.model;
  Json nodes = Json::array(), edges = Json::array(), clusters = Json::array();
  bool timed = false;
  for (const Node& node : diagram.nodes) {
    nodes.push_back(json_of(node, diagram));
    timed = timed || node.time;
  }
  for (const Diagram::Edge& edge : diagram.edges) {
    edges.push_back({edge.from, edge.to, shape_text(edge.tensor, diagram.batch), edge.failed,
                     detail::name_of(edge.change)});
  }
  for (const Diagram::Cluster& cluster : diagram.clusters) {
    clusters.push_back({{"path", (cluster.path.empty() ? cluster.type : cluster.path) +
                                     frame_mark(diagram, cluster)},
                        {"type", cluster.type},
                        {"parent", cluster.parent}});
  }
  data["nodes"] = nodes;
  data["edges"] = edges;
  data["clusters"] = clusters;

  const std::string model = detail::xml_escaped(diagram.model);
  std::string page =
      "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
      "<meta name=viewport content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=generator content=glassbox>\n<title>" +
      model + " — graph</title>\n<style>";
  page += detail::graph_page_style;
  page += "</style>\n</head>\n<body>\n<header>\n<h1>" + model + "</h1>\n<p>" +
          std::to_string(diagram.nodes.size()) +
          " nodes</p>\n"
          "<input type=search placeholder=\"search ( / )\" aria-label=search>\n"
          "<span role=status></span><span class=room></span>\n"
          "<label>colour <select><option value=op>by kind</option>"
          "<option value=params>parameters</option><option value=flops>FLOPs</option>"
          "<option value=memory>activations</option>";
  if (timed) page += "<option value=time>time</option>";
  page +=
      "</select> <span class=legend hidden></span></label>\n"
      "<button data-do=open>open all</button><button data-do=close>close all</button>\n"
      "<button data-do=out aria-label=\"zoom out\">−</button>"
      "<button data-do=in aria-label=\"zoom in\">+</button>"
      "<button data-do=fit>fit</button><button data-do=theme>light/dark</button>"
      "<button data-do=keys>keys</button>\n</header>\n";
  if (!diagram.failure.empty())
    page += "<div class=failure>The forward pass failed: " + detail::xml_escaped(diagram.failure) +
            "</div>\n";
  page +=
      "<main><canvas tabindex=0 aria-label=\"graph\"></canvas><aside aria-label=\"what is chosen\" "
      "hidden></aside></main>\n"
      "<dialog aria-label=keys><table>\n";
  for (const auto& [key, what] : keys)
    page += "<tr><td>" + std::string(key) + "<td>" + std::string(what) + "\n";
  page +=
      "</table><form method=dialog><button>close</button></form></dialog>\n"
      "<script id=graph type=\"application/json\">" +
      for_script(data) + "</script>\n<script>";
  page += detail::graph_page_measures;
  page += detail::graph_page_layout;
  page += detail::graph_page_places;
  page += detail::graph_page_picture;
  page += detail::graph_page_actions;
  return page + "</script>\n</body>\n</html>\n";
}

}  // namespace glassbox::viz
