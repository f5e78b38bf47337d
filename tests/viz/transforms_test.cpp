#include "viz/transforms.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/core/error.h"
#include "tests/viz/diagrams.h"

using namespace glassbox;
using test::edges_of;
using test::in_order;
using test::make_chain;
using test::make_diagram;
using test::ops_of;
using viz::Diagram;
using viz::Fold;
using viz::FoldDuplicates;
using viz::FoldId;

namespace {

// Unfolds until nothing is folded.
Diagram unfold_all(Diagram diagram) {
  for (int n = 0; n < static_cast<int>(diagram.nodes.size());) {
    if (diagram.nodes[static_cast<std::size_t>(n)].parts.empty()) {
      ++n;
    } else {
      diagram = viz::unfold(std::move(diagram), n);
    }
  }
  return diagram;
}

std::vector<std::string> ids_of(const Diagram& diagram) {
  std::vector<std::string> ids;
  for (const Diagram::Node& node : diagram.nodes) ids.push_back(node.id);
  std::ranges::sort(ids);
  return ids;
}

// The edges that must still be there: each leaf edge whose ends are in different nodes joins those.
bool loses_no_edge(const Diagram& before, const Diagram& after) {
  std::vector<int> node_of(before.nodes.size(), -1);
  for (std::size_t n = 0; n < after.nodes.size(); ++n) {
    for (const Diagram::Node* leaf : viz::leaves_of(after.nodes[n]))
      node_of[static_cast<std::size_t>(before.find(leaf->id))] = static_cast<int>(n);
  }
  return std::ranges::all_of(before.edges, [&](const Diagram::Edge& edge) {
    const int from = node_of[static_cast<std::size_t>(edge.from)],
              to = node_of[static_cast<std::size_t>(edge.to)];
    return from == to || std::ranges::any_of(after.edges, [&](const Diagram::Edge& e) {
             return e.from == from && e.to == to && e.tensor == edge.tensor;
           });
  });
}

}  // namespace

TEST_CASE("transforms: Fold") {
  const Diagram chain =
      make_chain({"input", "Conv", "BatchNorm", "Relu", "Conv", "Relu", "output"});
  const Diagram folded = Fold("Conv > BatchNorm? > Relu", "Block", "a block").apply(chain);
  CHECK(ops_of(folded) == "input Block Block output");
  CHECK(folded.nodes[1].name == "a block");
  CHECK(folded.nodes[1].id == "op/3");
  CHECK(folded.nodes[1].parts.size() == 3);
  CHECK(edges_of(folded) ==
        std::vector<std::string>{"op/0->op/3 [N, 8]", "op/3->op/5 [N, 8]", "op/5->op/6 [N, 8]"});
  CHECK(viz::title_of(Fold("Conv > Relu", "ConvRelu").apply(chain).nodes[4]) == "Conv > Relu");

  const Diagram first = Fold("Conv > BatchNorm", "__first__").apply(chain),
                last = Fold("Conv > BatchNorm", "__last__").apply(chain);
  CHECK(ops_of(first) == "input Conv Relu Conv Relu output");
  CHECK(ops_of(last) == "input BatchNorm Relu Conv Relu output");
  // Its output is that of the whole.
  CHECK(first.nodes[1].outputs[0] == chain.edges[2].tensor);
}

TEST_CASE("transforms: what HiddenLayer did not end on") {
  const Diagram relu = make_chain({"Relu", "Relu", "Relu"});
  CHECK(ops_of(Fold("Relu", "Relu").apply(relu)) == "Relu Relu Relu");
  CHECK(ops_of(Fold("Relu", "Relu", "ReLU").apply(relu)) == "Relu Relu Relu");
  CHECK(Fold("Relu", "Relu", "ReLU").apply(relu).nodes[0].name == "ReLU");
  CHECK(ops_of(Fold("Relu > Relu", "Relu").apply(relu)) == "Relu Relu");
  CHECK(ops_of(Fold("Relu+", "Relu").apply(relu)) == "Relu");
  CHECK(ops_of(FoldDuplicates().apply(Diagram())).empty());
  CHECK(ops_of(FoldDuplicates::by_op().apply(Diagram())).empty());
  CHECK(ops_of(FoldDuplicates().apply(relu)) == "Relu×3");
}

TEST_CASE("transforms: FoldDuplicates merges what is equal") {
  Diagram diagram = make_chain({"input", "Conv", "Conv", "Conv", "Conv", "output"});
  const auto set = [&diagram](std::size_t n, int kernel, int stride, std::int64_t in,
                              std::int64_t out) {
    diagram.nodes[n].attrs = {{"kernel_size", Pair(kernel)},
                              {"stride", Pair(stride), stride == 1},
                              {"channels", std::vector<std::int64_t>{in, out}}};
    diagram.nodes[n].outputs[0].dims = {{2, 0}, {0, out}, {0, 8}, {0, 8}};
  };
  set(1, 3, 1, 3, 64);
  set(2, 3, 1, 64, 64);
  set(3, 5, 2, 64, 64);
  set(4, 5, 2, 64, 128);
  test::set_edges(diagram);
  const Diagram folded = FoldDuplicates().apply(diagram);
  CHECK(ops_of(folded) == "input Conv×2 Conv Conv output");
  CHECK(viz::title_of(folded.nodes[1]) == "Conv 3×3, 3–64 → 64");
  CHECK(viz::title_of(folded.nodes[2]) == "Conv 5×5, 64 → 64 /2");
  const Diagram by_op = FoldDuplicates::by_op().apply(diagram);
  CHECK(ops_of(by_op) == "input Conv×4 output");
  CHECK(viz::title_of(by_op.nodes[1]) == "Conv 3×3–5×5, 3–64 → 64–128 /1–2");

  // Folds are equal when their parts are, and the title says what differs.
  const auto relu = [](Diagram d) { return Fold("Conv", "Block").apply(std::move(d)); };
  const Diagram blocks = FoldDuplicates().apply(relu(diagram));
  CHECK(ops_of(blocks) == "input Block×2 Block Block output");
  CHECK(viz::title_of(blocks.nodes[1]) == "Conv 3×3, 3–64 → 64");
  // Once more changes nothing, and repetitions add up.
  CHECK(ops_of(FoldDuplicates().apply(blocks)) == ops_of(blocks));
  CHECK(FoldDuplicates::by_op().apply(blocks).nodes[1].repeat == 4);

  // A value that somebody else reads stays visible.
  Diagram tapped = make_diagram({{"A", {}}, {"A", {0}}, {"A", {1}}, {"B", {1}}});
  CHECK(ops_of(FoldDuplicates::by_op().apply(tapped)) == "A×2 A B");
}

TEST_CASE("transforms: FoldId") {
  Diagram diagram = make_diagram({{"A", {}}, {"B", {0}}, {"C", {1}}, {"D", {2}}, {"E", {3}}});
  const char* ids[] = {"x/a", "x/drop/b", "x/drop/c", "y/drop/d", "y/e"};
  for (std::size_t i = 0; i < 5; ++i) diagram.nodes[i].id = ids[i];
  const Diagram folded = FoldId("(.+)/drop/.*", "Dropout").apply(diagram);
  CHECK(ops_of(folded) == "A Dropout Dropout E");
  CHECK(folded.nodes[1].parts.size() == 2);
  CHECK(folded.nodes[2].parts.size() == 1);
  // From the beginning of the id, as much of it as the expression says.
  CHECK(ops_of(FoldId("(drop)", "X").apply(diagram)) == "A B C D E");
  CHECK(ops_of(FoldId("(x)/", "X").apply(diagram)) == "X D E");
  CHECK_THROWS_WITH_AS(
      FoldId("x", "X").apply(diagram),
      "FoldId: \"x\" needs a group in parentheses, which says what is folded together", Error);
  CHECK_THROWS_AS(FoldId("(x", "X").apply(diagram), Error);
}

TEST_CASE("transforms: a group that a path leaves and enters again becomes several nodes") {
  // a1 -> x -> a2, and a1 -> a2: one node would read itself through x.
  Diagram diagram = make_diagram({{"A", {}}, {"X", {0}}, {"A", {0, 1}}, {"A", {2}}});
  diagram.nodes[0].id = "a/1";
  diagram.nodes[1].id = "x";
  diagram.nodes[2].id = "a/2";
  diagram.nodes[3].id = "a/3";
  const Diagram folded = FoldId("(a)/", "Group").apply(diagram);
  CHECK(ops_of(folded) == "Group X Group");
  CHECK(folded.nodes[2].parts.size() == 2);
  CHECK(in_order(folded));

  // Two groups, each whole, that read each other crosswise: the second one is split.
  Diagram cross = make_diagram({{"A", {}}, {"B", {}}, {"B", {0, 1}}, {"A", {1, 0}}});
  const char* ids[] = {"a/1", "b/1", "b/2", "a/2"};
  for (std::size_t i = 0; i < 4; ++i) cross.nodes[i].id = ids[i];
  const Diagram split = FoldId("(.)/", "Group").apply(cross);
  CHECK(in_order(split));
  CHECK(split.nodes.size() == 3);
  CHECK(edges_of(unfold_all(split)) == edges_of(cross));
}

TEST_CASE("transforms: Prune joins the neighbours") {
  const Diagram chain = make_chain({"A", "P", "P", "B"});
  const Diagram pruned = viz::Prune("P").apply(chain);
  CHECK(ops_of(pruned) == "A B");
  CHECK(edges_of(pruned) == std::vector<std::string>{"op/0->op/3 [N, 8]"});
  // Every reader with every source; operands keep their order.
  const Diagram fan =
      make_diagram({{"A", {}}, {"B", {}}, {"P", {0, 1}}, {"C", {2, 0}}, {"D", {1, 2}}});
  const Diagram joined = viz::Prune("P").apply(fan);
  CHECK(edges_of(joined) == std::vector<std::string>{"op/0->op/3 [N, 1]", "op/0->op/3 [N, 1]",
                                                     "op/0->op/4 [N, 1]", "op/1->op/3 [N, 2]",
                                                     "op/1->op/4 [N, 2]", "op/1->op/4 [N, 2]"});
}

TEST_CASE("transforms: PruneBranch takes what only the match read") {
  const Diagram diagram = make_diagram(
      {{"input", {}}, {"A", {0}}, {"B", {1}}, {"C", {2}}, {"D", {1}}, {"E", {4, 3}}, {"F", {3}}});
  CHECK(ops_of(viz::PruneBranch("F").apply(diagram)) == "input A B C D E");
  CHECK(ops_of(viz::PruneBranch("E").apply(diagram)) == "input A B C F");
  CHECK(ops_of(viz::PruneBranch("E or F").apply(diagram)) == "input");
}

TEST_CASE("transforms: Rename") {
  const Diagram chain = make_chain({"input", "Conv", "ConvTranspose"});
  CHECK(ops_of(viz::Rename::op("Conv", "C").apply(chain)) == "input C ConvTranspose");
  CHECK(ops_of(viz::Rename::op("Conv(.*)", "C$1").apply(chain)) == "input C CTranspose");
  CHECK(ops_of(viz::Rename::op("Conv(.*)", R"(C\1)").apply(chain)) == "input C CTranspose");
  const Diagram named = viz::Rename::name("Conv(T.*)", "up: $1").apply(chain);
  CHECK(named.nodes[2].name == "up: Transpose");
  CHECK(named.nodes[1].name.empty());
  CHECK(ops_of(named) == ops_of(chain));
  CHECK_THROWS_AS(viz::Rename::op("(", "C").apply(chain), Error);
}

TEST_CASE("transforms: DepthLimit") {
  Diagram diagram = make_chain({"input", "A", "B", "C", "D", "output"});
  diagram.model = "Net";
  diagram.clusters = {{"one", "Stage", -1}, {"one.two", "Block", 0}};
  diagram.nodes[1].cluster = 0;
  diagram.nodes[2].cluster = diagram.nodes[3].cluster = 1;
  CHECK(ops_of(viz::DepthLimit(0).apply(diagram)) == "input Net output");
  CHECK(ops_of(viz::DepthLimit(1).apply(diagram)) == "input Stage D output");
  CHECK(ops_of(viz::DepthLimit(2).apply(diagram)) == "input A Block D output");
  CHECK(ops_of(viz::DepthLimit(3).apply(diagram)) == "input A B C D output");
  const Diagram cut = viz::DepthLimit(2).apply(diagram);
  CHECK(cut.nodes[2].module == "one.two");
  CHECK(cut.nodes[2].cluster == 0);
  CHECK(viz::title_of(cut.nodes[2]) == "Block");
  CHECK_THROWS_WITH_AS(viz::DepthLimit(-1), "DepthLimit: levels -1 must be at least 0", Error);
}

TEST_CASE("transforms: any function is one") {
  const std::vector<viz::Transform> list = {Fold("A > B", "AB"),
                                            [](Diagram d) {
                                              d.model = "mine";
                                              return d;
                                            },
                                            FoldDuplicates()};
  Diagram diagram = make_chain({"A", "B", "A", "B"});
  for (const viz::Transform& transform : list) diagram = transform(std::move(diagram));
  CHECK(diagram.model == "mine");
  CHECK(ops_of(diagram) == "AB×2");
}

TEST_CASE("transforms: what is folded adds up") {
  Diagram diagram = make_chain({"A", "B", "C"});
  for (std::size_t i = 0; i < 3; ++i) {
    diagram.nodes[i].parameters = 10 + static_cast<std::int64_t>(i);
    diagram.nodes[i].costs.flops = {double(i + 1), 1};
    diagram.nodes[i].module = i == 0 ? "net.one.a" : "net.one.b";
  }
  diagram.nodes[1].shared = true;
  const Diagram folded = Fold("A > B > C", "X").apply(diagram);
  REQUIRE(folded.nodes.size() == 1);
  CHECK(folded.nodes[0].parameters == 33);
  CHECK(folded.nodes[0].costs.flops.per_sample == 6);
  CHECK(folded.nodes[0].costs.flops.fixed == 3);
  CHECK(folded.nodes[0].module == "net.one");
  CHECK(folded.nodes[0].shared);
}

TEST_CASE("transforms: random graphs lose no edge, get no cycle, and are restored") {
  const std::vector<std::vector<viz::Transform>> lists = {
      {Fold("A > B", "AB")},
      {Fold("A > .", "AX"), Fold("AX > B?", "Y"), FoldDuplicates::by_op()},
      {Fold("(. | .) > .", "Join"), Fold("(_ | .+) > .", "Skip"), FoldDuplicates::by_op()},
      {FoldDuplicates::by_op(), Fold(".{2,3}", "Run"), FoldDuplicates::by_op()},
      {FoldId("(op/.)", "Tens"), Fold("Tens > .", "T")},
      {FoldId("op/(.).*", "First"), FoldId("op/.*(.)", "Last"), viz::DepthLimit(0)},
  };
  int folds = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Diagram before = test::random_diagram(seed, 12 + static_cast<int>(seed));
    for (std::size_t l = 0; l < lists.size(); ++l) {
      CAPTURE(seed);
      CAPTURE(l);
      Diagram after = before;
      for (const viz::Transform& transform : lists[l]) {
        after = transform(std::move(after));
        REQUIRE(in_order(after));
        REQUIRE(loses_no_edge(before, after));
        REQUIRE(test::leaf_edges_of(after) == edges_of(before));
      }
      folds += after.nodes.size() < before.nodes.size() ? 1 : 0;
      const Diagram restored = unfold_all(after);
      REQUIRE(in_order(restored));
      REQUIRE(ids_of(restored) == ids_of(before));
      REQUIRE(edges_of(restored) == edges_of(before));
    }
  }
  CHECK(folds > 250);  // the lists do fold
}
