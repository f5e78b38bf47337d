// One level of a layered layout: boxes, some of them clusters laid out before, and the nets between
// them. Steps: ranks, order, x, y. Detail of layout.
#pragma once
#include <cstdint>
#include <vector>

#include "viz/layout.h"

namespace glassbox::viz::detail {

struct Level {
  struct Item {
    enum class Kind : std::uint8_t {
      box,
      source_port,  // where a line comes in from outside, at the top
      sink_port,    // where one leaves, at the bottom
      label,        // the first bend of a net that has one
      bend,         // where a line passes a rank
    };
    Kind kind = Kind::box;
    double left = 0, right = 0;  // extents on both sides of its anchor x
    double height = 0;
    double weight = 1;  // boxes on the longest way through it
    bool spreads =
        false;  // lines enter side by side where this level wants them, not at given places
    bool is_lane = false;  // a bend on a lane, see Level::lanes
    int rank = 0, position = 0;
    double x = 0, y = 0;  // anchor and top
    bool is_line() const { return kind != Kind::box && kind != Kind::label; }
    bool is_bend() const { return kind == Kind::bend || kind == Kind::label; }
    double bottom() const { return y + height; }
  };
  // One line from its source to all its sinks.
  struct Net {
    struct Sink {
      int item = -1;
      double offset = 0;  // from the item's anchor
      // Sinks of one item with the same number above 0 may exchange their offsets, and with them
      // the slots, which mean something to the caller alone.
      int group = 0, slot = -1;
      int segment = -1;   // the last one before it
      bool main = false;  // on the trunk
    };
    int source = -1;
    double offset = 0;
    std::vector<Sink> sinks;
    double label_left = 0, label_right = 0, label_height = 0;
    int label = -1;  // its item
    bool has_label() const { return label_height > 0; }
  };
  // A piece of a net between neighbouring ranks: straight down from the upper item, a curve from
  // y0 to y1, straight down to the lower.
  struct Segment {
    int from = -1, to = -1;
    double from_offset = 0, to_offset = 0;
    int net = -1, sink = -1;  // sink: -1 where it ends in a bend
    bool main = false;
    double y0 = 0, y1 = 0;
  };

  LayoutGraph::Gaps gaps;
  std::vector<Item> items;  // boxes and ports; bends are added
  std::vector<Net> nets;
  double head = 0;         // y where the content begins
  std::vector<int> first;  // ports at the top, in the order that suits what is around
  // Where a net would pass so many ranks that bends in all of them cost too much, it runs along a
  // lane, right of everything: two bends and a segment between them that passes ranks.
  struct Lane {
    int upper = -1, lower = -1;  // items
  };
  std::vector<Lane> lanes;
  int most_bends = 0;  // see LayoutGraph

  std::vector<std::vector<int>> ranks;    // items, from left to right
  std::vector<std::vector<int>> in, out;  // segments by item
  std::vector<Segment> segments;
  double height = 0;

  double x_of_start(const Segment& s) const { return item(s.from).x + s.from_offset; }
  double x_of_end(const Segment& s) const { return item(s.to).x + s.to_offset; }
  Item& item(int i) { return items[static_cast<std::size_t>(i)]; }
  const Item& item(int i) const { return items[static_cast<std::size_t>(i)]; }
  Segment& segment(int i) { return segments[static_cast<std::size_t>(i)]; }
  const Segment& segment(int i) const { return segments[static_cast<std::size_t>(i)]; }
};

void assign_ranks(Level& level);  // ranks, the trunk, bends and segments; nets must have no cycle
void order_ranks(Level& level);   // few crossings
void place_across(Level& level);  // x
void place_down(Level& level);    // y and the height

}  // namespace glassbox::viz::detail
