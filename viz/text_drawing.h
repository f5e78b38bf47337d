// A diagram for a terminal: boxes below each other in the order of execution, a line down the
// middle where one reads what the one above it wrote, and every other line beside the boxes.
//
//   ┌────────────────┐
//   │ Conv 3×3 /2    │  conv1 · 9,408 parameters
//   └───────┬────────┘
//           ├──────────╮
#pragma once
#include <string>

#include "viz/diagram.h"

namespace glassbox::viz {

struct TextOptions {
  int width = 80;      // columns; at least 40
  bool ascii = false;  // no characters beyond ASCII in what is drawn; names stay what they are
  bool shapes = true;
  bool details = true;  // where a node comes from, and its parameters
};

// Ends with a newline. Lines beside the boxes for which there is no room become a note in the box
// of the reader: "reads features.0/conv2d". Throws Error for a width below 40.
std::string to_text(const Diagram& diagram, const TextOptions& options = {});

}  // namespace glassbox::viz
