#include "viz/memory_step.h"

#include <cstring>

#include "engine/core/transfer.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/softmax.h"
#include "engine/optim/adam.h"
#include "engine/optim/rmsprop.h"
#include "engine/optim/sgd.h"
#include "viz/record.h"

namespace glassbox::viz {

MakeOptimizer optimizer_named(std::string_view name) {
  if (name == "sgd") {
    return [](Tensors p) {
      return std::make_unique<optim::SGD>(std::move(p), optim::SGDOptions{.momentum = 0.9});
    };
  }
  if (name == "adam") {
    return [](Tensors p) { return std::make_unique<optim::Adam>(std::move(p)); };
  }
  if (name == "adamw") {
    return [](Tensors p) { return std::make_unique<optim::AdamW>(std::move(p)); };
  }
  if (name == "rmsprop") {
    return [](Tensors p) { return std::make_unique<optim::RMSprop>(std::move(p)); };
  }
  fail("optimizer_named", cat("\"", name, "\" is not one of sgd, adam, adamw, rmsprop"));
}

namespace detail {
namespace {

bool is_scores(const Tensor& y) { return is_floating(y.dtype()) && y.dim() >= 2; }

// Of the first output, [N,C,d1,...]: the shape [N,d1,...].
Spec target_of(const Tensor& scores, Device device) {
  Shape shape;
  for (int d = 0; d < scores.dim(); ++d) {
    if (d != 1) shape.push_back(scores.size(d));
  }
  return {shape, DType::i64, device};
}

Tensors call_dry(layers::ModuleBase& model, const StepPlan& plan, bool training, Device meta) {
  const std::shared_ptr<layers::ModuleBase> copy = model.clone_to(meta);
  copy->train(training);
  const NoGrad no_grad;
  Tensors xs;
  for (const Spec& spec : plan.inputs) xs.push_back(empty(spec.shape, spec.dtype, meta));
  return copy->call(xs);
}

void plan_loss(StepPlan& plan, const std::string& model, const Tensors& outputs, Loss loss) {
  const bool scores = !outputs.empty() && is_scores(outputs.front());
  plan.cross_entropy =
      loss == Loss::cross_entropy || (loss == Loss::automatic && outputs.size() == 1 && scores);
  if (plan.cross_entropy) {
    if (!scores) {
      fail(model, cat("cross entropy needs scores [N,C,...] as first output, got ",
                      outputs.empty() ? "none" : to_string(outputs.front().spec()),
                      "; use Loss::mean or a loss_function"));
    }
    plan.target = target_of(outputs.front(), Device::meta());
    return;
  }
  for (const Tensor& y : outputs) {
    if (is_floating(y.dtype())) return;
  }
  fail(model, "has no floating-point output, of which a loss could be made");
}

// Zeros without an op: a real batch is not made by one.
Tensor make_zeros(const Spec& spec, Device device) {
  const Tensor x = empty(spec.shape, spec.dtype, device);
  if (device.is_meta() || spec.bytes() == 0) return x;
  if (device.is_cpu()) {
    std::memset(x.raw(), 0, spec.bytes());
    return x;
  }
  copy_elements(make_zeros(spec, Device::cpu()), x);
  return x;
}

}  // namespace

Device meta_device(layers::ModuleBase& model, const MemoryOptions& options) {
  if (options.device == Device::Type::meta) {
    fail(model.type_name(), "memory is predicted for the device cpu or cuda, not meta");
  }
  return options.device ? Device::meta(*options.device) : meta_of(model);
}

StepPlan plan_step(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                   const MemoryOptions& options, bool always) {
  const std::vector<Shape> shapes = inputs.empty() ? model.usual_inputs() : inputs;
  if (shapes.empty()) fail(model.type_name(), "a step needs the shape of an input");
  if (options.batch < 1) {
    fail(model.type_name(), cat("batch ", options.batch, " must be at least 1"));
  }
  StepPlan plan;
  const std::vector<DType> dtypes = input_dtypes(model, shapes.size(), options.dtypes);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    Shape shape = shapes[i];
    shape.insert(0, options.batch);
    plan.inputs.push_back({shape, dtypes[i], {}});
  }
  const bool loss_matters = options.training && !options.loss_function;
  if (!loss_matters && !always) return plan;
  const Device meta = meta_device(model, options);
  const StepScope scope(meta, nullptr);
  const Tensors outputs = call_dry(model, plan, options.training, meta);
  if (loss_matters) plan_loss(plan, model.type_name(), outputs, options.loss);
  return plan;
}

Step::Step(layers::ModuleBase& model, const StepPlan& plan, const MemoryOptions& options,
           Device device)
    : plan_(plan), options_(options), model_(model.clone_to(device)) {
  model_->train(options.training);
  if (options.training) {
    const MakeOptimizer make = options.optimizer ? options.optimizer : optimizer_named("sgd");
    optimizer_ = make(model_->parameters());
  }
  for (const Spec& spec : plan.inputs) inputs_.push_back(make_zeros(spec, device));
  if (plan.target) target_ = make_zeros(*plan.target, device);
}

Tensor Step::loss(const Tensors& outputs) const {
  if (options_.loss_function) return options_.loss_function(outputs);
  if (plan_.cross_entropy) return cross_entropy(outputs.front(), target_);
  Tensor total;
  for (const Tensor& y : outputs) {
    if (!is_floating(y.dtype())) continue;
    const Tensor mean = y.mean();
    total = total.defined() ? total + mean : mean;
  }
  return total;
}

void Step::run() {
  if (!optimizer_) {
    const NoGrad no_grad;
    model_->call(inputs_);
    return;
  }
  optimizer_->zero_grad();
  Tensors outputs = model_->call(inputs_);
  if (plan_.cross_entropy) outputs.resize(1);  // as the training loop, which takes the first
  const Tensor l = loss(outputs);
  l.backward();
  optimizer_->step();
}

}  // namespace detail
}  // namespace glassbox::viz
