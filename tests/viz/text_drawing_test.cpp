#include "viz/text_drawing.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "engine/core/error.h"
#include "layers/models/models.h"
#include "tests/viz/golden.h"
#include "tests/viz/sample_diagrams.h"
#include "viz/text.h"

using namespace glassbox;
using viz::Diagram;

namespace {

Diagram three_with_a_skip() {
  Diagram diagram;
  for (const char* id : {"a", "b", "c"}) {
    Diagram::Node node;
    node.id = node.op = id;
    diagram.nodes.push_back(node);
  }
  diagram.edges = {{0, 1, {}}, {1, 2, {}}, {0, 2, {}}};
  return diagram;
}

std::size_t widest(const std::string& text) {
  std::size_t width = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) width = std::max(width, viz::width_of(line));
  return width;
}

}  // namespace

TEST_CASE("text drawing: a skip is a line beside the boxes") {
  CHECK("\n" + viz::to_text(three_with_a_skip(), {.shapes = false}) == R"(
┌──────────────────────┐
│ a                    │
└───────────┬──────────┘
            ├────────────╮
┌───────────┴──────────┐ │
│ b                    │ │
└───────────┬──────────┘ │
            ├────────────╯
┌───────────┴──────────┐
│ c                    │
└──────────────────────┘
)");
}

TEST_CASE("text drawing: golden files") {
  models::UNet unet;
  test::check_golden("unet_drawing.txt", viz::to_text(test::diagram_of(unet, {{3, 64, 64}})));
  test::check_golden("marked_drawing.txt", viz::to_text(test::marked_diagram(), {.ascii = true}));
}

TEST_CASE("text drawing: never wider than the terminal, whatever the model") {
  for (const models::Entry& entry : models::zoo()) {
    if (entry.name != "densenet121" && entry.name != "googlenet" && entry.name != "siamese")
      continue;
    CAPTURE(entry.name);
    const auto model = entry.make();
    const Diagram diagram = test::diagram_of(*model, model->usual_inputs());
    for (const int width : {40, 57, 80}) {
      const std::string text = viz::to_text(diagram, {.width = width});
      CHECK(widest(text) <= static_cast<std::size_t>(width));
      const std::string ascii = viz::to_text(diagram, {.width = width, .ascii = true});
      CHECK(std::ranges::all_of(ascii, [](char c) { return c == '\n' || (c >= 32 && c < 127); }));
      CHECK(widest(ascii) <= static_cast<std::size_t>(width));
    }
  }
}

TEST_CASE("text drawing: a line without room is a note of its reader") {
  Diagram diagram = three_with_a_skip();
  CHECK(viz::to_text(diagram, {.width = 40}).find("│ reads a") != std::string::npos);
  CHECK(viz::to_text(diagram, {.width = 42}).find("reads a") == std::string::npos);
  diagram.edges.push_back({2, 1, {}});  // backwards
  CHECK(viz::to_text(diagram).find("│ reads c") != std::string::npos);
  CHECK(viz::to_text({}).empty());
  CHECK_THROWS_WITH_AS(viz::to_text(diagram, {.width = 39}),
                       "to_text: width 39 must be at least 40", Error);
}
