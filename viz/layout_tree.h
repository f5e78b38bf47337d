// The levels of a layered layout: which boxes and clusters each holds, and which nets cross it.
// Detail of layout.
#pragma once
#include <unordered_map>
#include <vector>

#include "viz/layout_level.h"

namespace glassbox::viz::detail {

class LayoutTree {
 public:
  struct Child {
    int box = -1, cluster = -1;  // one of them
  };
  // Where an edge passes a level: from its net's source to a sink.
  struct Step {
    int level, net, sink;
  };
  struct Node {
    Level level;
    std::vector<Child> children;        // the first items of the level
    std::unordered_map<int, int> nets;  // by bundle
    std::vector<int> bundles;           // by net
    std::vector<int> edges;             // that begin in a box of this level itself
    // By net: the item that is its port at the top, and its sink at the bottom; -1: none.
    std::vector<int> source_port, sink_port;
    std::vector<int> geometry;  // by net: the net whose line it was given, see Sink::group
    double width = 0, height = 0, x = 0, y = 0;
  };

  // Throws Error for what is wrong with the graph.
  explicit LayoutTree(const LayoutGraph& graph);

  int root() const { return static_cast<int>(nodes.size()) - 1; }
  int parent(int cluster) const;  // the root for the outermost
  Node& node(int i) { return nodes[static_cast<std::size_t>(i)]; }
  const Node& node(int i) const { return nodes[static_cast<std::size_t>(i)]; }

  std::vector<Node> nodes;               // by cluster, the root last
  std::vector<int> inner_first;          // clusters in use and the root, each after those inside it
  std::vector<std::vector<Step>> steps;  // by edge, from its upper end to its lower one
  std::vector<char> upwards;             // edges that are drawn from the lower box to the upper one
  std::vector<int> item_of_cluster;      // in the level around it

 private:
  void check() const;
  void find_depths();
  void add_children();
  void find_meetings();
  void break_cycles();
  void break_cycles_of(const std::vector<int>& edges);
  void bundle();
  void add_steps();
  int level_of_box(int box) const;
  int child_of(int box, int level) const;
  int net_of(int level, int edge);
  void down_step(int level, int edge, bool is_last);

  const LayoutGraph& graph_;
  std::vector<int> depth_;  // by cluster; the root's is 0
  std::vector<int> item_of_box_;
  std::vector<int> meeting_;             // by edge: the innermost level that has both ends
  std::vector<int> from_, to_, bundle_;  // by edge, cycles broken
};

}  // namespace glassbox::viz::detail
