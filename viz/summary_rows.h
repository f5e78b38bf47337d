// How a summary comes to be: its rows, from a recording or from the listing alone. Detail of
// summary.cpp.
#pragma once
#include <vector>

#include "viz/summary.h"

namespace glassbox::viz::detail {

Summary summary_of_recording(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                             const SummaryOptions& options);
// Without shapes.
Summary summary_of_listing(layers::ModuleBase& model, const SummaryOptions& options);

}  // namespace glassbox::viz::detail
