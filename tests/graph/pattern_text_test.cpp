// The language of patterns: what parses, and what is an error where.
#include <doctest/doctest.h>

#include "engine/core/error.h"
#include "tests/graph/test_graph.h"

using namespace glassbox;
using test::TestGraph;

namespace {

std::string error_of(std::string_view text) {
  try {
    const Pattern pattern(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

bool matches(std::string_view pattern, const std::vector<std::string>& ops) {
  return !Pattern(pattern).find_all(TestGraph::chain(ops)).empty();
}

bool fits(std::string_view pattern, const Attrs& attrs) {
  TestGraph graph;
  graph.add("Conv", {}, attrs);
  return !Pattern(pattern).find_all(graph).empty();
}

TestGraph diamond(const std::vector<std::vector<std::string>>& branches, std::string_view join) {
  TestGraph graph;
  const int x = graph.add("X", {graph.add("", {})});
  std::vector<int> ends;
  for (const auto& branch : branches) {
    int last = x;
    for (const std::string& op : branch) last = graph.add(op, {last});
    ends.push_back(last);
  }
  graph.add(std::string(join), ends);
  return graph;
}

}  // namespace

// What HiddenLayer's parser took silently for something else.
TEST_CASE("pattern: what HiddenLayer misread is read right, or an error that says where") {
  CHECK(error_of("A | B > C") ==
        "pattern: column 7: expected parentheses around what belongs together: '>' and '|' are not "
        "mixed, got '>' in \"A | B > C\"");
  CHECK(error_of("A > B | C") ==
        "pattern: column 7: expected parentheses around what belongs together: '>' and '|' are not "
        "mixed, got '|' in \"A > B | C\"");
  CHECK(error_of("A > B garbage") ==
        "pattern: column 7: expected '>' or the end, got 'garbage' in \"A > B garbage\"");
  CHECK(error_of("A >") ==
        "pattern: column 4: expected an op, '.', '_' or '(', got the end in \"A >\"");
  CHECK(error_of("aten::max > B") ==
        "pattern: column 6: expected an op, '.', '_' or '(', got ':' in \"aten::max > B\"");
  CHECK(error_of("> A") ==
        "pattern: column 1: expected an op, '.', '_' or '(', got '>' in \"> A\"");
  CHECK(error_of("") == "pattern: column 1: expected an op, '.', '_' or '(', got the end in \"\"");

  CHECK(matches("Conv2d* > B", {"Conv2d", "Conv2d", "B"}));  // a repetition
  CHECK(matches("Conv2d* > B", {"B"}));
  CHECK(matches("\"aten::max\" > B", {"aten::max", "B"}));
  CHECK(matches(" A > B", {"A", "B"}));
  CHECK(matches("((A))", {"A"}));
  CHECK(matches("x > ((a > b)) > c", {"x", "a", "b", "c"}));
  CHECK_FALSE(matches("x > ((a > b)) > c", {"x", "a", "b", "d"}));
  CHECK(Pattern("((A>B)|C)>D").find_all(diamond({{"A", "B"}, {"C"}}, "D")).size() == 1);
  CHECK(Pattern("\n (A|B) > C\n").find_all(diamond({{"A"}, {"B"}}, "C")).size() == 1);

  CHECK(fits("Conv[5x5]", {{"kernel_size", Pair(5)}}));
  CHECK_FALSE(fits("Conv[5x5]", {{"kernel_size", Pair(3)}}));
  TestGraph three;
  three.add("Relu", {three.add("Conv", {}, {{"kernel_size", Pair(3)}})});
  CHECK(Pattern("Conv[3x3] > Relu").find_all(three).size() == 1);
  CHECK(Pattern("Conv[1x1] > Relu").find_all(three).empty());
}

TEST_CASE("pattern: errors say the column and what was expected") {
  const std::pair<const char*, const char*> cases[] = {
      {"(A > B", "column 7: expected '>', '|' or ')', got the end"},
      {"A > B)", "column 6: expected '>' or the end, got ')'"},
      {"()", "column 2: expected an op, '.', '_' or '(', got ')'"},
      {"A > > B", "column 5: expected an op, '.', '_' or '(', got '>'"},
      {"(A | B > C) > D", "column 8: expected parentheses around"},
      {"A > or B", "column 5: expected an op, '.', '_' or '(', got 'or'"},
      {"A or", "column 5: expected an op, '.', '_' or '(', got the end"},
      {"A[", "column 3: expected an option as k=3, 3x3 or bias, got the end"},
      {"A[]", "column 3: expected an option as k=3, 3x3 or bias, got ']'"},
      {"A[3]", "column 3: expected an option as k=3, 3x3 or bias, got '3'"},
      {"A[k=]", "column 5: expected a value, got ']'"},
      {"A[k=3", "column 6: expected ',' or ']', got the end"},
      {"A[k<3x3]", "column 5: '<' compares with one number, got '3x3'"},
      {"A[s>fast]", "column 5: '>' compares with one number, got 'fast'"},
      {"A[3=k]", "column 3: expected the name of an option, got '3'"},
      {"A{", "column 3: expected a number of repetitions, got the end"},
      {"A{2", "column 4: expected ',' or '}', got the end"},
      {"A{0}", "column 2: repetitions must be {n}, {n,} or {n,m} with m at least n and 1"},
      {"A{3,2}", "column 2: repetitions must be"},
      {"A{2000}", "column 3: at most 1000 repetitions"},
      {"A+?", "column 3: expected '>' or the end, got '?'"},
      {"A* > B?", "column 1: this matches no op at all"},
      {"_", "column 1: this matches no op at all"},
      {"A > _", "column 5: '_' stands alone as one of several branches"},
      {"(A | _ | _) > B", "column 10: a second '_'"},
      {"(A | _+) > B", "column 7: '_' is not repeated"},
      {"(A | name:_) > B", "column 6: '_' has no op to name"},
      {"((A | B) | C) > D", "column 2: a branch cannot begin with branches"},
      {"'A", "column 1: expected a closing ', got the end"},
      {"\"\"", "column 1: expected the name of an op between the quotes"},
      {"A → B", "column 3: expected '>' or the end, got '→'"},
      {"ä > A", "column 1: expected an op, '.', '_' or '(', got 'ä'"},
      {"A ä > A >", "column 3: expected"},
      {"A >\n (B >\n C", "line 3, column 3: expected '>', '|' or ')', got the end"},
      {"((A{1000}){1000}){1000}", "column 1: too large"},
  };
  for (const auto& [text, error] : cases) {
    const std::string got = error_of(text);
    CAPTURE(got);
    CHECK(got.starts_with(std::string("pattern: ") + error));
  }
  CHECK(error_of(std::string(500, '(') + "A" + std::string(500, ')'))
            .find("more than 100 parentheses deep") != std::string::npos);
}

TEST_CASE("pattern: options") {
  const Attrs attrs = {{"kernel_size", Pair(3, 1)},
                       {"stride", Pair(2)},
                       {"channels", std::vector<std::int64_t>{16, 32}},
                       {"bias", false},
                       {"p", 0.5},
                       {"mode", "same"},
                       {"n", std::int64_t(-2)}};
  for (const char* yes : {"Conv[3x1]",
                          "Conv[3×1]",
                          "Conv[k=3x1]",
                          "Conv[kernel_size=3x1, s=2]",
                          "Conv[s=2x2]",
                          "Conv[k!=3]",
                          "Conv[k<=3]",
                          "Conv[k>=1]",
                          "Conv[stride!=1]",
                          "Conv[stride==2]",
                          "Conv[c=32]",
                          "Conv[c>=32]",
                          "Conv[c=16x32]",
                          "Conv[channels<33]",
                          "Conv[bias=false]",
                          "Conv[bias!=true]",
                          "Conv[p=0.5]",
                          "Conv[p<1]",
                          "Conv[mode=same]",
                          "Conv[mode!=valid]",
                          "Conv[mode='same']",
                          "Conv[n=-2]",
                          "Conv[ k = 3x1 , s = 2 ]",
                          "Conv[k!=3x3]",
                          ".[s=2]"}) {
    CAPTURE(yes);
    CHECK(fits(yes, attrs));
  }
  for (const char* no :
       {"Conv[3x3]", "Conv[k=3]", "Conv[k>1]", "Conv[s!=2]", "Conv[s=3]", "Conv[c=16]",
        "Conv[c=32x16]", "Conv[bias]", "Conv[mode=valid]", "Conv[mode]", "Conv[groups=1]",
        "Conv[g!=1]", "Conv[foo]", "Conv[foo!=1]", "Conv[s=2,k=7]", "Conv[n>-2]"}) {
    CAPTURE(no);
    CHECK_FALSE(fits(no, attrs));
  }
  // The channels of a linear layer are its features, and padding may not be named by dropout's p.
  CHECK(fits("Conv[c=10]", {{"in_features", 5}, {"out_features", 10}}));
  CHECK(fits("Conv[p=1]", {{"padding", Pair(1)}}));
}
