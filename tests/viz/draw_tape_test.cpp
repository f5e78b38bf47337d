#include "viz/draw_tape.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/autograd/tape.h"
#include "engine/core/error.h"
#include "engine/ops/ops.h"
#include "viz/svg.h"

using namespace glassbox;
using viz::Diagram;

namespace {

const Diagram::Node& node(const Diagram& diagram, std::string_view id) {
  const int n = diagram.find(id);
  REQUIRE_MESSAGE(n >= 0, id);
  return diagram.nodes[static_cast<std::size_t>(n)];
}
using Notes = std::vector<std::string>;

Tensor scalar(double value) { return full({}, value, DType::f64); }

}  // namespace

TEST_CASE("draw: values and gradients of a small expression") {
  Tensor a = scalar(2).set_requires_grad(), b = scalar(-3).set_requires_grad();
  const Tensor c = scalar(10);
#ifndef GLASSBOX_NO_RECORDER
  {
    const viz::KeepValues keep;
    const Tensor d = a * b;
    const Tensor loss = relu(d + c) * a;
    loss.backward();
    const Diagram diagram = viz::draw(loss, {{"a", a}, {"b", b}, {"c", c}, {"d", d}});
    // relu(2·−3 + 10)·2 = 8; d/da = 4 + 2·b = −2, d/db = 2·a = 4.
    CHECK(node(diagram, "@a").notes == Notes{"value 2", "gradient -2"});
    CHECK(node(diagram, "@b").notes == Notes{"value -3", "gradient 4"});
    CHECK(node(diagram, "@c").notes == Notes{"value 10"});
    CHECK(node(diagram, "mul").notes == Notes{"value -6", "gradient 2"});
    CHECK(node(diagram, "mul").name == "d = Mul");
    CHECK(node(diagram, "add").notes == Notes{"value 4", "gradient 2"});
    CHECK(node(diagram, "relu").notes == Notes{"value 4", "gradient 2"});
    CHECK(node(diagram, "mul#2").notes == Notes{"value 8", "gradient 1"});
    // a is read twice, and is one node.
    CHECK(diagram.successors(diagram.find("@a")).size() == 2);
    CHECK(diagram.nodes.size() == 3 + 4 + 1);
    CHECK(diagram.edges.size() == 2 + 2 + 1 + 2 + 1);
    const std::string svg = viz::to_svg(diagram);
    CHECK(svg.find("gradient -2") != std::string::npos);
  }
#endif
  // Unwatched: what the leaves have.
  a.zero_grad();
  b.zero_grad();
  const Tensor loss = a * b + c;
  const Diagram before = viz::draw(loss, {{"a", a}});
  CHECK(node(before, "@a").notes == Notes{"value 2"});
  CHECK(node(before, "@leaf").notes == Notes{"value -3"});
  CHECK(node(before, "mul").notes.empty());
  CHECK(node(before, "@loss").notes == Notes{"value 4"});
  loss.backward();
  const Diagram after = viz::draw(loss, {{"a", a}});
  CHECK(node(after, "@a").notes == Notes{"value 2", "gradient -3"});
  CHECK(before.edges.size() == after.edges.size());
}

TEST_CASE("draw: tensors of many elements, other types, several results") {
  Tensor w = from({1.0, -2.0, 3.0}, {3});
  Tensor many = from(std::vector<double>{1, 2, 3, 4, 5, 0}, {6});
  w.set_requires_grad();
  many.set_requires_grad();
  const Tensor loss = sum(w) + mean(many);
  loss.backward();
  const Diagram diagram = viz::draw(loss, {{"w", w}, {"many", many}, {"error", loss}});
  CHECK(node(diagram, "@w").notes == Notes{"value [1, -2, 3]", "gradient [1, 1, 1]"});
  CHECK(node(diagram, "@many").notes[0] == "value 0 to 5, mean 2.5");
  CHECK(diagram.model == "error");
  CHECK(diagram.nodes.back().id == "@error");
}

TEST_CASE("draw: a value that another recorder saw is not taken for this one's") {
#ifndef GLASSBOX_NO_RECORDER
  const Tensor a = scalar(2).set_requires_grad();
  Tensor early;
  {
    const viz::KeepValues first;
    early = a * a;
  }
  const viz::KeepValues second;
  const Tensor other = a + a;
  const Diagram diagram = viz::draw(early);
  CHECK(node(diagram, "mul").notes.empty());
  CHECK(node(viz::draw(other), "add").notes == Notes{"value 4"});
#endif
}

TEST_CASE("draw: what has no tape") {
  const Tensor a = scalar(2).set_requires_grad();
  CHECK_THROWS_WITH_AS(viz::draw(a), "draw: this is a leaf: no op made it", Error);
  const NoGrad no_grad;
  CHECK_THROWS_AS(viz::draw(a * a), Error);
  CHECK_THROWS_AS(viz::draw(Tensor()), Error);
}
