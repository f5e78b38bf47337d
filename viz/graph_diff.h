// Two diagrams as one: what both have, what only one of them has, and what changed.
#pragma once
#include "viz/diagram.h"

namespace glassbox::viz {

// Nodes are aligned in order of execution, those of one kind and op, those first that agree in
// options, shapes and parameters, then those of one id. What is drawn are the right diagram's nodes
// and edges with the left one's removed ones among them; `change` says which is which, and a
// changed node's notes say what from and to what. Diagrams are compared as they are, so transform
// both alike before. Throws Error for a diagram with a failure, and for two of different batches.
Diagram diff(const Diagram& left, const Diagram& right);

}  // namespace glassbox::viz
