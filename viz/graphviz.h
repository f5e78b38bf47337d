// Graphviz's layout, where it is installed: the program `dot` reads DOT and draws it.
#pragma once
#include <string>

namespace glassbox::viz {

// What `dot -T<format>` makes of the text; format is "svg", "pdf", "png" or another that it knows.
// It may take minutes for thousands of nodes. Throws Error where there is no `dot` (package
// graphviz) and with its own words where it refuses.
std::string graphviz(const std::string& dot, const std::string& format);

}  // namespace glassbox::viz
