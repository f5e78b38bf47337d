// Layered layout of a graph with nested clusters, after Sugiyama: pure geometry, which knows
// nothing of what the boxes mean. The result depends on the arguments alone.
//
//   LayoutGraph graph;
//   graph.boxes = {{.width = 80, .height = 30}, {.width = 80, .height = 30}};
//   graph.edges = {{.from = 0, .to = 1}};
//   Layout drawn = layout(graph);  // drawn.boxes[1].y, drawn.routes[0].points
//
// Each cluster is laid out by itself and is then one box of what is around it, entered at its top
// and left at its bottom. So frames never overlap, and no line crosses a frame that it has no
// business in. Lengths have no unit; y grows downwards.
#pragma once
#include <vector>

namespace glassbox::viz {

struct Point {
  double x = 0, y = 0;
};

struct Rect {
  double x = 0, y = 0, width = 0, height = 0;
  double right() const { return x + width; }
  double bottom() const { return y + height; }
};

struct LayoutGraph {
  struct Box {
    double width = 0, height = 0;
    int cluster = -1;  // the innermost one that it is in
  };
  struct Edge {
    int from = -1, to = -1;
    double label_width = 0, label_height = 0;  // 0: no label
    // Edges of one box with the same number are one line that branches. The first that has a label
    // gives the line its label.
    int bundle = 0;
  };
  struct Cluster {
    int parent = -1;
    double title_width = 0, title_height = 0;  // kept free in the upper left corner
  };
  // Lengths of the drawing. The defaults suit pixels and text of 11 px.
  struct Gaps {
    double node = 20;      // between boxes side by side
    double line = 10;      // between lines, and between a line and a box
    double leave = 6;      // that a line runs straight from a box
    double enter = 14;     // that it runs straight into one: room for the arrow's head
    double below = 12;     // between a box and one below it that is not connected
    double pad = 10;       // between a frame and what is inside
    double port = 10;      // between lines that enter one box: as between lines, so no kinks
    double label = 5;      // between a line and its label
    double bend = 0.2;     // height of a curve by its width,
    double bend_max = 40;  // at most
  };

  std::vector<Box> boxes;
  std::vector<Edge> edges;  // a cycle is no error: one of its edges is drawn upwards
  std::vector<Cluster> clusters;
  bool left_to_right = false;
  Gaps gaps;
  // A line passes a rank at a bend. Where there would be more of them, the longest lines run along
  // the right side of the drawing, so that time and memory grow with the number of edges.
  int most_bends = 120'000;
};

struct Layout {
  struct Route {
    // A start, then two control points and an end of each cubic Bézier curve, as in Graphviz. A
    // straight line's control points lie on it. Empty for an edge from a box to itself.
    std::vector<Point> points;
    Rect label;  // of width 0: it has none, or shares a line that has one
  };
  double width = 0, height = 0;
  std::vector<Rect> boxes, clusters;  // a cluster without boxes has no size
  std::vector<Rect> titles;           // of the clusters
  std::vector<Route> routes;          // by edge
};

// Throws Error for an index outside the vectors and for a cluster that is its own ancestor.
Layout layout(const LayoutGraph& graph);

}  // namespace glassbox::viz
