#include "engine/graph/pattern.h"

#include <algorithm>

#include "engine/graph/pattern_program.h"

namespace glassbox {
namespace {

// "no node is ConvBn; the graph has Conv, BatchNorm, Relu".
std::string ops_of(const PatternGraph& graph) {
  constexpr std::size_t most = 12;
  std::vector<std::string_view> ops;
  for (int n = 0; n < graph.size(); ++n) {
    const std::string_view op = graph.op(n);
    if (!op.empty() && std::ranges::find(ops, op) == ops.end()) ops.push_back(op);
  }
  std::string text;
  for (std::size_t i = 0; i < ops.size() && i < most; ++i)
    text.append(i ? ", " : "").append(ops[i]);
  return ops.size() > most ? text + ", ..." : text;
}

}  // namespace

std::string PatternGraph::name(int node) const { return cat(op(node), " (node ", node, ")"); }

const std::vector<int>& PatternMatch::operator[](std::string_view name) const {
  std::string names;
  for (const auto& [own, nodes_of] : captures) {
    if (own == name) return nodes_of;
    names += (names.empty() ? "" : ", ") + own;
  }
  fail("pattern", cat("there is no capture ", name, names.empty() ? "" : "; there are " + names));
}

Pattern::Pattern(std::string_view text)
    : program_(std::make_shared<const detail::PatternProgram>(detail::parse_pattern(text))) {}

const std::string& Pattern::text() const { return program_->text; }

std::optional<PatternMatch> Pattern::match_at(const PatternGraph& graph, int node) const {
  return detail::match_at(*program_, graph, node);
}

std::vector<PatternMatch> Pattern::find_all(const PatternGraph& graph) const {
  return detail::find_matches(*program_, graph);
}

std::optional<PatternMiss> why_not(const Pattern& pattern, const PatternGraph& graph) {
  std::optional<PatternMiss> miss = detail::nearest_miss(*pattern.program_, graph);
  if (!miss) return miss;
  const std::string wanted =
      cat("where the pattern has ", miss->element, " (column ", miss->column, ")");
  if (miss->node < 0) {
    miss->text = "the graph has no op";
  } else if (miss->matched > 0) {
    miss->text = cat(miss->matched, miss->matched == 1 ? " node matches" : " nodes match",
                     ", then ", graph.name(miss->node), " ", miss->reason, ", ", wanted);
  } else if (miss->reason.starts_with("is ")) {
    miss->text = cat("no op is ", miss->element, "; the graph has ", ops_of(graph));
  } else {
    miss->text = cat(graph.name(miss->node), " ", miss->reason, ", ", wanted);
  }
  return miss;
}

}  // namespace glassbox
