#pragma once
// What must hold of every layered layout, checked by geometry alone.
#include <string>

#include "viz/layout.h"

namespace glassbox::test {

// "", or the first rule that is broken and by what: boxes apart, routes through no foreign box,
// frame or title, frames around what is theirs and apart, labels free, everything in the drawing.
std::string broken_rules(const viz::LayoutGraph& graph, const viz::Layout& drawn);

}  // namespace glassbox::test
