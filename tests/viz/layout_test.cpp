#include "viz/layout.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "tests/viz/layout_checks.h"

using namespace glassbox;
using test::broken_rules;
using viz::Layout;
using viz::LayoutGraph;

namespace {

// A generator of its own: the same graphs on every platform.
struct Random {
  std::uint64_t state;
  int below(int n) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<int>((state >> 33) % static_cast<std::uint64_t>(n));
  }
};

LayoutGraph chain(int n) {
  LayoutGraph graph;
  for (int i = 0; i < n; ++i) graph.boxes.push_back({80, 30});
  for (int i = 0; i + 1 < n; ++i) graph.edges.push_back({i, i + 1});
  return graph;
}

// Any directed acyclic graph; clusters hold what they like, so that among them there are cycles.
LayoutGraph random_graph(std::uint64_t seed) {
  Random random{seed * 977 + 1};
  LayoutGraph graph;
  const int clusters = random.below(9), boxes = 2 + random.below(38);
  for (int c = 0; c < clusters; ++c) {
    const int parent = random.below(c + 1) - 1;
    const double title = random.below(3) == 0 ? 0 : 20 + random.below(120);
    graph.clusters.push_back({parent, title, title > 0 ? 12.0 + random.below(20) : 0});
  }
  const bool in_order = random.below(2) == 0;  // as calls of modules are
  for (int b = 0; b < boxes; ++b) {
    const int cluster = in_order ? b * (clusters + 1) / boxes - 1 : random.below(clusters + 1) - 1;
    graph.boxes.push_back({20.0 + random.below(140), 14.0 + random.below(60), cluster});
  }
  const int edges = random.below(3 * boxes);
  for (int e = 0; e < edges; ++e) {
    const int to = 1 + random.below(boxes - 1), from = random.below(to);
    const bool labelled = random.below(3) == 0;
    graph.edges.push_back({from, to, labelled ? 20.0 + random.below(80) : 0,
                           labelled ? 9.0 + random.below(5) : 0, random.below(2)});
  }
  graph.left_to_right = random.below(2) == 0;
  return graph;
}

bool is_straight(const Layout::Route& route) {
  return std::ranges::all_of(route.points, [&route](const viz::Point& p) {
    return std::abs(p.x - route.points.front().x) < 0.01;
  });
}

}  // namespace

TEST_CASE("layout: the rules hold on random graphs with clusters") {
  int with_clusters = 0, labels = 0;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    const LayoutGraph graph = random_graph(seed);
    const Layout drawn = viz::layout(graph);
    CAPTURE(seed);
    CHECK(broken_rules(graph, drawn) == "");
    with_clusters += !graph.clusters.empty();
    for (const auto& route : drawn.routes) labels += route.label.width > 0;
  }
  CHECK(with_clusters > 400);
  CHECK(labels > 2000);
}

TEST_CASE("layout: the rules hold where long lines run along the side") {
  int changed = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    LayoutGraph graph = random_graph(seed);
    const double width = viz::layout(graph).width;
    graph.most_bends = 0;
    const Layout drawn = viz::layout(graph);
    CAPTURE(seed);
    CHECK(broken_rules(graph, drawn) == "");
    changed += drawn.width != width;
  }
  CHECK(changed > 100);
}

TEST_CASE("layout: the checks see what is wrong") {
  LayoutGraph graph = random_graph(3);
  graph.left_to_right = false;
  const Layout good = viz::layout(graph);
  REQUIRE(broken_rules(graph, good) == "");
  Layout bad = good;
  bad.boxes[1].x = bad.boxes[0].x;
  bad.boxes[1].y = bad.boxes[0].y;
  CHECK(broken_rules(graph, bad) != "");
  bad = good;
  bad.width /= 2;
  CHECK(broken_rules(graph, bad) != "");

  LayoutGraph three = chain(3);
  three.edges.push_back({0, 2});
  bad = viz::layout(three);
  REQUIRE(broken_rules(three, bad) == "");
  bad.routes[2].points = {{bad.boxes[0].x + 40, bad.boxes[0].bottom()},
                          {bad.boxes[0].x + 40, bad.boxes[1].y},
                          {bad.boxes[0].x + 40, bad.boxes[1].bottom()},
                          {bad.boxes[2].x + 40, bad.boxes[2].y}};
  CHECK(broken_rules(three, bad).find("passes box 1") != std::string::npos);
}

TEST_CASE("layout: a chain is one straight line") {
  const Layout drawn = viz::layout(chain(20));
  for (const auto& route : drawn.routes) {
    CHECK(is_straight(route));
    CHECK(route.points.size() == 4);  // and one piece
  }
  CHECK(drawn.width == 80);
}

TEST_CASE("layout: the trunk stays straight beside skips, labels and through clusters") {
  // Residual blocks, each in a frame of its own: in - a - b - add, and in - add beside it.
  LayoutGraph graph;
  graph.boxes.push_back({60, 20, -1});
  std::vector<std::size_t> trunk, skips;
  for (int block = 0; block < 5; ++block) {
    graph.clusters.push_back({-1, 40, 20});
    const int in = static_cast<int>(graph.boxes.size()) - 1;
    for (int i = 0; i < 3; ++i) {
      graph.boxes.push_back({90.0 + 7 * i, 30, block});
      trunk.push_back(graph.edges.size());
      graph.edges.push_back({in + i, in + i + 1, 50, 10});
    }
    skips.push_back(graph.edges.size());
    graph.edges.push_back({in, in + 3, 50, 10});
  }
  const Layout drawn = viz::layout(graph);
  CHECK(broken_rules(graph, drawn) == "");
  for (const std::size_t e : trunk) CHECK(is_straight(drawn.routes[e]));
  for (const std::size_t e : skips) CHECK_FALSE(is_straight(drawn.routes[e]));
  // Two edges of one box are one line, which is labelled once.
  CHECK(drawn.routes[trunk[3]].label.width == 50);
  CHECK(drawn.routes[skips[1]].label.width == 0);
}

TEST_CASE("layout: left to right is the same with the axes exchanged") {
  LayoutGraph graph = chain(4);
  graph.edges.push_back({0, 3});
  const Layout down = viz::layout(graph);
  for (auto& box : graph.boxes) std::swap(box.width, box.height);
  graph.left_to_right = true;
  const Layout across = viz::layout(graph);
  CHECK(across.width == down.height);
  CHECK(across.height == down.width);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(across.boxes[i].x == down.boxes[i].y);
    CHECK(across.boxes[i].y == down.boxes[i].x);
  }
}

TEST_CASE("layout: cycles, loops, empty clusters and nothing at all") {
  LayoutGraph graph = chain(4);
  graph.edges.push_back({3, 0});
  graph.edges.push_back({2, 2});
  graph.clusters.push_back({-1, 30, 10});
  const Layout drawn = viz::layout(graph);
  CHECK(broken_rules(graph, drawn) == "");
  const auto& back = drawn.routes[3].points;
  CHECK(back.front().y == drawn.boxes[3].y);
  CHECK(back.back().y == drawn.boxes[0].bottom());
  CHECK(drawn.routes[4].points.empty());
  CHECK(drawn.clusters[0].width == 0);
  CHECK(viz::layout({}).routes.empty());
}

TEST_CASE("layout: what is wrong with a graph is said") {
  LayoutGraph graph = chain(2);
  graph.edges.push_back({0, 2});
  CHECK_THROWS_WITH_AS(viz::layout(graph), "layout: edge 1 has to 2; there are 2", Error);
  graph = chain(2);
  graph.clusters = {{1}, {0}};
  CHECK_THROWS_WITH_AS(viz::layout(graph),
                       "layout: cluster 0 is inside itself; parents must form a tree", Error);
  graph.clusters = {};
  graph.boxes[1].cluster = 0;
  CHECK_THROWS_WITH_AS(viz::layout(graph), "layout: box 1 has cluster 0; there are 0", Error);
}

TEST_CASE("layout: large graphs") {
  LayoutGraph graph = chain(10'000);
  CHECK(viz::layout(graph).height > 10'000 * 30);
  graph = chain(5'000);
  Random random{5};
  for (int i = 0; i < 5'000; ++i) {
    const int from = random.below(4'990), to = from + 2 + random.below(40);
    if (to < 5'000) graph.edges.push_back({from, to});
  }
  CHECK(viz::layout(graph).routes.size() == graph.edges.size());
}

TEST_CASE("layout: thousands of very long edges have no bend in every rank") {
  // With one there would be millions, and a route would have as many points.
  LayoutGraph graph = chain(5'000);
  Random random{7};
  for (int i = 0; i < 5'000; ++i) {
    const int from = random.below(4'998);
    graph.edges.push_back({from, from + 2 + random.below(4'998 - from), 0, 0, i + 1});
  }
  std::size_t points = 0;
  const Layout drawn = viz::layout(graph);
  for (const auto& route : drawn.routes) points += route.points.size();
  CHECK(points < 40 * graph.edges.size());
  for (const auto& box : drawn.boxes) CHECK(box.x < 40'000);
}
