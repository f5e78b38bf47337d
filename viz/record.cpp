#include "viz/record.h"

#include <algorithm>
#include <string>

#include "engine/autograd/tape.h"
#include "engine/graph/recorder.h"

namespace glassbox::viz {
namespace {

using Parameters = std::vector<layers::Named<Tensor>>;

// Stands for the device that the model is on.
Device meta_of(const Parameters& parameters) {
  if (parameters.empty()) return Device::meta();
  const Device device = parameters.front().second.device();
  return device.is_meta() ? device : Device::meta(device.type());
}

DType floating_dtype(const Parameters& parameters) {
  for (const auto& [name, tensor] : parameters) {
    if (is_floating(tensor.dtype())) return tensor.dtype();
  }
  return DType::f32;
}

}  // namespace

Recording record(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                 const RecordOptions& options) {
  if (inputs.empty())
    fail(model.type_name(), "recording a forward pass needs the shape of an input");
  if (options.batch < 1)
    fail(model.type_name(), cat("batch ", options.batch, " must be at least 1"));

  const Parameters parameters = model.named_parameters();
  const Device meta = meta_of(parameters);
  Recording recording;
  recording.model = model.clone_to(meta);
  const DeviceScope device(meta);
  const NoGrad no_grad;
  GraphRecorder recorder;
  std::vector<DType> dtypes = model.usual_dtypes();
  dtypes.resize(inputs.size(), floating_dtype(parameters));
  std::copy_n(options.dtypes.begin(), std::min(inputs.size(), options.dtypes.size()),
              dtypes.begin());
  Tensors xs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Shape shape = inputs[i];
    shape.insert(0, options.batch);
    xs.push_back(empty(shape, dtypes[i], meta));
    const std::string name = inputs.size() == 1 ? "input" : "input" + std::to_string(i + 1);
    recorder.name_value(xs.back(), name, Role::input);
  }
  try {
    const RecordScope scope(recorder);
    recording.model->call(xs);
  } catch (...) {
    recording.error = std::current_exception();
  }
  recording.graph = recorder.take();
  return recording;
}

Graph record_forward(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                     std::int64_t batch) {
  Recording recording = record(model, inputs, {.batch = batch});
  if (recording.error) std::rethrow_exception(recording.error);
  return std::move(recording.graph);
}

}  // namespace glassbox::viz
