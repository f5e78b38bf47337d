// What a pattern is parsed into: the instructions of a machine that walks a graph. Detail of
// pattern.h.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/pattern.h"
#include "engine/op.h"

namespace glassbox::detail {

struct PatternCondition {
  enum class Compare : std::uint8_t { eq, ne, lt, le, gt, ge };
  std::string name;  // as written: "k", "stride"
  Compare compare = Compare::eq;
  std::string text;             // of the value
  std::vector<double> numbers;  // empty for a word

  // "" when it holds, else what is wrong: "has kernel_size 1".
  std::string miss(const Attrs& attrs) const;
};

struct PatternTest {
  std::string op;  // "" for any
  std::vector<PatternCondition> conditions;
  bool closed = false;  // reads nothing that the pattern does not name
  std::string text;
  int column = 0;
};

struct PatternInstruction {
  enum class Kind : std::uint8_t {
    op,        // one node that passes tests[index]; then a
    split,     // a, and if that fails b
    branches,  // one of branches[index] for each reader; then a
    open,      // captures[index] begins; then a
    close,     // and ends; then a
    accept,
  };
  Kind kind;
  int a = -1, b = -1;
  int index = -1;
};

struct PatternBranches {
  std::vector<int> begins;  // instructions
  std::string text;
  int column = 0;
};

struct PatternProgram {
  std::string text;
  std::vector<PatternInstruction> instructions;
  int begin = 0;
  std::vector<PatternTest> tests;
  std::vector<PatternBranches> branches;
  std::vector<std::string> captures;
};

PatternProgram parse_pattern(std::string_view text);

std::optional<PatternMatch> match_at(const PatternProgram& program, const PatternGraph& graph,
                                     int node);
std::vector<PatternMatch> find_matches(const PatternProgram& program, const PatternGraph& graph);
std::optional<PatternMiss> nearest_miss(const PatternProgram& program, const PatternGraph& graph);

}  // namespace glassbox::detail
