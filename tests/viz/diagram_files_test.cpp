// Golden files of a diagram's outputs, and what must hold of those that have other bytes with each
// version of a library.
#include "viz/diagram_files.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tests/skip.h"
#include "tests/viz/golden.h"
#include "tests/viz/sample_diagrams.h"
#include "viz/dot.h"
#include "viz/graph_page.h"
#include "viz/svg.h"

using namespace glassbox;
using nlohmann::json;
using viz::Diagram;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

// All that a drawing marks, with an output, a fold that kept its parts, one module called twice and
// names that mean something in every format.
Diagram everything() {
  Diagram diagram = test::marked_diagram();
  Diagram::Node& fold = diagram.nodes[2];
  for (const char* op : {"Conv", "BatchNorm", "Relu"}) {
    Diagram::Node part;
    part.op = op;
    part.id = "stage.1/" + part.op;
    fold.parts.push_back(part);
  }
  diagram.clusters[1].path = "stage.\"0\"";
  Diagram::Node awkward;
  awkward.id = "a]\"<b>&\\`;#|{}";
  awkward.op = "</script><!--";
  awkward.attrs = {{"axis", std::int64_t{-1}}, {"mode", "a\"b\\"}, {"bias", false}};
  Diagram::Node output;
  output.kind = Diagram::Node::Kind::output;
  output.id = "@output";
  output.name = "output";
  output.inputs = awkward.outputs = diagram.nodes[0].outputs;
  const int n = static_cast<int>(diagram.nodes.size());
  diagram.nodes.push_back(awkward);
  diagram.nodes.push_back(output);
  diagram.edges.push_back({1, n, awkward.outputs[0]});
  diagram.edges.push_back({n, n + 1, awkward.outputs[0]});
  return diagram;
}

// A page without what every page has.
std::string without_fixed_parts(std::string page) {
  for (const auto& [part, name] : {std::pair{viz::detail::graph_page_style, "style"},
                                   {viz::detail::graph_page_measures, "measures"},
                                   {viz::detail::graph_page_layout, "layout"},
                                   {viz::detail::graph_page_places, "places"},
                                   {viz::detail::graph_page_picture, "picture"},
                                   {viz::detail::graph_page_actions, "actions"}}) {
    const std::size_t at = page.find(part);
    REQUIRE(at != page.npos);
    page.replace(at, part.size(), std::string("[") + name + "]\n");
  }
  return page;
}

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

double attribute(const std::string& svg, const std::string& name) {
  return std::strtod(svg.c_str() + svg.find(" " + name + "=\"") + name.size() + 3, nullptr);
}

}  // namespace

TEST_CASE("diagram files: golden files") {
  const Diagram diagram = everything();
  test::check_golden("everything.svg", viz::to_svg(diagram));
  test::check_golden("everything.dot", viz::to_dot(diagram));
  test::check_golden("everything.mmd", viz::to_mermaid(diagram));
  test::check_golden("everything.graph.json", viz::to_json(diagram));
  test::check_golden("everything.model_explorer.json", viz::to_model_explorer(diagram));
  test::check_golden("everything.graph.html", without_fixed_parts(viz::to_html(diagram)));
}

TEST_CASE("diagram files: JSON says what is there") {
  Diagram diagram = everything();
  const json graph = json::parse(viz::to_json(diagram));
  CHECK(graph["schema"] == "glassbox.graph/1");
  CHECK(graph["batch"] == "N");
  REQUIRE(graph["nodes"].size() == diagram.nodes.size());
  REQUIRE(graph["edges"].size() == diagram.edges.size());
  for (std::size_t e = 0; e < diagram.edges.size(); ++e)
    CHECK(graph["edges"][e]["to"] ==
          diagram.nodes[static_cast<std::size_t>(diagram.edges[e].to)].id);
  CHECK(graph["nodes"][2]["parts"].size() == 3);
  CHECK(graph["nodes"][2]["repeat"] == 3);
  CHECK(graph["edges"][7]["failed"] == true);
  diagram.batch = 4;
  const json four = json::parse(viz::to_json(diagram));
  CHECK(four["batch"] == 4);
  CHECK(four["nodes"][0]["outputs"][0] == "4×3×8×8 f32");
  CHECK(four["nodes"][1]["flops"] == 4 * graph["nodes"][1]["flops"].get<double>());
}

TEST_CASE("diagram files: no name ends a page's script or a comment") {
  const std::string page = viz::to_html(everything());
  const std::size_t begin = page.find("<script id=graph"), end = page.find("</script>", begin);
  const std::string element = page.substr(begin, end - begin);
  const json data = json::parse(element.substr(element.find('>') + 1));
  CHECK(data["nodes"].size() == everything().nodes.size());
  CHECK(data["nodes"][7]["op"] == "</script><!--");
  CHECK_FALSE(has(element, "<!--"));
  CHECK(has(page, "A &lt; B &amp; &quot;C&quot;"));
}

TEST_CASE("diagram files: Mermaid has no module without nodes, which it would draw as a node") {
  Diagram diagram = everything();
  diagram.clusters.push_back({"left", "Empty", 0, 1});
  CHECK(viz::to_mermaid(diagram) == viz::to_mermaid(everything()));
}

TEST_CASE("diagram files: a diagram of nothing") {
  const Diagram nothing;
  CHECK(json::parse(viz::to_json(nothing))["nodes"].empty());
  CHECK(viz::to_mermaid(nothing) == "flowchart TB\n");
  CHECK(json::parse(viz::to_model_explorer(nothing))["graphs"][0]["nodes"].empty());
  CHECK(has(viz::to_html(nothing), "0 nodes"));
}

TEST_CASE("diagram files: PNG and PDF have the size of the drawing") {
  if (!viz::why_no_pdf().empty()) return test::skip(viz::why_no_pdf());
  const std::string svg = viz::to_svg(everything());
  const double width = attribute(svg, "width"), height = attribute(svg, "height");
  REQUIRE(width > 100);
  for (const int scale : {1, 2}) {
    const std::string png = viz::to_png(svg, scale);
    CAPTURE(scale);
    CHECK(std::abs(big_endian(png, 16) - width * scale) <= 1);
    CHECK(std::abs(big_endian(png, 20) - height * scale) <= 1);
    // Chunks fill the file: their lengths lead from the signature to IEND.
    std::size_t at = 8;
    std::string last;
    for (; at + 12 <= png.size(); at += 12 + big_endian(png, at)) last = png.substr(at + 4, 4);
    CHECK(at == png.size());
    CHECK(last == "IEND");
  }
  const std::string pdf = viz::to_pdf(svg);
  CHECK(pdf.starts_with("%PDF-1."));
  CHECK(has(pdf.substr(pdf.size() - 8), "%%EOF"));
  const std::size_t box = pdf.find("/MediaBox [ 0 0 ");
  REQUIRE(box != pdf.npos);
  CHECK(pdf.find("/MediaBox", box + 1) == pdf.npos);  // one page
  const double points = std::strtod(pdf.c_str() + box + 16, nullptr);
  CHECK(std::abs(points - width * 0.75) <= 1);  // 96 units are 72 points
  CHECK(has(pdf, "/FontFile"));                 // text stays text
}
