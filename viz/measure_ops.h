// How long each op of a recording takes when it really runs: what the measured columns of a summary
// and the measured colours of a graph are made of.
#pragma once
#include <string>
#include <vector>

#include "engine/graph/graph.h"
#include "viz/measure.h"

namespace glassbox::viz::detail {

// Where a model is measured: where its parameters are, or on the CPU without any.
Device device_of(layers::ModuleBase& model);

// Runs a copy of the model on device_of(model), with the threads in force, as `how` recorded it
// into `graph` (how.batch and how.dtypes are not read: `inputs` say both). The generator is left as
// it was. Returns the seconds of each op by node and run. Throws Error for a model whose parameters
// have no data, and where other ops run than were recorded.
std::vector<std::vector<double>> measure_ops(layers::ModuleBase& model,
                                             const std::vector<Spec>& inputs, const Graph& graph,
                                             const RecordOptions& how,
                                             const MeasureOptions& options);

// Median and quartiles; `seconds` are of at least one run.
Timing timing_of(std::vector<double> seconds);

}  // namespace glassbox::viz::detail
