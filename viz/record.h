// Recordings of a model's forward pass, of which the summary and the drawn graph are views. The
// model is not touched: its copy on the meta device runs, with shapes and without data, outside the
// tape. Nothing is allocated, no generator moves, no buffer changes.
#pragma once
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "engine/graph/graph.h"
#include "layers/module.h"

namespace glassbox::viz {

struct RecordOptions {
  // Why 2: batch norm in training mode refuses one value per channel.
  std::int64_t batch = 2;
  // Of the inputs, in order. Those left out have the model's usual type, else that of its first
  // floating-point parameter, or f32.
  std::vector<DType> dtypes = {};
};

struct Recording {
  Graph graph;
  std::shared_ptr<layers::ModuleBase> model;  // the copy that ran; the graph's calls point into it
  std::exception_ptr error;  // what stopped the forward pass; the graph then ends there
};

// Inputs are shapes without the batch. An error inside the model is kept, not thrown. Throws Error
// when there is no input, the batch is below 1 or the model cannot be cloned.
Recording record(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                 const RecordOptions& options = {});

// The graph alone; throws what the model throws.
Graph record_forward(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                     std::int64_t batch = 2);

}  // namespace glassbox::viz
