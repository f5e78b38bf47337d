// What one element of a value sees of the model's image input, by sizes and strides alone:
// Araujo, Norris & Sim, "Computing receptive fields of convolutional neural networks" (2019).
// Detail of the summary.
#pragma once
#include <vector>

#include "engine/graph/graph.h"
#include "viz/summary.h"

namespace glassbox::viz::detail {

// By value. Where paths of several lengths meet, the largest counts. With several image inputs the
// field is of any one of them.
std::vector<ReceptiveField> receptive_fields(const Graph& graph);

}  // namespace glassbox::viz::detail
