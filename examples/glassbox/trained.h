// A run's model with its weights, ready to be used: for evaluate and predict.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "glassbox/data.h"
#include "layers/module.h"

namespace glassbox {

using MakeModel = std::function<std::shared_ptr<layers::ModuleBase>(const std::string& name)>;

struct Trained {
  std::shared_ptr<layers::ModuleBase> model;  // in evaluation mode
  std::string run, weights;                   // the file that the weights are from
  TrainOptions options;
  DataInfo info;
};

// `weights` empty: RUN/model.safetensors, or those of the newest checkpoint when the run has not
// ended. Throws UsageError when `run` is no run's folder, Error for weights that do not fit.
Trained load_trained(const std::string& run, const std::string& weights, const MakeModel& make);

// Where a model's parameters are; the CPU without any.
Device device_of(layers::ModuleBase& model);

// Outputs as probabilities of the data's classes: f64, row by row. Throws Error when there are
// fewer outputs than classes.
std::vector<std::vector<double>> probabilities(const Tensor& outputs, std::size_t classes);

// The `count` most probable classes, best first.
std::vector<std::size_t> top(const std::vector<double>& probabilities, std::size_t count);

}  // namespace glassbox
