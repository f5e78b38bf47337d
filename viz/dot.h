// DOT text of a recording, for Graphviz and whatever else reads it: the ops of the forward pass
// with what they are set to, the shapes between them, one frame per module. The text depends on the
// model and its inputs alone.
#pragma once
#include <string>

#include "engine/graph/graph.h"

namespace glassbox::viz {

enum class Direction { top_down, left_right };

struct DotOptions {
  Direction direction = Direction::top_down;
  bool frames = true;  // around the ops of each module that runs more than one
  // Leading sizes equal to that of the graph's first input are written N.
  bool symbolic_batch = true;
};

// Ids are stable: "features.0/conv2d" for an op, "@input", "@output". Parameters are no nodes;
// their count stands in the box of the op that reads them. Updates of running statistics are left
// out.
std::string to_dot(const Graph& graph, const DotOptions& options = {});

}  // namespace glassbox::viz
