// The step whose memory is predicted or measured: one code for both, so that they cannot differ.
// Detail of memory.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "engine/autograd/tape.h"
#include "engine/graph/recorder.h"
#include "viz/memory.h"

namespace glassbox::viz::detail {

// What has to be known before a step: the operands, and what its loss is.
struct StepPlan {
  std::vector<Spec> inputs;
  std::optional<Spec> target;  // of a cross entropy
  bool cross_entropy = false;
};
// Runs the model's copy on the meta device to see its outputs, where they matter or `always`.
// Throws what the model throws, and Error as predict_memory says.
StepPlan plan_step(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                   const MemoryOptions& options, bool always = false);

// The meta device that stands for where the step shall run.
Device meta_device(layers::ModuleBase& model, const MemoryOptions& options);

// The thread as a training program has it, whatever the caller is in the middle of.
class StepScope {
 public:
  StepScope(Device device, Recorder* recorder) : device_(device), recorder_(recorder) {}

 private:
  DeviceScope device_;
  RecordScope recorder_;
  PhaseScope phase_{Phase::forward};
  EnableGrad grad_;
  StrayLeavesScope strays_;
};

// A copy of the model with its optimizer and one batch, which are allocated in this order.
class Step {
 public:
  // Data is zeros, where the device has any.
  Step(layers::ModuleBase& model, const StepPlan& plan, const MemoryOptions& options,
       Device device);

  void run();

  layers::ModuleBase& model() { return *model_; }
  const optim::Optimizer* optimizer() const { return optimizer_.get(); }  // null for inference
  const Tensors& inputs() const { return inputs_; }
  const Tensor& target() const { return target_; }

 private:
  Tensor loss(const Tensors& outputs) const;

  const StepPlan& plan_;
  const MemoryOptions& options_;
  std::shared_ptr<layers::ModuleBase> model_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  Tensors inputs_;
  Tensor target_;
};

}  // namespace glassbox::viz::detail
