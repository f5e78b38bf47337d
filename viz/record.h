// Recordings of a model's forward pass, of which the summary and the drawn graph are views. The
// model is not touched: its copy on the meta device runs, with shapes and without data, outside the
// tape. Nothing is allocated, no generator moves, no buffer changes.
#pragma once
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "engine/graph/recorder.h"
#include "layers/module.h"

namespace glassbox::viz {

struct RecordOptions {
  // Why 2: batch norm in training mode refuses one value per channel.
  std::int64_t batch = 2;
  // Of the inputs, in order. Those left out have the model's usual type, else that of its first
  // floating-point parameter, or f32.
  std::vector<DType> dtypes = {};
  // Record the gradients of the outputs' sum too. What that sum takes is outside every call.
  bool backward = false;
  // And an update of the parameters that have one, by plain SGD.
  bool step = false;
};

struct Recording {
  Graph graph;
  std::shared_ptr<layers::ModuleBase> model;  // the copy that ran; the graph's calls point into it
  std::exception_ptr error;  // what stopped the forward pass; the graph then ends there
  // The op that refused its inputs, if it was one.
  std::optional<GraphRecorder::Failure> failure;
};

// Inputs are shapes without the batch. An error inside the model is kept, not thrown. Throws Error
// when there is no input, the batch is below 1 or the model cannot be cloned.
Recording record(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                 const RecordOptions& options = {});

// Runs the recording's model once more, at another batch, watched by `recorder`. An error is
// thrown.
void record_again(const Recording& recording, const std::vector<Shape>& inputs,
                  const RecordOptions& options, Recorder& recorder);

// One pass over those inputs as a recording makes it: forward outside the tape, or with the
// gradients of the outputs' sum, which replace what gradients there were.
void run_pass(layers::ModuleBase& model, const Tensors& inputs, bool backward);

// The graph alone; throws what the model throws.
Graph record_forward(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                     std::int64_t batch = 2);

namespace detail {
// As run_pass, and the step where one is asked for, watched.
void run_watched(layers::ModuleBase& model, const Tensors& xs, const RecordOptions& options,
                 Recorder& recorder);
// The meta device that stands for the one that the model is on.
Device meta_of(layers::ModuleBase& model);
// Of each of `count` inputs: `given`, then the model's usual ones, then that of its first
// floating-point parameter.
std::vector<DType> input_dtypes(layers::ModuleBase& model, std::size_t count,
                                const std::vector<DType>& given);
}  // namespace detail

}  // namespace glassbox::viz
