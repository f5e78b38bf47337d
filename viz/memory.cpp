#include "viz/memory.h"

#include <unordered_map>

#include "engine/core/cuda.h"
#include "engine/core/threads.h"
#include "engine/ops/random.h"
#include "viz/memory_ledger.h"
#include "viz/memory_step.h"

namespace glassbox::viz {

using detail::Ledger;
using detail::Step;
using detail::StepPlan;
using detail::StepScope;

std::string_view name_of(MemoryRole role) {
  switch (role) {
    case MemoryRole::parameter:
      return "parameter";
    case MemoryRole::gradient:
      return "gradient";
    case MemoryRole::buffer:
      return "buffer";
    case MemoryRole::optimizer_state:
      return "optimizer state";
    case MemoryRole::input:
      return "input";
    case MemoryRole::saved:
      return "saved for backward";
    case MemoryRole::activation:
      return "activation";
    case MemoryRole::scratch:
      return "kernel scratch";
  }
  __builtin_unreachable();
}

std::int64_t MemoryByRole::total() const {
  return parameters + gradients + buffers + optimizer_state + input + saved + activations +
         scratch.value_or(0);
}

namespace {

// Says what the model, the optimizer and the batch hold.
class Labels {
 public:
  Labels(Ledger& ledger, Step& step) : ledger_(ledger) {
    for (const auto& [name, tensor] : step.model().named_parameters()) {
      names_.emplace(tensor.impl_or_null(), name);
      ledger.label(tensor, MemoryRole::parameter, name);
    }
    for (const auto& [name, tensor] : step.model().named_buffers()) {
      ledger.label(tensor, MemoryRole::buffer, name);
    }
    const Tensors& inputs = step.inputs();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::string name = inputs.size() == 1 ? "input" : "input" + std::to_string(i + 1);
      ledger.label(inputs[i], MemoryRole::input, name);
    }
    if (step.target().defined()) ledger.label(step.target(), MemoryRole::input, "target");
    if (step.optimizer()) label_optimizer(*step.optimizer());
  }

 private:
  // The state's names end in the number of a parameter: "momentum_buffer.3", "group0.state".
  void label_optimizer(const optim::Optimizer& optimizer) {
    const Tensors& parameters = optimizer.parameters();
    for (const auto& [name, tensor] : optimizer.state_dict()) {
      const std::size_t dot = name.rfind('.');
      const std::string number = dot == name.npos ? "" : name.substr(dot + 1);
      const bool numbered =
          !number.empty() && number.find_first_not_of("0123456789") == number.npos;
      const std::size_t i = numbered ? std::stoul(number) : parameters.size();
      ledger_.label(
          tensor, MemoryRole::optimizer_state,
          i < parameters.size() ? cat(name.substr(0, dot), " of ", name_of(parameters[i])) : name);
    }
    // What is left is the arena of the gradients, in reverse order of the parameters.
    std::vector<MemoryReport::Holder> parts;
    for (std::size_t i = parameters.size(); i-- > 0;) {
      const Tensor& p = parameters[i];
      constexpr std::size_t line = Allocator::alignment;
      const std::size_t bytes = (p.spec().bytes() + line - 1) / line * line;
      parts.push_back({static_cast<std::int64_t>(bytes), MemoryRole::gradient,
                       "gradient of " + name_of(p), p.shape(), p.dtype()});
    }
    ledger_.label_rest(parts);
  }
  std::string name_of(const Tensor& parameter) const {
    const auto it = names_.find(parameter.impl_or_null());
    return it == names_.end() ? "a parameter that no module lists" : it->second;
  }

  Ledger& ledger_;
  std::unordered_map<const TensorImpl*, std::string> names_;
};

struct Peaks {
  std::int64_t first_step = 0, later_steps = 0;
  std::string optimizer;
};

// Two steps: the second begins with what a model keeps from call to call, as all later ones do.
Peaks run_dry(layers::ModuleBase& model, const std::vector<Shape>& inputs,
              const MemoryOptions& options, Ledger& ledger) {
  // The library is what kernels' working memory is asked of.
  if (detail::meta_device(model, options).stands_for() == Device::Type::cuda) cuda::is_available();
  const StepPlan plan = detail::plan_step(model, inputs, options);
  const Device meta = detail::meta_device(model, options);
  default_generator(meta);  // made once in a process: no step's
  const StorageObserverScope watched(ledger);
  const StepScope scope(meta, &ledger);
  Peaks peaks;
  Step step(model, plan, options, meta);
  const Labels labels(ledger, step);
  if (step.optimizer()) peaks.optimizer = step.optimizer()->name();
  ledger.begin_step();
  step.run();
  peaks.first_step = ledger.step_peak();
  ledger.begin_step();
  step.run();
  peaks.later_steps = ledger.step_peak();
  return peaks;
}

}  // namespace

MemoryReport predict_memory(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                            const MemoryOptions& options) {
  Ledger ledger;
  const Peaks peaks = run_dry(model, inputs, options, ledger);
  MemoryReport report;
  report.model = model.type_name();
  report.batch = options.batch;
  report.training = options.training;
  report.threads = num_threads();
  report.device = detail::meta_device(model, options).stands_for();
  report.optimizer = peaks.optimizer;
  report.peak = ledger.peak();
  report.first_step = peaks.first_step;
  report.later_steps = peaks.later_steps;
  ledger.describe(report);
  // Without the CUDA library nobody knows what its kernels would take.
  if (report.device == Device::Type::cuda && !cuda::is_available()) report.by_role.scratch.reset();
  return report;
}

// --- the largest batch ---------------------------------------------------------------------------

BatchLimit max_batch(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                     std::int64_t budget, const MemoryOptions& options) {
  constexpr std::int64_t largest = std::int64_t(1) << 30;
  if (budget < 1) fail("max_batch", cat("a budget of ", budget, " bytes holds nothing"));
  const auto peak_of = [&](std::int64_t batch) {
    MemoryOptions o = options;
    o.batch = batch;
    Ledger ledger;
    run_dry(model, inputs, o, ledger);
    return ledger.peak();
  };
  std::int64_t smallest = 1, peak = 0;
  try {
    peak = peak_of(1);
  } catch (const Error&) {  // batch norm refuses a single value; what fails for 2 as well is told
    smallest = 2;
    peak = peak_of(2);
  }
  if (peak > budget) return {0, 0, smallest, peak};
  BatchLimit limit{smallest, peak, 0, 0};
  const auto try_batch = [&](std::int64_t batch) {
    const std::int64_t bytes = peak_of(batch);
    if (bytes <= budget) {
      limit.batch = batch;
      limit.peak = bytes;
    } else {
      limit.next = batch;
      limit.next_peak = bytes;
    }
  };
  while (limit.next == 0 && limit.batch < largest) try_batch(std::min(2 * limit.batch, largest));
  while (limit.next - limit.batch > 1) try_batch(limit.batch + (limit.next - limit.batch) / 2);
  return limit;
}

}  // namespace glassbox::viz
