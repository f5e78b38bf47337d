#include "viz/layout_tree.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <queue>
#include <tuple>

#include "engine/core/error.h"

namespace glassbox::viz::detail {
namespace {

std::size_t index(int i) { return static_cast<std::size_t>(i); }

void check_index(std::string_view what, std::size_t i, std::string_view field, int value, int first,
                 std::size_t count) {
  if (value >= first && value < static_cast<int>(count)) return;
  fail("layout", cat(what, " ", i, " has ", field, " ", value, "; there are ", count));
}

}  // namespace

LayoutTree::LayoutTree(const LayoutGraph& graph)
    : nodes(graph.clusters.size() + 1),
      steps(graph.edges.size()),
      upwards(graph.edges.size(), 0),
      item_of_cluster(graph.clusters.size(), -1),
      graph_(graph) {
  check();
  find_depths();
  add_children();
  find_meetings();
  break_cycles();
  bundle();
  add_steps();
}

int LayoutTree::parent(int cluster) const {
  const int p = graph_.clusters[index(cluster)].parent;
  return p < 0 ? root() : p;
}

void LayoutTree::check() const {
  const std::size_t boxes = graph_.boxes.size(), clusters = graph_.clusters.size();
  for (std::size_t i = 0; i < boxes; ++i)
    check_index("box", i, "cluster", graph_.boxes[i].cluster, -1, clusters);
  for (std::size_t i = 0; i < clusters; ++i)
    check_index("cluster", i, "parent", graph_.clusters[i].parent, -1, clusters);
  for (std::size_t i = 0; i < graph_.edges.size(); ++i) {
    check_index("edge", i, "from", graph_.edges[i].from, 0, boxes);
    check_index("edge", i, "to", graph_.edges[i].to, 0, boxes);
  }
}

void LayoutTree::find_depths() {
  depth_.assign(nodes.size(), -1);
  depth_[index(root())] = 0;
  std::vector<int> way;
  for (int c = 0; c < root(); ++c) {
    way.clear();
    int at = c;
    for (; depth_[index(at)] < 0; at = parent(at)) {
      if (way.size() > graph_.clusters.size())
        fail("layout", cat("cluster ", c, " is inside itself; parents must form a tree"));
      way.push_back(at);
    }
    int depth = depth_[index(at)];
    for (auto it = way.rbegin(); it != way.rend(); ++it) depth_[index(*it)] = ++depth;
  }
}

void LayoutTree::add_children() {
  constexpr int none = std::numeric_limits<int>::max();
  std::vector<int> first(nodes.size(), none);  // box inside
  for (std::size_t b = 0; b < graph_.boxes.size(); ++b) {
    for (int c = level_of_box(static_cast<int>(b)); first[index(c)] == none; c = parent(c)) {
      first[index(c)] = static_cast<int>(b);
      if (c == root()) break;
    }
  }
  // A cluster's place is that of its first box; an outer one comes before an inner one.
  struct Place {
    int first, depth, box, cluster;
  };
  std::vector<Place> places;
  for (std::size_t b = 0; b < graph_.boxes.size(); ++b)
    places.push_back({static_cast<int>(b), none, static_cast<int>(b), -1});
  for (int c = 0; c < root(); ++c) {
    if (first[index(c)] != none) places.push_back({first[index(c)], depth_[index(c)], -1, c});
  }
  std::ranges::stable_sort(places, [](const Place& a, const Place& b) {
    return std::tie(a.first, a.depth) < std::tie(b.first, b.depth);
  });
  item_of_box_.assign(graph_.boxes.size(), -1);
  for (const Place& place : places) {
    const int level = place.box >= 0 ? level_of_box(place.box) : parent(place.cluster);
    auto& children = node(level).children;
    int& item =
        place.box >= 0 ? item_of_box_[index(place.box)] : item_of_cluster[index(place.cluster)];
    item = static_cast<int>(children.size());
    children.push_back({place.box, place.cluster});
  }
  for (Node& node : nodes) node.level.items.resize(node.children.size());
  for (int c = 0; c < root(); ++c) {
    if (first[index(c)] != none) inner_first.push_back(c);
  }
  std::ranges::stable_sort(inner_first, std::greater{}, [this](int c) { return depth_[index(c)]; });
  inner_first.push_back(root());
}

int LayoutTree::level_of_box(int box) const {
  const int c = graph_.boxes[index(box)].cluster;
  return c < 0 ? root() : c;
}

// The item of a level that is or holds a box.
int LayoutTree::child_of(int box, int level) const {
  int at = level_of_box(box), item = item_of_box_[index(box)];
  for (; at != level; at = parent(at)) item = item_of_cluster[index(at)];
  return item;
}

void LayoutTree::find_meetings() {
  from_.resize(graph_.edges.size());
  to_.resize(graph_.edges.size());
  meeting_.resize(graph_.edges.size());
  for (std::size_t e = 0; e < graph_.edges.size(); ++e) {
    from_[e] = graph_.edges[e].from;
    to_[e] = graph_.edges[e].to;
    int a = level_of_box(from_[e]), b = level_of_box(to_[e]);
    while (a != b) {
      if (depth_[index(a)] >= depth_[index(b)])
        a = parent(a);
      else
        b = parent(b);
    }
    meeting_[e] = a;
  }
}

void LayoutTree::break_cycles() {
  std::vector<std::vector<int>> edges(nodes.size());
  for (std::size_t e = 0; e < graph_.edges.size(); ++e) {
    if (from_[e] != to_[e]) edges[index(meeting_[e])].push_back(static_cast<int>(e));
  }
  for (const auto& of_level : edges) break_cycles_of(of_level);
}

// Takes away what has no predecessor left; where nothing is, the first item that is still there.
// Edges into what is already gone go upwards.
void LayoutTree::break_cycles_of(const std::vector<int>& edges) {
  if (edges.empty()) return;
  const int level = meeting_[index(edges.front())];
  const std::size_t count = node(level).children.size();
  std::vector<int> waiting(count, 0);
  std::vector<std::vector<int>> out(count);
  for (const int e : edges) {
    ++waiting[index(child_of(to_[index(e)], level))];
    out[index(child_of(from_[index(e)], level))].push_back(e);
  }
  std::vector<char> gone(count, 0);
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (std::size_t i = 0; i < count; ++i) {
    if (!waiting[i]) ready.push(static_cast<int>(i));
  }
  std::size_t next = 0;
  for (std::size_t taken = 0; taken < count;) {
    if (ready.empty()) {
      while (gone[next]) ++next;
      ready.push(static_cast<int>(next));
    }
    const int item = ready.top();
    ready.pop();
    if (gone[index(item)]) continue;
    gone[index(item)] = 1;
    ++taken;
    for (const int e : out[index(item)]) {
      const int to = child_of(to_[index(e)], level);
      if (gone[index(to)]) {
        upwards[index(e)] = 1;
      } else if (--waiting[index(to)] == 0) {
        ready.push(to);
      }
    }
  }
  for (const int e : edges) {
    if (upwards[index(e)]) std::swap(from_[index(e)], to_[index(e)]);
  }
}

// Numbers for lines: one per box and bundle; an edge that goes upwards is a line of its own.
void LayoutTree::bundle() {
  std::map<std::tuple<int, int, int>, int> numbers;
  bundle_.resize(graph_.edges.size());
  for (std::size_t e = 0; e < graph_.edges.size(); ++e) {
    const int own = upwards[e] ? static_cast<int>(e) : -1;
    bundle_[e] =
        numbers
            .try_emplace({from_[e], graph_.edges[e].bundle, own}, static_cast<int>(numbers.size()))
            .first->second;
  }
}

int LayoutTree::net_of(int level, int edge) {
  Node& n = node(level);
  const auto [it, is_new] =
      n.nets.try_emplace(bundle_[index(edge)], static_cast<int>(n.level.nets.size()));
  if (is_new) {
    n.level.nets.emplace_back();
    n.bundles.push_back(bundle_[index(edge)]);
    n.source_port.push_back(-1);
    n.sink_port.push_back(-1);
  }
  return it->second;
}

namespace {

int add_sink(Level::Net& net, int item) {
  net.sinks.push_back({});
  net.sinks.back().item = item;
  return static_cast<int>(net.sinks.size()) - 1;
}

int add_port(Level& level, Level::Item::Kind kind) {
  Level::Item port;
  port.kind = kind;
  port.weight = 0;
  level.items.push_back(port);
  return static_cast<int>(level.items.size()) - 1;
}

}  // namespace

void LayoutTree::add_steps() {
  using Kind = Level::Item::Kind;
  for (std::size_t i = 0; i < graph_.edges.size(); ++i) {
    if (from_[i] == to_[i]) continue;
    const int e = static_cast<int>(i), meeting = meeting_[i];
    // Out of the clusters around the upper end.
    int item = item_of_box_[index(from_[i])];
    int at = level_of_box(from_[i]);
    node(at).edges.push_back(e);
    for (; at != meeting; at = parent(at)) {
      const int n = net_of(at, e);
      Node& here = node(at);
      Level::Net& net = here.level.nets[index(n)];
      net.source = item;
      int& port = here.sink_port[index(n)];
      if (port < 0) port = add_sink(net, add_port(here.level, Kind::sink_port));
      steps[i].push_back({at, n, port});
      item = item_of_cluster[index(at)];
    }
    node(meeting).level.nets[index(net_of(meeting, e))].source = item;
    // Into those around the lower one.
    std::vector<int> way;
    for (int c = level_of_box(to_[i]); c != meeting; c = parent(c)) way.push_back(c);
    way.push_back(meeting);
    for (auto it = way.rbegin(); it != way.rend(); ++it) down_step(*it, e, it + 1 == way.rend());
  }
}

void LayoutTree::down_step(int level, int edge, bool is_last) {
  const int n = net_of(level, edge);
  Node& here = node(level);
  if (here.level.nets[index(n)].source < 0) {
    const int port = add_port(here.level, Level::Item::Kind::source_port);
    here.source_port[index(n)] = port;
    here.level.nets[index(n)].source = port;
  }
  Level::Net& net = here.level.nets[index(n)];
  const int item = child_of(to_[index(edge)], level);
  // Two edges of one line into a box are drawn as two ends, into a cluster as one.
  int sink = -1;
  for (std::size_t s = 0; s < net.sinks.size() && !is_last; ++s) {
    if (net.sinks[s].item == item) sink = static_cast<int>(s);
  }
  if (sink < 0) sink = add_sink(net, item);
  steps[index(edge)].push_back({level, n, sink});
}

}  // namespace glassbox::viz::detail
