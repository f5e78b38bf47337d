// The training behind `glassbox train`, on the public API alone: an image classifier trained with
// cross entropy. What it writes is in a run folder (run_folder.h), and what it was when it was
// stopped or killed is in a checkpoint (checkpoint.h), from which it goes on bit for bit.
#pragma once
#include <string>
#include <vector>

#include "glassbox/train_options.h"
#include "layers/module.h"

namespace glassbox {

struct EpochResult {
  int epoch = 0;  // from 1
  double loss = 0, train_accuracy = 0, test_accuracy = 0, images_per_second = 0, seconds = 0;
};

struct TrainResult {
  std::string run;  // the folder
  std::vector<EpochResult> epochs;
};

// Thrown when Ctrl-C has stopped a training: its message says how to go on.
struct Interrupted : Error {
  using Error::Error;
};

// Trains, printing progress, and writes RUN/config.json, checkpoints, RUN/model.safetensors and
// RUN/result.json. Throws UsageError for options that make no sense, Error: a run folder that
// cannot be written, missing data, a model that does not fit the data, a loss that is not finite
// (with the step and the first module that produced it), Interrupted. A checkpoint that cannot be
// written does not stop it: that is said once on stderr.
TrainResult train(layers::ModuleBase& model, TrainOptions options);

// The test accuracy of a linear classifier trained on the same images for one epoch.
double linear_baseline(const TrainOptions& options);

// `train` for someone who sees Glassbox for the first time: shows the model's summary, trains,
// writes the graph beside the result, and says what a linear model reaches.
void demo(layers::ModuleBase& model, TrainOptions options);

}  // namespace glassbox
