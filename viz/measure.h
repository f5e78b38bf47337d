// The measured columns of a summary: a copy of the model runs really, where its parameters are: on
// the CPU with the threads in force, or on a GPU, whose own clock times every op.
#pragma once
#include "viz/summary.h"

namespace glassbox::viz {

struct MeasureOptions {
  int runs = 5;        // at least, after two that are not counted
  double seconds = 1;  // go on for as long, up to `most_runs`
  int most_runs = 200;
  bool backward = true;  // where the summary has it
};

// Fills the rows' times and the machine. The batch is summary.figures_batch(); data is zeros for
// integers, else a fixed pattern. The model, its modes and the generator are left as they were.
// Throws Error for a summary without shapes or with a failure, and for a model without data.
void measure(Summary& summary, layers::ModuleBase& model, const MeasureOptions& options = {});

}  // namespace glassbox::viz
