#include "viz/transforms.h"

#include <algorithm>
#include <map>
#include <regex>
#include <unordered_map>
#include <unordered_set>

#include "viz/fold.h"

namespace glassbox::viz {
namespace {

using Node = Diagram::Node;
using Edge = Diagram::Edge;

std::regex compiled(std::string_view what, const std::string& text) {
  try {
    return std::regex(text);
  } catch (const std::regex_error& error) {
    fail(what, cat("\"", text, "\" is no regular expression: ", error.what()));
  }
}

bool is_op(const Node& node) { return node.kind == Node::Kind::op; }

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// --- equality of repetitions
// ------------------------------------------------------------------------

// Of what an op is set to, that which does not depend on what it reads.
bool same_options(const Attrs& a, const Attrs& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].name != b[i].name) return false;
    if (a[i].name == "in_features") continue;
    const auto *x = std::get_if<std::vector<std::int64_t>>(&a[i].value),
               *y = std::get_if<std::vector<std::int64_t>>(&b[i].value);
    const bool is_channels = a[i].name == "channels" && x && y && !x->empty() && !y->empty();
    if (is_channels ? x->back() != y->back() : a[i].value != b[i].value) return false;
  }
  return true;
}

// Of images the channels, else the last dimension.
const Dim* width_of(const Node& node) {
  if (node.outputs.empty() || node.outputs[0].dims.empty()) return nullptr;
  const std::vector<Dim>& dims = node.outputs[0].dims;
  return dims.size() == 4 ? &dims[1] : &dims.back();
}

bool same_node(const Node& a, const Node& b) {
  if (a.op != b.op || a.phase != b.phase || a.parts.size() != b.parts.size() ||
      !a.failure.empty() || !b.failure.empty()) {
    return false;
  }
  const Dim *x = width_of(a), *y = width_of(b);
  if ((x == nullptr) != (y == nullptr) || (x && *x != *y)) return false;
  if (a.parts.empty()) return same_options(a.attrs, b.attrs);
  // The parts say all that the whole says.
  return std::ranges::equal(a.parts, b.parts, same_node);
}

// Removes what is marked; `sources` says what stands for each node that is gone.
Diagram without(Diagram diagram, const std::vector<bool>& gone, std::vector<Edge> edges) {
  std::vector<int> index_of(diagram.nodes.size(), -1);
  std::vector<Node> nodes;
  for (std::size_t n = 0; n < diagram.nodes.size(); ++n) {
    if (gone[n]) continue;
    index_of[n] = static_cast<int>(nodes.size());
    nodes.push_back(std::move(diagram.nodes[n]));
  }
  std::erase_if(edges, [&gone](const Edge& e) { return gone[at(e.from)] || gone[at(e.to)]; });
  for (Edge& edge : edges) {
    edge.from = index_of[at(edge.from)];
    edge.to = index_of[at(edge.to)];
  }
  diagram.nodes = std::move(nodes);
  diagram.edges = std::move(edges);
  return diagram;
}

std::vector<bool> matched_nodes(const Pattern& pattern, const Diagram& diagram) {
  std::vector<bool> matched(diagram.nodes.size(), false);
  for (const PatternMatch& match : pattern.find_all(DiagramView(diagram))) {
    for (const int n : match.nodes) matched[at(n)] = true;
  }
  return matched;
}

void take_looks(Node& to, const Node& from) {
  to.op = from.op;
  to.name = from.name.empty() ? title_of(from) : from.name;
  to.attrs = from.attrs;
}

}  // namespace

Diagram Fold::apply(Diagram diagram) const {
  std::vector<std::vector<int>> groups;
  for (PatternMatch& match : pattern.find_all(DiagramView(diagram))) {
    // One op that already is what it would become.
    const Node& first = diagram.nodes[at(match.nodes.front())];
    const bool same = op == "__first__" || op == "__last__" || (first.op == op && name.empty());
    if (match.nodes.size() > 1 || !same) groups.push_back(std::move(match.nodes));
  }
  return detail::contract(std::move(diagram), groups, [this](Node& made, std::size_t) {
    if (op == "__first__") return take_looks(made, made.parts.front());
    if (op == "__last__") return take_looks(made, made.parts.back());
    made.op = op;
    made.name = name;
  });
}

Diagram FoldId::apply(Diagram diagram) const {
  const std::regex expression = compiled("FoldId", regex);
  if (expression.mark_count() == 0)
    fail("FoldId",
         cat("\"", regex, "\" needs a group in parentheses, which says what is folded together"));
  std::map<std::string, std::size_t> group_of;
  std::vector<std::vector<int>> groups;
  for (std::size_t n = 0; n < diagram.nodes.size(); ++n) {
    std::smatch match;
    if (!is_op(diagram.nodes[n]) || !std::regex_search(diagram.nodes[n].id, match, expression,
                                                       std::regex_constants::match_continuous)) {
      continue;
    }
    const auto [known, is_new] = group_of.try_emplace(match[1].str(), groups.size());
    if (is_new) groups.emplace_back();
    groups[known->second].push_back(static_cast<int>(n));
  }
  return detail::contract(std::move(diagram), groups, [this](Node& made, std::size_t) {
    made.op = op;
    made.name = name;
  });
}

FoldDuplicates FoldDuplicates::by_op() {
  FoldDuplicates made;
  made.op_alone = true;
  return made;
}

Diagram FoldDuplicates::apply(Diagram diagram) const {
  const Adjacency edges(diagram);
  std::vector<std::vector<int>> groups;
  std::vector<bool> taken(diagram.nodes.size(), false);
  for (int n = 0; n < static_cast<int>(diagram.nodes.size()); ++n) {
    if (taken[at(n)]) continue;
    std::vector<int> run{n};
    while (edges.successors[at(run.back())].size() == 1) {
      const Node& node = diagram.nodes[at(run.back())];
      const int next = edges.successors[at(run.back())].front();
      const Node& other = diagram.nodes[at(next)];
      if (!is_op(node) || !is_op(other) || taken[at(next)]) break;
      const bool equal = op_alone
                             ? node.op == other.op && node.failure.empty() && other.failure.empty()
                             : same_node(node, other);
      if (!equal) break;
      taken[at(next)] = true;
      run.push_back(next);
    }
    if (run.size() > 1) groups.push_back(std::move(run));
  }
  return detail::contract(std::move(diagram), groups, [](Node& made, std::size_t) {
    std::vector<const Node*> parts;
    made.repeat = 0;
    for (const Node& part : made.parts) {
      parts.push_back(&part);
      made.repeat += part.repeat;
    }
    Node one = detail::common_of(parts);
    made.op = one.op;
    made.name = one.name;
    made.attrs = std::move(one.attrs);
  });
}

Diagram Prune::apply(Diagram diagram) const {
  const std::vector<bool> gone = matched_nodes(pattern, diagram);
  // By reader, in order of the operands. A node's sources are known before its readers ask.
  std::vector<std::vector<Edge>> reads(diagram.nodes.size());
  for (const Edge& edge : diagram.edges) reads[at(edge.to)].push_back(edge);
  std::vector<Edge> edges;
  for (std::size_t n = 0; n < reads.size(); ++n) {
    std::vector<Edge> resolved;
    std::unordered_set<int> through;  // sources behind what is gone, once each
    for (const Edge& edge : reads[n]) {
      if (!gone[at(edge.from)]) {
        resolved.push_back(edge);
        continue;
      }
      for (Edge source : reads[at(edge.from)]) {
        if (!through.insert(source.from).second) continue;
        source.to = edge.to;
        resolved.push_back(std::move(source));
      }
    }
    reads[n] = std::move(resolved);
    if (!gone[n]) edges.insert(edges.end(), reads[n].begin(), reads[n].end());
  }
  return without(std::move(diagram), gone, std::move(edges));
}

Diagram PruneBranch::apply(Diagram diagram) const {
  std::vector<bool> gone = matched_nodes(pattern, diagram);
  const Adjacency edges(diagram);
  for (std::size_t n = gone.size(); n-- > 0;) {
    const std::vector<int>& readers = edges.successors[n];
    const bool unread = !readers.empty() && std::ranges::all_of(readers, [&gone](int reader) {
      return gone[at(reader)];
    });
    if (unread && is_op(diagram.nodes[n])) gone[n] = true;
  }
  std::vector<Edge> kept = diagram.edges;
  return without(std::move(diagram), gone, std::move(kept));
}

Rename Rename::op(std::string regex, std::string to) {
  return {std::move(regex), std::move(to), false};
}

Rename Rename::name(std::string regex, std::string to) {
  return {std::move(regex), std::move(to), true};
}

Diagram Rename::apply(Diagram diagram) const {
  const std::regex expression = compiled("Rename", regex);
  const std::string format = std::regex_replace(to, std::regex(R"(\\(\d))"), "$$$1");
  for (Node& node : diagram.nodes) {
    if (!of_name && !is_op(node)) continue;
    const std::string text = of_name ? title_of(node) : node.op;
    std::smatch match;
    if (std::regex_match(text, match, expression))
      (of_name ? node.name : node.op) = match.format(format);
  }
  return diagram;
}

DepthLimit::DepthLimit(int n) : levels(n) {
  if (n < 0) fail("DepthLimit", cat("levels ", n, " must be at least 0"));
}

Diagram DepthLimit::apply(Diagram diagram) const {
  // The cluster around each one that stands at the limit; -2: none does.
  std::vector<int> limit(diagram.clusters.size(), -2), depth(diagram.clusters.size(), 1);
  for (std::size_t c = 0; c < diagram.clusters.size(); ++c) {
    const int parent = diagram.clusters[c].parent;  // comes before
    if (parent >= 0) {
      depth[c] = depth[at(parent)] + 1;
      limit[c] = limit[at(parent)];
    }
    if (depth[c] == levels) limit[c] = static_cast<int>(c);
  }
  std::map<int, std::size_t> group_of;
  std::vector<std::vector<int>> groups;
  std::vector<int> cluster_of;
  for (std::size_t n = 0; n < diagram.nodes.size(); ++n) {
    const Node& node = diagram.nodes[n];
    if (!is_op(node)) continue;
    const int cluster = levels == 0 ? -1 : node.cluster < 0 ? -2 : limit[at(node.cluster)];
    if (cluster == -2) continue;
    const auto [known, is_new] = group_of.try_emplace(cluster, groups.size());
    if (is_new) {
      groups.emplace_back();
      cluster_of.push_back(cluster);
    }
    groups[known->second].push_back(static_cast<int>(n));
  }
  const std::string model = diagram.model;
  const std::vector<Diagram::Cluster> clusters = diagram.clusters;
  return detail::contract(std::move(diagram), groups, [&](Node& made, std::size_t group) {
    const int c = cluster_of[group];
    made.op = made.name = c < 0 ? model : clusters[at(c)].type;
    made.cluster = c < 0 ? -1 : clusters[at(c)].parent;
    if (c < 0) return;
    made.module = clusters[at(c)].path;
    made.call = clusters[at(c)].call;
  });
}

const std::vector<Transform>& default_transforms() {
  static const std::vector<Transform> transforms = {
      Fold("Conv > Conv > BatchNorm > Relu", "ConvConvBnRelu"),
      Fold("Conv > BatchNorm > Relu", "ConvBnRelu"),
      Fold("Conv > BatchNorm", "ConvBn"),
      Fold("Conv > Relu", "ConvRelu"),
      Fold("Linear > Relu", "LinearRelu"),
      FoldDuplicates(),
  };
  return transforms;
}

}  // namespace glassbox::viz
