// How a summary comes to be: its rows, from a recording or from the listing alone, then their
// figures. Detail of summary.cpp.
#pragma once
#include <vector>

#include "viz/summary.h"
#include "viz/symbolic.h"

namespace glassbox::viz::detail {

// Fills rows, completion, totals of tensors and the failure, from summary.recording or, with
// `symbolic` null, from what `model` lists.
void add_rows(Summary& summary, layers::ModuleBase& model, const Symbolic* symbolic);

// The row that each node of the recording belongs to, or -1.
std::vector<int> rows_of_nodes(const Summary& summary);

// Fills costs, receptive fields and sources.
void add_figures(Summary& summary, const Symbolic& symbolic);

// What to change so that the op takes those inputs; "" where nothing is known.
std::string suggestion_for(std::string_view op, const std::vector<Spec>& in);

}  // namespace glassbox::viz::detail
