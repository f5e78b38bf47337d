#include "viz/svg.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "layers/models/models.h"
#include "tests/skip.h"
#include "tests/viz/golden.h"
#include "tests/viz/sample_diagrams.h"
#include "viz/box_text.h"
#include "viz/svg_writer.h"

using namespace glassbox;
using viz::ColorBy;
using viz::Diagram;
using viz::Direction;
using viz::DrawOptions;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Every tag closed in order and every attribute quoted; "" or what is wrong.
std::string malformed(const std::string& xml) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < xml.size();) {
    const std::size_t begin = xml.find('<', at);
    const std::string text = xml.substr(at, begin == xml.npos ? xml.npos : begin - at);
    if (has(text, ">")) return "a bare > in " + text;
    for (std::size_t i = text.find('&'); i != text.npos; i = text.find('&', i + 1)) {
      const std::size_t end = text.find(';', i);
      if (end == text.npos || end - i > 6) return "a bare & in " + text;
    }
    if (begin == xml.npos) break;
    std::size_t end = begin;
    for (bool quoted = false; end < xml.size() && (quoted || xml[end] != '>'); ++end)
      if (xml[end] == '"') quoted = !quoted;
    const std::string tag = xml.substr(begin + 1, end - begin - 1);
    at = end + 1;
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1)) return "unexpected </" + tag;
      open.pop_back();
    } else if (!tag.ends_with('/')) {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

}  // namespace

TEST_CASE("svg: golden files") {
  models::CifarModel cifar;
  const Diagram diagram = test::diagram_of(cifar, {{3, 32, 32}});
  test::check_golden("cifar_model.svg", viz::to_svg(diagram));
  test::check_golden("marked.svg", viz::to_svg(test::marked_diagram()));
}

TEST_CASE("svg: well-formed in every theme, colour and direction") {
  const Diagram diagram = test::marked_diagram();
  for (const std::string& theme : viz::theme_names()) {
    for (const auto by :
         {ColorBy::kind, ColorBy::parameters, ColorBy::flops, ColorBy::memory, ColorBy::time}) {
      for (const auto direction : {Direction::top_down, Direction::left_right}) {
        CAPTURE(theme);
        CAPTURE(viz::name_of(by));
        const std::string svg = viz::to_svg(
            diagram, {.direction = direction, .theme = viz::theme_named(theme), .color_by = by});
        CHECK(malformed(svg) == "");
        CHECK(has(svg, viz::theme_named(theme).background));
      }
    }
  }
  CHECK(malformed("<a><b></a>") != "");
  CHECK(malformed("<a>1 & 2</a>") != "");
}

TEST_CASE("svg: what is marked") {
  const std::string svg = viz::to_svg(test::marked_diagram());
  CHECK(has(svg, "A &lt; B &amp; &quot;C&quot;</title>"));
  CHECK(has(svg, ">Conv 3×3, 3 → 8 /2</text>"));
  CHECK(has(svg, ">conv, 2nd call · 224 parameters</text>"));
  CHECK(has(svg, ">Residual block ×3</text>"));
  CHECK(has(svg, ">0 (2nd call)</text>"));
  CHECK(has(svg, ">− Relu</text>"));
  CHECK(has(svg, ">+ Gelu</text>"));
  CHECK(has(svg, ">~ BatchNorm</text>"));
  // Both shapes that met at the failure, and what it said.
  CHECK(count(svg, "fill=\"#C4001A\">N×8×4×4</text>") == 2);
  CHECK(has(svg, "weight expects 16"));
  CHECK(
      has(svg, "<g data-id=\"stage.0.conv/Conv\"><title>Conv 3×3, 3 → 8 /2\nid stage.0.conv/Conv"));
}

TEST_CASE("svg: options") {
  const Diagram diagram = test::marked_diagram();
  CHECK_FALSE(has(viz::to_svg(diagram, {.header = false}), "1.06 M FLOPs</text>"));
  CHECK(has(viz::to_svg(diagram), "1.06 M FLOPs</text>"));
  const std::string flat = viz::to_svg(diagram, {.frames = false});
  CHECK_FALSE(has(flat, ">Sequential</text>"));
  CHECK(has(flat, ">stage.0.conv, 2nd call · 224 parameters</text>"));  // the whole path
  const std::string outer = viz::to_svg(diagram, {.frame_depth = 1});
  CHECK(has(outer, ">Sequential</text>"));
  CHECK_FALSE(has(outer, ">Block</text>"));
  CHECK(has(outer, ">0.conv, 2nd call · 224 parameters</text>"));
  const std::string bare = viz::to_svg(diagram, {.shapes = false, .details = false});
  CHECK_FALSE(has(bare, ">224 parameters</text>"));
  CHECK(count(bare, ">N×8×4×4</text>") == 2);  // of the failure, all the same
  const std::string time = viz::to_svg(diagram, {.color_by = ColorBy::time});
  CHECK(has(time, ">time</text>"));
  CHECK(has(time, ">8.00 ms</text>"));
  CHECK(has(time, viz::Theme{}.high));  // of the slowest
}

TEST_CASE("svg: a line that branches is drawn once where its edges share it") {
  Diagram diagram;
  for (const char* id : {"a", "b", "c", "d"}) {
    Diagram::Node node;
    node.id = node.op = id;
    diagram.nodes.push_back(node);
  }
  diagram.edges = {{0, 1, {}}, {1, 2, {}}, {2, 3, {}}, {0, 3, {}}};
  const std::string svg = viz::to_svg(diagram, {.shapes = false, .header = false});
  CHECK(count(svg, "fill=\"none\" stroke=\"#6B7480\"") == 4);
  CHECK(svg == viz::to_svg(diagram, {.shapes = false, .header = false}));
}

TEST_CASE("svg: a box that many lines enter is wide enough for their heads") {
  Diagram diagram;
  for (int i = 0; i < 24; ++i) {
    Diagram::Node node;
    node.id = node.op = "source" + std::to_string(i);
    diagram.nodes.push_back(node);
    diagram.edges.push_back({i, 24, {}});
  }
  Diagram::Node last;
  last.id = last.op = "last";
  diagram.nodes.push_back(last);
  for (const auto direction : {Direction::top_down, Direction::left_right}) {
    const bool down = direction == Direction::top_down;
    const std::string svg = viz::to_svg(diagram, {.direction = direction, .header = false});
    std::vector<double> heads;  // where each tip is, across
    for (std::size_t at = svg.find("Z\" fill"); at != svg.npos; at = svg.find("Z\" fill", at + 1)) {
      const std::string path = svg.substr(svg.rfind("d=\"M", at) + 4, 40);
      heads.push_back(std::stod(down ? path : path.substr(path.find(' ') + 1)));
    }
    REQUIRE(heads.size() == 24);
    std::ranges::sort(heads);
    for (std::size_t i = 1; i < heads.size(); ++i) CHECK(heads[i] - heads[i - 1] > 5);
  }
}

TEST_CASE("svg: a long title has even lines") {
  Diagram diagram;
  Diagram::Node node;
  node.id = node.op = "fold";
  node.name = "Conv 3×3, 256–512 → 512 /2 > BatchNorm > Relu";
  diagram.nodes.push_back(node);
  CHECK(has(viz::to_svg(diagram), ">BatchNorm &gt; Relu</text>"));
}

TEST_CASE("svg: names are told when one is wrong") {
  CHECK(viz::color_by_named("memory") == ColorBy::memory);
  CHECK_THROWS_WITH_AS(
      viz::color_by_named("heat"),
      "to_svg: there is no colour by \"heat\"; there are kind, parameters, flops, memory, time",
      Error);
  CHECK_THROWS_WITH_AS(viz::theme_named("neon"),
                       "theme: there is no \"neon\"; there are light, dark, basic, blue, paper",
                       Error);
  viz::Theme mine;
  mine.box_fill = "tomato";
  CHECK_THROWS_WITH_AS(viz::to_svg(test::marked_diagram(), {.theme = mine}),
                       "theme: \"tomato\" is no colour; write it as #RRGGBB", Error);
  Diagram unmeasured;
  CHECK_THROWS_AS(viz::to_svg(unmeasured, {.color_by = ColorBy::time}), Error);
  CHECK(malformed(viz::to_svg(unmeasured)) == "");
}

TEST_CASE("svg: the text of every theme can be read on every box") {
  const auto contrast = [](double a, double b) {
    return (std::max(a, b) + 0.05) / (std::min(a, b) + 0.05);
  };
  for (const std::string& name : viz::theme_names()) {
    const viz::Theme theme = viz::theme_named(name);
    CAPTURE(name);
    for (const char* op :
         {"Conv", "Linear", "BatchNorm", "MaxPool", "Dropout", "Relu", "Reshape", "Concat"}) {
      const std::string_view family = viz::detail::family_color(op);
      REQUIRE(!family.empty());
      const std::string fill = viz::detail::mix(theme.box_fill, family, theme.tint);
      CHECK(contrast(viz::detail::luminance(fill), viz::detail::luminance(theme.text)) >= 4.5);
      CHECK(contrast(viz::detail::luminance(fill), viz::detail::luminance(theme.muted)) >= 3);
    }
  }
  CHECK(viz::detail::mix("#000000", "#FFFFFF", 0.5) == "#808080");
  CHECK(viz::detail::luminance("#FFFFFF") == doctest::Approx(1));
}

TEST_CASE("svg: text is escaped, whatever bytes it has") {
  CHECK(viz::detail::xml_escaped("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#39;");
  CHECK(viz::detail::xml_escaped("×→層😀") == "×→層😀");
  CHECK(viz::detail::xml_escaped("a\x01\x1B") == "a");
  const std::string none = "\xEF\xBF\xBD";
  CHECK(viz::detail::xml_escaped("\xC0\xAF") == none + none);             // overlong
  CHECK(viz::detail::xml_escaped("\xED\xA0\x80") == none + none + none);  // a surrogate
  CHECK(viz::detail::xml_escaped("\xE2\x86") == none + none);             // cut off
  CHECK(viz::detail::svg_number(12.04) == "12");
  CHECK(viz::detail::svg_number(-0.04) == "0");
}

TEST_CASE("svg: PNG and PDF, or which package makes them") {
  const std::string svg = viz::to_svg(test::marked_diagram());
  if (!viz::why_no_pdf().empty()) {
    CHECK(has(viz::why_no_pdf(), "package librsvg2-"));
    CHECK_THROWS_AS(viz::to_png(svg, 1), Error);
    CHECK_THROWS_AS(viz::to_pdf(svg), Error);
    return test::skip(viz::why_no_pdf());
  }
  const std::string png = viz::to_png(svg, 1);
  CHECK(png.starts_with("\x89PNG\r\n"));
  CHECK(viz::to_png(svg, 2).size() > png.size());
  CHECK(viz::to_pdf(svg).starts_with("%PDF-1."));
  CHECK_THROWS_AS(viz::to_png("<svg"), Error);
  CHECK_THROWS_AS(viz::to_pdf("no SVG"), Error);
  CHECK_THROWS_WITH_AS(viz::to_png(svg, 0), "to_png: scale 0 must be above 0", Error);
  // Larger than an image can be: smaller pixels.
  const std::string tall =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"90000\"></svg>";
  CHECK(viz::to_png(tall, 1).starts_with("\x89PNG"));
}

TEST_CASE("box text: a fold is shared if every part is") {
  Diagram::Node fold, part;
  fold.shared = part.shared = true;
  fold.parts = {part, part};
  CHECK(viz::is_shared(fold));
  fold.parts[0].shared = false;
  CHECK_FALSE(viz::is_shared(fold));
  CHECK(viz::detail_text(fold, "") == "");
}

TEST_CASE("box text: shapes") {
  const viz::TensorInfo image{{viz::Dim{2, 0}, viz::Dim{0, 3}, viz::Dim{0, 8}}, DType::f32};
  CHECK(viz::shape_text(image, -1) == "N×3×8");
  CHECK(viz::shape_text(image, 4) == "4×3×8");
  CHECK(viz::shape_text({{viz::Dim{1, 1}}, DType::i64}, -1) == "N/2+1 i64");
  CHECK(viz::shape_text(viz::TensorInfo{}, -1) == "scalar");
  CHECK(viz::wrapped("one two  three", 7) == std::vector<std::string>{"one two", "three"});
  CHECK(viz::wrapped("overlong", 3) == std::vector<std::string>{"overlong"});
}
