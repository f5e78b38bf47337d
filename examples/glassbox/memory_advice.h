// What a training that ran out of a GPU's memory is told: what a step takes, and a batch to try.
#pragma once
#include <string>

#include "engine/core/device.h"
#include "glassbox/data.h"
#include "glassbox/train_options.h"
#include "layers/module.h"

namespace glassbox {

// A sentence with a smaller --batch-size, or that none fits; "" where it cannot be worked out. What
// a step takes is predicted dry, for two batches, and taken as linear between them; the batch to
// try takes at most 15/16 of what the device has for this program and 3/4 of what was asked.
std::string memory_advice(layers::ModuleBase& model, const TrainOptions& options,
                          const DataInfo& info, Device device);

}  // namespace glassbox
