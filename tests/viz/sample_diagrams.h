#pragma once
// Diagrams to draw: of a recording, one node per op, and small ones with all that a drawing marks.
#include <vector>

#include "layers/module.h"
#include "viz/diagram.h"

namespace glassbox::test {

// A model's forward pass, its first dimension written N.
viz::Diagram diagram_of(layers::ModuleBase& model, const std::vector<Shape>& inputs);

// A repeated, a shared, a measured and a folded node, frames in frames, changes and a failure.
viz::Diagram marked_diagram();

}  // namespace glassbox::test
