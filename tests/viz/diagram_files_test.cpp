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
#include "viz/dot.h"
#include "viz/graph_page.h"
#include "viz/svg.h"

using namespace glassbox;
using nlohmann::json;
using viz::Diagram;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

viz::TensorInfo image(std::int64_t c, std::int64_t size) {
  return {{viz::Dim{2, 0}, viz::Dim{0, c}, viz::Dim{0, size}, viz::Dim{0, size}}, DType::f32};
}

// All that a diagram can say: inputs and an output, a repetition, a fold, a module called twice,
// times, changes, a failure, frames in frames, and names that mean something in every format.
Diagram everything() {
  using Kind = Diagram::Node::Kind;
  using Change = Diagram::Node::Change;
  Diagram diagram;
  diagram.model = "A < B & \"C\"";
  diagram.failure = "conv2d: 8 channels, but weight expects 16 in Net.head";
  diagram.clusters = {{"stage", "Sequential", -1, 1},
                      {"stage.\"0\"", "Block", 0, 2},
                      {"stage", "Sequential", -1, 1, Phase::backward}};
  const auto add = [&diagram](std::string id, std::string op, int cluster) -> Diagram::Node& {
    Diagram::Node node;
    node.id = std::move(id);
    node.op = std::move(op);
    node.cluster = cluster;
    node.inputs = node.outputs = {image(8, 4)};
    diagram.nodes.push_back(node);
    return diagram.nodes.back();
  };
  Diagram::Node& input = add("@input", "", -1);
  input.kind = Kind::input;
  input.name = "input";
  input.inputs = {};
  input.outputs = {image(3, 8)};
  Diagram::Node& conv = add("stage.0.conv/conv2d#2", "Conv", 1);
  conv.module = "stage.0.conv";
  conv.attrs = {{"kernel_size", Pair(3)},
                {"channels", std::vector<std::int64_t>{3, 8}},
                {"stride", Pair(2)},
                {"bias", false}};
  conv.inputs = {image(3, 8)};
  conv.parameters = 216;
  conv.costs.macs = {27648, 0};
  conv.costs.flops = {55296, 0};
  conv.costs.activations = {512, 0};
  conv.time = viz::Timing{0.002, 0.001, 0.003};
  conv.shared = true;
  conv.call = 2;
  Diagram::Node& fold = add("stage.1.relu/relu", "ConvBnRelu", 0);
  fold.name = "Residual block";
  fold.module = "stage.1";
  fold.repeat = 3;
  fold.parameters = 10'000;
  fold.costs.flops = {1e6, 0};
  for (const char* op : {"Conv", "BatchNorm", "Relu"}) {
    Diagram::Node part;
    part.op = op;
    part.id = "stage.1/" + part.op;
    fold.parts.push_back(part);
  }
  add("old", "Relu", -1).change = Change::removed;
  add("new", "Gelu", -1).change = Change::added;
  Diagram::Node& norm = add("bn", "BatchNorm", -1);
  norm.change = Change::changed;
  norm.notes = {"eps 1e-05 → 0.001"};
  Diagram::Node& failed = add("head/conv2d", "Conv", -1);
  failed.module = "head";
  failed.failure = diagram.failure;
  add("a]\"<b>&\\`;#|{}", "</script><!--", -1).attrs = {{"axis", std::int64_t{-1}},
                                                        {"mode", "a\"b\\"}};
  add("stage.1/conv2d_grad_input", "ConvGradInput", 2).phase = Phase::backward;
  Diagram::Node& output = add("@output", "", -1);
  output.kind = Kind::output;
  output.name = "output";
  output.outputs = {};
  const viz::TensorInfo x = image(8, 4);
  diagram.edges = {{0, 1, image(3, 8)},
                   {1, 2, x},
                   {2, 3, x, false, Change::removed},
                   {2, 4, x, false, Change::added},
                   {3, 5, x, false, Change::removed},
                   {4, 5, x, false, Change::added},
                   {1, 5, x},
                   {5, 6, x, true},
                   {2, 6, x, true},
                   {1, 7, x},
                   {7, 8, x},
                   {7, 9, x}};
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
