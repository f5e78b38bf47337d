// What patterns find in graphs.
#include "engine/graph/pattern.h"

#include <doctest/doctest.h>

#include "engine/core/error.h"
#include "tests/graph/test_graph.h"

using namespace glassbox;
using test::TestGraph;
using Nodes = std::vector<int>;

namespace {

std::vector<Nodes> found(std::string_view pattern, const TestGraph& graph) {
  std::vector<Nodes> all;
  for (const PatternMatch& match : Pattern(pattern).find_all(graph)) all.push_back(match.nodes);
  return all;
}

std::string why(std::string_view pattern, const TestGraph& graph) {
  const std::optional<PatternMiss> miss = why_not(Pattern(pattern), graph);
  return miss ? miss->text : "it matches";
}

// x -> a -> b -> Add, with x -> Add or x -> d -> Add.
TestGraph block(bool projection) {
  TestGraph graph;
  const int x = graph.add("Relu", {graph.add("", {})});
  const int a = graph.add("ConvBnRelu", {x});
  const int b = graph.add("ConvBn", {a});
  const int skip = projection ? graph.add("ConvBn", {x}) : x;
  graph.add("Relu", {graph.add("Add", {b, skip})});
  return graph;
}

}  // namespace

TEST_CASE("pattern: one after the other, and no interior value is read outside") {
  const TestGraph chain = TestGraph::chain({"Conv", "Relu", "Conv", "Conv", "Relu"});
  CHECK(found("Conv > Relu", chain) == std::vector<Nodes>{{1, 2}, {4, 5}});
  CHECK(found("Conv > Conv > Relu", chain) == std::vector<Nodes>{{3, 4, 5}});
  CHECK(found("conv > Relu", chain).empty());

  TestGraph tapped = chain;
  tapped.add("Add", {1, 5});
  CHECK(found("Conv > Relu", tapped) == std::vector<Nodes>{{4, 5}});
  // The last op may be read by any number.
  TestGraph fan = chain;
  fan.add("Neg", {5});
  fan.add("Abs", {5});
  CHECK(found("Conv > Relu", fan).size() == 2);
  // Nothing overlaps, the first comes first.
  CHECK(found("A > A", TestGraph::chain({"A", "A", "A", "A", "A"})) ==
        std::vector<Nodes>{{1, 2}, {3, 4}});
  // Inputs and outputs are no ops.
  CHECK(found(".", TestGraph::chain({"A"})) == std::vector<Nodes>{{1}});
}

TEST_CASE("pattern: repetitions take as much as they can, and give back") {
  const auto chain = [](const char* letters) {
    std::vector<std::string> ops;
    for (const char* c = letters; *c; ++c) ops.emplace_back(1, *c);
    return TestGraph::chain(ops);
  };
  CHECK(found("A+", chain("AAAB")) == std::vector<Nodes>{{1, 2, 3}});
  CHECK(found("A* > B", chain("AAABB")) == std::vector<Nodes>{{1, 2, 3, 4}, {5}});
  CHECK(found("A{2}", chain("AAAAA")) == std::vector<Nodes>{{1, 2}, {3, 4}});
  CHECK(found("A{2,3} > A", chain("AAA")) == std::vector<Nodes>{{1, 2, 3}});
  CHECK(found("A{2,}", chain("AABAAA")) == std::vector<Nodes>{{1, 2}, {4, 5, 6}});
  CHECK(found("A{2,3}", chain("AAAAAAA")) == std::vector<Nodes>{{1, 2, 3}, {4, 5, 6}});
  CHECK(found("A > B? > C", chain("ABCAC")) == std::vector<Nodes>{{1, 2, 3}, {4, 5}});
  CHECK(found("(A > B)+ > C", chain("ABABC")) == std::vector<Nodes>{{1, 2, 3, 4, 5}});
  CHECK(found("(A > B?){2}", chain("ABA")) == std::vector<Nodes>{{1, 2, 3}});
  CHECK(found("A > .* > C", chain("ABBC")) == std::vector<Nodes>{{1, 2, 3, 4}});
  CHECK(found("(A?)* > B", chain("AAB")) == std::vector<Nodes>{{1, 2, 3}});
  CHECK(found("A > B or C", chain("ABACAD")) == std::vector<Nodes>{{1, 2}, {3, 4}});
  CHECK(found("A > (B > C) or B > D", chain("ABCD")) == std::vector<Nodes>{{1, 2, 3, 4}});
  CHECK(found("A > (B > C) or B > D", chain("ABD")) == std::vector<Nodes>{{1, 2, 3}});
}

TEST_CASE("pattern: the article's bottleneck, verbatim") {
  constexpr std::string_view article = R"(
        ((ConvBnRelu > ConvBnRelu > ConvBn) | ConvBn) > Add > Relu
        )";
  TestGraph graph;
  const int x = graph.add("MaxPool", {graph.add("", {})});
  const int skip = graph.add("ConvBn", {x});
  const int a = graph.add("ConvBnRelu", {x});
  const int b = graph.add("ConvBnRelu", {a});
  const int c = graph.add("ConvBn", {b});
  const int relu = graph.add("Relu", {graph.add("Add", {c, skip})});
  CHECK(found(article, graph) == std::vector<Nodes>{{2, 3, 4, 5, 6, 7}});
  // The identity block after it, as HiddenLayer had to write it.
  const int d = graph.add("ConvBn", {graph.add("ConvBnRelu", {graph.add("ConvBnRelu", {relu})})});
  graph.add("Relu", {graph.add("Add", {d, relu})});
  CHECK(found("ConvBnRelu > ConvBnRelu > ConvBn > Add > Relu", graph) ==
        std::vector<Nodes>{{3, 4, 5, 6, 7}, {8, 9, 10, 11, 12}});
  CHECK(found(article, graph).size() == 1);
  // Both in one.
  CHECK(found("((ConvBnRelu{2} > ConvBn) | ConvBn?) > Add > Relu", graph).size() == 2);
}

TEST_CASE("pattern: branches match in any order and any length") {
  const auto graph = [](bool swapped) {
    TestGraph g;
    const int x = g.add("X", {});
    const int first = g.add("A", {x}), second = g.add("A", {x});
    const int end = g.add("B", {swapped ? second : first});
    g.add("J", {end, swapped ? first : second});
    return g;
  };
  for (const bool swapped : {false, true}) {
    for (const char* text : {"((A > B) | A) > J", "(A | (A > B)) > J", "X > (A | (A > B)) > J",
                             "X > ((A > B?) | A) > J"}) {
      CAPTURE(text);
      CHECK(found(text, graph(swapped)).size() == 1);
    }
    CHECK(found("(A | A) > J", graph(swapped)).empty());
    CHECK(found("(A | (A > B) | A) > J", graph(swapped)).empty());
  }
  // Only one assignment fits, and it is the last that trying in order would reach.
  TestGraph fan;
  const int x = fan.add("X", {});
  Nodes ends;
  for (int i = 0; i < 12; ++i) ends.push_back(fan.add(i == 0 ? "B" : "A", {x}));
  fan.add("J", ends);
  std::string text = "(";
  for (int i = 0; i < 11; ++i) text += "(A or B) | ";
  CHECK(found(text + "B) > J", fan).size() == 1);
  CHECK(found(text + "C) > J", fan).empty());
}

TEST_CASE("pattern: where branches end") {
  // Apart.
  TestGraph apart;
  int x = apart.add("X", {});
  apart.add("J", {apart.add("A", {x})});
  apart.add("J", {apart.add("B", {x})});
  CHECK(found("(A | B) > J", apart).empty());
  CHECK(found("(A | B)", apart).empty());
  // Nowhere, both; and one that ends nowhere is no partner for one that does not, in any order.
  TestGraph open;
  x = open.add("X", {});
  open.add("A", {x});
  open.add("B", {x});
  CHECK(found("A | B", open) == std::vector<Nodes>{{1, 2}});
  open.add("J", {1});
  CHECK(found("A | B", open).empty());
  CHECK(found("B | A", open).empty());
  // In two readers.
  TestGraph two;
  x = two.add("X", {});
  const int a = two.add("A", {x}), b = two.add("B", {x});
  const int c = two.add("C", {a, b}), d = two.add("D", {a, b});
  two.add("J", {c, d});
  CHECK(found("X > (A | B) > (D | C) > J", two) == std::vector<Nodes>{{0, 1, 2, 3, 4, 5}});
  // Inside one another.
  TestGraph nested;
  x = nested.add("ConvBnRelu", {nested.add("X", {})});
  nested.add("Concat", {nested.add("ConvBnRelu", {x}), nested.add("ConvBnRelu", {x})});
  CHECK(found("(ConvBnRelu > (ConvBnRelu | ConvBnRelu) > Concat)", nested).size() == 1);
  // Two that run together before the join are no branches.
  TestGraph together;
  x = together.add("X", {});
  const int s = together.add("A", {x}), t = together.add("A", {x});
  together.add("J", {together.add("S", {s, t})});
  CHECK(found("((A > S) | (A > S)) > J", together).empty());
  CHECK(found("(A | A) > S > J", together).size() == 1);
}

TEST_CASE("pattern: HiddenLayer's Inception cell") {
  TestGraph graph;
  const int x = graph.add("Concat", {});
  const auto run = [&graph, x](const std::vector<std::string>& ops) {
    int last = x;
    for (const std::string& op : ops) last = graph.add(op, {last});
    return last;
  };
  const int a = run({"Conv", "Relu"}), b = run({"Conv", "Relu", "Conv", "Relu"}),
            c = run({"Conv", "Relu", "Conv", "Relu"}), d = run({"MaxPool", "Conv", "Relu"});
  graph.add("Concat", {a, b, c, d});
  CHECK(found("((MaxPool > Conv > Relu) | (Conv > Relu > Conv > Relu) | "
              "(Conv > Relu > Conv > Relu) | (Conv > Relu)) > Concat",
              graph) == std::vector<Nodes>{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}});
}

TEST_CASE("pattern: a skip") {
  constexpr const char *exact = "((ConvBnRelu > ConvBn) | _) > Add",
                       *loose = "ConvBnRelu > ConvBn > Add";
  CHECK(found(exact, block(false)) == std::vector<Nodes>{{2, 3, 4}});
  CHECK(found(exact, block(true)).empty());
  CHECK(found("(_ | (ConvBnRelu > ConvBn)) > Add", block(false)).size() == 1);
  CHECK(found("Relu > (_ | (ConvBnRelu > ConvBn)) > Add > Relu", block(false)).size() == 1);
  CHECK(found(loose, block(false)).size() == 1);

  // The skip of a U-Net comes from afar.
  TestGraph far;
  const int start = far.add("Relu", {far.add("", {})});
  const int x = far.add("Pool", {start});
  far.add("Add", {far.add("ConvBn", {far.add("ConvBnRelu", {x})}), start});
  CHECK(found(exact, far).empty());
  CHECK(found(loose, far).size() == 1);
}

TEST_CASE("pattern: side inputs") {
  TestGraph graph;
  const int x = graph.add("", {}), y = graph.add("", {});
  const int a = graph.add("A", {x, y}), b = graph.add("B", {a, y}), c = graph.add("B", {b});
  CHECK(found("A > B > B", graph) == std::vector<Nodes>{{a, b, c}});
  CHECK(found("A > B! > B", graph).empty());
  CHECK(found("A! > B", graph).empty());
  CHECK(found("B > B!", graph) == std::vector<Nodes>{{b, c}});
  // After branches there is none: these are all that the op reads.
  TestGraph join;
  const int s = join.add("X", {join.add("", {})});
  const int other = join.add("Y", {join.add("", {})});
  const int p = join.add("A", {s}), q = join.add("B", {s});
  join.add("J", {p, q, other});
  CHECK(found("(A | B) > J", join).empty());
  CHECK(found("X > (A | B) > J", join).empty());
}

TEST_CASE("pattern: captures") {
  const TestGraph chain = TestGraph::chain({"Conv", "Relu", "Conv", "Relu", "Pool", "Linear"});
  const auto all = Pattern("body:(conv:Conv > Relu)+ > Pool? > head:Linear").find_all(chain);
  REQUIRE(all.size() == 1);
  CHECK(all[0]["body"] == Nodes{1, 2, 3, 4});
  CHECK(all[0]["conv"] == Nodes{1, 3});
  CHECK(all[0]["head"] == Nodes{6});
  CHECK(all[0].last == Nodes{6});
  CHECK_THROWS_WITH_AS(all[0]["tail"],
                       "pattern: there is no capture tail; there are conv, body, head", Error);
  const auto branches =
      Pattern("((main:ConvBnRelu > ConvBn) | skip:ConvBn) > Add").find_all(block(true));
  REQUIRE(branches.size() == 1);
  CHECK(branches[0]["main"] == Nodes{2});
  CHECK(branches[0]["skip"] == Nodes{4});
}

TEST_CASE("pattern: why not") {
  const TestGraph chain = TestGraph::chain({"Conv", "BatchNorm", "Conv", "Relu"});
  CHECK(why("Conv > BatchNorm > Relu", chain) ==
        "2 nodes match, then Conv (node 3) is Conv, where the pattern has Relu (column 20)");
  CHECK(why("Conv > BatchNorm", chain) == "it matches");
  CHECK(why("ConvBn > Relu", chain) == "no op is ConvBn; the graph has Conv, BatchNorm, Relu");
  CHECK(
      why("Conv > Relu > Linear", chain) ==
      "2 nodes match, then Relu (node 4) has no reader, where the pattern has Linear (column 15)");
  CHECK(why("A", TestGraph()) == "the graph has no op");

  TestGraph graph;
  const int x = graph.add("Conv", {graph.add("", {})}, {{"kernel_size", Pair(1)}});
  graph.add("Relu", {x});
  graph.add("Add", {x, 2});
  CHECK(why("Conv[3x3]", graph) ==
        "Conv (node 1) has kernel_size 1, where the pattern has Conv[3x3] (column 1)");
  CHECK(
      why("Conv[foo=1]", graph) ==
      "Conv (node 1) has no foo; it has kernel_size, where the pattern has Conv[foo=1] (column 1)");
  CHECK(why("Conv > Relu", graph) ==
        "1 node matches, then Conv (node 1) has 2 readers: Relu (node 2), Add (node 3), where the "
        "pattern has Relu (column 8)");
  CHECK(why("Relu > Add!", graph) ==
        "1 node matches, then Add (node 3) reads Conv (node 1) too, where the pattern has Add! "
        "(column 8)");
  CHECK(why("Conv > (Relu | Tanh | _) > Add", graph) ==
        "1 node matches, then Conv (node 1) has 2 readers: Relu (node 2), Add (node 3), where the "
        "pattern has (Relu | Tanh | _) (column 8)");
  CHECK(why("Conv > (Tanh | _) > Add", graph) ==
        "1 node matches, then Relu (node 2) is Relu, where the pattern has Tanh (column 9)");
  CHECK(why("(ConvBnRelu | _) > Add", block(false)) ==
        "Relu (node 1) has branches that end apart or fit in no order: before ConvBn "
        "(node 3), before Add (node 4), where the pattern has (ConvBnRelu | _) (column 1)");
}

TEST_CASE("pattern: no blow-up") {
  // What is exponential for a matcher that backtracks without memory.
  const TestGraph chain = TestGraph::chain(std::vector<std::string>(2000, "A"));
  for (const char* text : {"A+ > B", "A* > A* > A* > B", "(A+)+ > B", "(A?){30} > A{30} > B",
                           "(A or A)+ > B", "((A+ > A+) or A)+ > B", "(A > A?){1,50} > B"}) {
    CAPTURE(text);
    CHECK(found(text, chain).empty());
  }
  CHECK(found("(A*)*> A", chain).size() == 1);

  // A tower of diamonds, each with two equal branches.
  TestGraph tower;
  int x = tower.add("X", {});
  for (int i = 0; i < 500; ++i) {
    const int a = tower.add("A", {x}), b = tower.add("A", {x});
    x = tower.add("X", {a, b});
  }
  CHECK(found("(X > (A | A))+ > B", tower).empty());
  CHECK(found("X > ((A | A) > X)+", tower).size() == 1);
  CHECK(found("X > ((A+ | A+) > X)+ > B", tower).empty());
  CHECK(why("(X > (A | A))+ > B", tower) != "it matches");

  // A node with many readers.
  TestGraph wide;
  x = wide.add("X", {});
  Nodes ends;
  for (int i = 0; i < 100; ++i) ends.push_back(wide.add("A", {x}));
  wide.add("J", ends);
  std::string text = "((A or B)";
  for (int i = 1; i < 100; ++i) text += " | (A or B)";
  CHECK(found(text + ") > J", wide).size() == 1);

  // Many forks whose branches run into long chains with side inputs.
  TestGraph comb;
  x = comb.add("X", {});
  int p = comb.add("A", {x}), q = comb.add("A", {x});
  for (int i = 0; i < 500; ++i) {
    const int s = comb.add("S", {});
    p = comb.add("A", {p, s});
    q = comb.add("A", {q, comb.add("S", {})});
  }
  comb.add("J", {p, q});
  CHECK(found("(A+ | A+) > J", comb).size() == 1);
  CHECK(found("(A+ | A+) > K", comb).empty());
}
