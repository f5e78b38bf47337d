// One node in the place of several. Detail of the transforms.
#pragma once
#include <functional>
#include <vector>

#include "viz/diagram.h"

namespace glassbox::viz::detail {

// Puts one node in each group's place; no two groups share a node. What can be added up, listed or
// said of all parts is set; op, name and the rest are for `finish(node, group)`.
//
// A group from which a path leads out and back cannot become one node without making a cycle. It
// becomes several: in order of execution, each as large as it can be. Groups come one after the
// other, each in the graph that those before it left. Nodes are in order of execution afterwards,
// what a group does not depend on before it.
Diagram contract(Diagram diagram, const std::vector<std::vector<int>>& groups,
                 const std::function<void(Diagram::Node& made, std::size_t group)>& finish);

// One node that looks like all of these, with ranges for the options in which they differ.
Diagram::Node common_of(const std::vector<const Diagram::Node*>& nodes);

}  // namespace glassbox::viz::detail
