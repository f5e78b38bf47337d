#include "viz/dot.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

#include "layers/models/models.h"
#include "tests/skip.h"
#include "tests/viz/golden.h"
#include "tests/viz/sample_models.h"
#include "viz/build_graph.h"

using namespace glassbox;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

std::string dot_of(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                   const viz::DotOptions& options = {}) {
  return viz::to_dot(viz::build_graph(model, inputs, {}), options);
}

// A child whose name needs escaping everywhere.
struct Awkward : layers::Module<Awkward> {
  layers::Sequential child{layers::Linear{2, 2}, layers::ReLU{}};
  Tensor forward(const Tensor& x) { return child(x); }
  void fields(layers::Fields& f) { f("a\"<b>&\\", child); }
};

// An input that is returned, one that is not read, a value that is read twice, and a tensor from
// outside, which has to be on the meta device already.
struct Edges : layers::Module<Edges> {
  Tensor offset = ones({4});
  std::tuple<Tensor, Tensor> forward(const Tensor& x, const Tensor&) { return {x, x * x + offset}; }
};

}  // namespace

TEST_CASE("dot: golden files") {
  models::Net net;
  test::check_golden("mnist_net.dot", dot_of(net, {{1, 28, 28}}));
  models::CifarModel cifar;
  test::check_golden("cifar_model.dot", dot_of(cifar, {{3, 32, 32}}));
  test::Siamese siamese;
  test::check_golden("siamese.dot", dot_of(siamese, {{3, 32, 32}, {3, 32, 32}}));
}

TEST_CASE("dot: the same bytes every time") {
  models::CifarModel a, b;
  const std::string text = dot_of(a, {{3, 32, 32}});
  CHECK(text == dot_of(b, {{3, 32, 32}}));
  CHECK(text == dot_of(a, {{3, 32, 32}}));
}

TEST_CASE("dot: a module called twice is two frames, and updates are left out") {
  test::Siamese model;
  const std::string text = dot_of(model, {{3, 32, 32}, {3, 32, 32}});
  CHECK(count(text, "subgraph \"cluster_tower\" {") == 1);
  CHECK(count(text, "subgraph \"cluster_tower#2\" {") == 1);
  CHECK(has(text, "<b>tower (2nd call)</b>"));
  CHECK(has(text, "\"tower.stem.conv/conv2d\" ["));
  CHECK(has(text, "\"tower.stem.conv/conv2d#2\" ["));
  CHECK(has(text, "\"@input1\" -> \"tower.stem.conv/conv2d\" [label=\" N×3×32×32 \"]"));
  CHECK(has(text, "\"@input2\" -> \"tower.stem.conv/conv2d#2\""));
  CHECK(has(text, "\"head/linear\" -> \"@output1\""));
  CHECK(has(text, "\"sub\" -> \"@output2\""));
  CHECK_FALSE(has(text, "batch_norm_update"));
  CHECK_FALSE(has(text, "spare"));
}

TEST_CASE("dot: ids and labels are escaped") {
  Awkward model;
  const std::string text = dot_of(model, {{2}});
  CHECK(has(text, "subgraph \"cluster_a\\\"<b>&\\\\\" {"));
  CHECK(has(text, "<b>a&quot;&lt;b&gt;&amp;\\</b>"));
  CHECK(has(text, "\"a\\\"<b>&\\\\.0/linear\" ["));
}

TEST_CASE("dot: inputs, outputs, constants and repeated reads") {
  const DeviceScope meta(Device::meta());
  Edges model;
  const std::string text = dot_of(model, {{4}, {4}});
  CHECK(has(text, "\"@input1\" -> \"@output1\""));
  CHECK(has(text, "\"@input2\" ["));
  CHECK(count(text, "\"@input1\" -> \"mul\"") == 1);
  CHECK(has(text, "[label=\"constant\""));
}

TEST_CASE("dot: options") {
  models::CifarModel model;
  const std::string flat = dot_of(model, {{3, 32, 32}}, {.frames = false});
  CHECK_FALSE(has(flat, "subgraph"));
  const std::string wide = dot_of(model, {{3, 32, 32}}, {.direction = viz::Direction::left_right});
  CHECK(has(wide, "rankdir=LR"));
  CHECK(has(wide, "N×3×32×32"));
  CHECK(has(viz::to_dot(viz::build_graph(model, {}, {}, {.batch = 2})), "2×3×32×32"));
}

TEST_CASE("dot: folded nodes, and what failed") {
  models::CifarModel model;
  const std::string folded = viz::to_dot(viz::build_graph(model));
  CHECK(has(folded, "<b>Conv 3×3, 3–16 → 16 &gt; BatchNorm &gt; Relu ×2</b>"));
  const std::string broken = viz::to_dot(viz::build_graph(model, {{1, 32, 32}}));
  CHECK(has(broken, "color=\"#B00020\"]"));
  CHECK(has(broken, "\"@input\" -> \"c2d/conv2d\" [label=\" N×1×32×32 \", color=\"#B00020\""));
  CHECK(has(broken, "input has 1 channels"));
  const std::string step =
      viz::to_dot(viz::build_graph(model, {}, {}, {.pass = viz::BuildOptions::Pass::step}));
  CHECK(has(step, "subgraph \"cluster_features backward\" {"));
}

TEST_CASE("dot: Graphviz reads it" * doctest::test_suite("slow")) {
  if (std::system("dot -V >/dev/null 2>&1") != 0)
    return test::skip("Graphviz (dot) is not installed");
  // Large graphs are read and not laid out, which takes Graphviz half a minute.
  const auto accepts = [](const std::string& text, const char* format = "svg") {
    FILE* dot = popen(("dot -T" + std::string(format) + " >/dev/null 2>&1").c_str(), "w");
    REQUIRE(dot);
    const bool written = std::fwrite(text.data(), 1, text.size(), dot) == text.size();
    return pclose(dot) == 0 && written;
  };
  CHECK_FALSE(accepts("digraph {"));
  test::Siamese siamese;
  CHECK(accepts(dot_of(siamese, {{3, 32, 32}, {3, 32, 32}})));
  Awkward awkward;
  CHECK(accepts(dot_of(awkward, {{2}})));
  const DeviceScope meta(Device::meta());
  Edges edges;
  CHECK(accepts(dot_of(edges, {{4}, {4}})));
  for (const models::Entry& entry : models::zoo()) {
    const auto model = entry.make();
    CAPTURE(entry.name);
    CHECK(accepts(dot_of(*model, model->usual_inputs()), "canon"));
  }
}
