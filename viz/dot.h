// DOT text of a diagram, for Graphviz and whatever else reads it: the ops with what they are set
// to, the shapes between them, one frame per module. The text depends on the diagram alone.
#pragma once
#include <string>

#include "viz/diagram.h"

namespace glassbox::viz {

enum class Direction { top_down, left_right };

struct DotOptions {
  Direction direction = Direction::top_down;
  bool frames = true;  // around the ops of each module that runs more than one
};

// Ids are the diagram's: "features.0/conv2d" for an op, "@input", "@output". Of a folded node the
// title of its parts and their number are written; what failed is red, with the message.
std::string to_dot(const Diagram& diagram, const DotOptions& options = {});

}  // namespace glassbox::viz
