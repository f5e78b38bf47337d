#include "viz/record.h"

#include <string>

#include "engine/autograd/tape.h"
#include "engine/graph/recorder.h"

namespace glassbox::viz {

Device detail::meta_of(layers::ModuleBase& model) {
  const Tensors parameters = model.parameters();
  if (parameters.empty()) return Device::meta();
  const Device device = parameters.front().device();
  return device.is_meta() ? device : Device::meta(device.type());
}

DType detail::usual_dtype(layers::ModuleBase& model) {
  for (const Tensor& tensor : model.parameters()) {
    if (is_floating(tensor.dtype())) return tensor.dtype();
  }
  return DType::f32;
}

Recording record(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                 const RecordOptions& options) {
  if (inputs.empty())
    fail(model.type_name(), "recording a forward pass needs the shape of an input");
  if (options.batch < 1)
    fail(model.type_name(), cat("batch ", options.batch, " must be at least 1"));

  const Device meta = detail::meta_of(model);
  const DType usual = detail::usual_dtype(model);
  Recording recording;
  recording.model = model.clone_to(meta);
  const DeviceScope device(meta);
  const NoGrad no_grad;
  GraphRecorder recorder;
  Tensors xs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Shape shape = inputs[i];
    shape.insert(0, options.batch);
    const DType dtype = i < options.dtypes.size() ? options.dtypes[i] : usual;
    xs.push_back(empty(shape, dtype, meta));
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
