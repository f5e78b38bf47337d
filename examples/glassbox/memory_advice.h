// What a training that ran out of a GPU's memory is told: what a step takes, and the batch that
// fits.
#pragma once
#include <string>

#include "engine/core/device.h"
#include "glassbox/data.h"
#include "glassbox/train_options.h"
#include "layers/module.h"

namespace glassbox {

// A sentence with a smaller --batch-size, or that none fits; "" where it cannot be worked out. The
// step is predicted dry, in f32 and without the kernels' working memory, so the batch is the
// largest that takes 15/16 of what the device has for this program, and at most 3/4 of what was
// asked.
std::string memory_advice(layers::ModuleBase& model, const TrainOptions& options,
                          const DataInfo& info, Device device);

}  // namespace glassbox
