// From a model to its diagram: one recording on the meta device, of which the forward pass or all
// of a training step is drawn. The model is left as it was.
#pragma once
#include <vector>

#include "viz/diagram.h"
#include "viz/transforms.h"

namespace glassbox::viz {

struct BuildOptions {
  // What is drawn: the forward pass; with the gradients of the outputs' sum too; with an update of
  // the parameters that want a gradient, by plain SGD, too.
  enum class Pass { forward, backward, step } pass = Pass::forward;
  std::int64_t batch = -1;  // that sizes are written with; -1: N
  // Of the inputs; those left out have the model's usual types.
  std::vector<DType> dtypes = {};
  // Run a copy of the model on the CPU and give every op the time it took (viz/measure.h), at the
  // batch given, or 2 where that is any.
  bool measure = false;
};

// Shapes are without the batch, one per input of forward; with none, the model's usual ones.
// Transforms are applied in order; {} is none of them. Left out is what a pass does beside
// computing its result: updates of running statistics, generator states, writes of gradients. A
// forward that throws is no error here: the diagram ends at the op that failed, and says so. Throws
// Error when there is no shape of an input, the batch is below 1 and not -1, nothing could be
// recorded, or a model without data is to be measured.
Diagram build_graph(layers::ModuleBase& model, const std::vector<Shape>& inputs = {},
                    const std::vector<Transform>& transforms = default_transforms(),
                    const BuildOptions& options = {});

}  // namespace glassbox::viz
