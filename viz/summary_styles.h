// The styles of a summary, one file each. Detail of summary.cpp.
#pragma once
#include <string>

#include "viz/summary.h"

namespace glassbox::viz::detail {

std::string render_tree(const Summary& summary);
std::string render_torchsummary(const Summary& summary);

}  // namespace glassbox::viz::detail
