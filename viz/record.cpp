#include "viz/record.h"

#include <algorithm>
#include <string>

#include "engine/autograd/tape.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/reduce.h"
#include "engine/optim/sgd.h"

namespace glassbox::viz {

namespace {

Device meta_of(const Tensors& parameters) {
  if (parameters.empty()) return Device::meta();
  const Device device = parameters.front().device();
  return device.is_meta() ? device : Device::meta(device.type());
}

DType usual_dtype(const Tensors& parameters) {
  for (const Tensor& tensor : parameters) {
    if (is_floating(tensor.dtype())) return tensor.dtype();
  }
  return DType::f32;
}

std::vector<DType> dtypes_of(layers::ModuleBase& model, std::size_t count,
                             const std::vector<DType>& given, const Tensors& parameters) {
  std::vector<DType> dtypes = model.usual_dtypes();
  dtypes.resize(count, usual_dtype(parameters));
  std::copy_n(given.begin(), std::min(count, given.size()), dtypes.begin());
  return dtypes;
}

Tensors empty_inputs(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                     const RecordOptions& options, const Tensors& parameters, Device device) {
  const std::vector<DType> dtypes = dtypes_of(model, inputs.size(), options.dtypes, parameters);
  Tensors xs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Shape shape = inputs[i];
    shape.insert(0, options.batch);
    xs.push_back(empty(shape, dtypes[i], device));
  }
  return xs;
}

}  // namespace

void detail::run_watched(layers::ModuleBase& model, const Tensors& xs, const RecordOptions& options,
                         Recorder& recorder) {
  // The optimizer is made before anybody watches.
  Tensors trained;
  for (const Tensor& p : options.step ? model.parameters() : Tensors()) {
    if (p.requires_grad()) trained.push_back(p);
  }
  std::optional<optim::SGD> optimizer;
  if (!trained.empty()) optimizer.emplace(trained);
  const RecordScope scope(recorder);
  run_pass(model, xs, options.backward || options.step);
  if (optimizer) optimizer->step();
}

Device detail::meta_of(layers::ModuleBase& model) { return viz::meta_of(model.parameters()); }
std::vector<DType> detail::input_dtypes(layers::ModuleBase& model, std::size_t count,
                                        const std::vector<DType>& given) {
  return dtypes_of(model, count, given, model.parameters());
}

void run_pass(layers::ModuleBase& model, const Tensors& inputs, bool backward) {
  if (!backward) {
    const NoGrad no_grad;
    model.call(inputs);
    return;
  }
  // As under an optimizer: gradients have their memory, and none counts as forgotten.
  model.zero_grad();
  for (auto& [name, tensor] : model.named_parameters()) {
    if (tensor.requires_grad())
      set_grad_buffer(tensor, empty(tensor.shape(), tensor.dtype(), tensor.device()));
  }
  const EnableGrad grad;
  Tensor total;
  for (const Tensor& y : model.call(inputs)) {
    if (!y.requires_grad()) continue;
    const Tensor part = sum(y);
    total = total.defined() ? total + part : part;
  }
  if (total.defined()) total.backward();
}

Recording record(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                 const RecordOptions& options) {
  if (inputs.empty())
    fail(model.type_name(), "recording a forward pass needs the shape of an input");
  if (options.batch < 1)
    fail(model.type_name(), cat("batch ", options.batch, " must be at least 1"));

  const Tensors parameters = model.parameters();
  const Device meta = meta_of(parameters);
  Recording recording;
  recording.model = model.clone_to(meta);
  const DeviceScope device(meta);
  GraphRecorder recorder;
  const Tensors xs = empty_inputs(model, inputs, options, parameters, meta);
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const std::string name = xs.size() == 1 ? "input" : "input" + std::to_string(i + 1);
    recorder.name_value(xs[i], name, Role::input);
  }
  try {
    detail::run_watched(*recording.model, xs, options, recorder);
  } catch (...) {
    recording.error = std::current_exception();
    if (!recorder.failures().empty()) recording.failure = recorder.failures().back();
  }
  recording.graph = recorder.take();
  return recording;
}

void record_again(const Recording& recording, const std::vector<Shape>& inputs,
                  const RecordOptions& options, Recorder& recorder) {
  layers::ModuleBase& model = *recording.model;
  const Tensors parameters = model.parameters();
  const Device meta = meta_of(parameters);
  const DeviceScope device(meta);
  const Tensors xs = empty_inputs(model, inputs, options, parameters, meta);
  detail::run_watched(model, xs, options, recorder);
}

Graph record_forward(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                     std::int64_t batch) {
  Recording recording = record(model, inputs, {.batch = batch});
  if (recording.error) std::rethrow_exception(recording.error);
  return std::move(recording.graph);
}

}  // namespace glassbox::viz
