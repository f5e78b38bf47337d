// Memory: what a training step or a prediction holds at its worst moment, before it is run. The
// step runs dry on a copy of the model on the meta device: the same ops, optimizer and tape, and an
// allocator that counts without giving memory. The figure is what the real step asks of the real
// allocator, to the byte, for the threads in force.
//
//   const auto report = viz::predict_memory(model, {{3, 224, 224}}, {.batch = 64});
//   std::cout << to_string(report);              // the peak, where it is and who holds it
//   viz::max_batch(model, {{3, 224, 224}}, std::int64_t(8) << 30).batch;
//
// Counted is every tensor that the program holds during the step, the model's own included:
// parameters, buffers, gradients, the optimizer's state, one batch of inputs and targets, all that
// the step makes, and the working memory of kernels. Each is rounded up to 64 bytes, as the
// allocator does. Not counted: batches that a loader has waiting, copies of the weights (EMA),
// what hooks keep, the packed panels of a matrix product (a few MiB a thread at most), code and
// stack. The model is not touched: no data is allocated, no generator, buffer, mode or gradient
// changes.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/optim/optimizer.h"
#include "layers/module.h"

namespace glassbox::viz {

// How an optimizer is made from the model's parameters.
using MakeOptimizer = std::function<std::unique_ptr<optim::Optimizer>(Tensors parameters)>;
// "sgd" (with momentum 0.9), "adam", "adamw" or "rmsprop". Throws Error with these for another.
MakeOptimizer optimizer_named(std::string_view name);

// Where a step's gradient starts.
enum class Loss {
  automatic,      // cross_entropy for one output [N,C] or [N,C,d1,...], else mean
  cross_entropy,  // of the first output, with i64 targets [N,d1,...]: what `glassbox train` does
  mean,           // the sum of every floating-point output's mean
};

struct MemoryOptions {
  std::int64_t batch = 32;
  bool training = true;  // false: the model in evaluation mode, outside the tape, without optimizer
  // Of the inputs; those left out have the type of the model's first floating-point parameter.
  std::vector<DType> dtypes = {};
  MakeOptimizer optimizer = {};  // left out: optimizer_named("sgd")
  Loss loss = Loss::automatic;
  // One's own instead: a scalar of the outputs. It must not read values, which a dry run lacks.
  std::function<Tensor(const Tensors& outputs)> loss_function = {};
  // Of which device the kernels' working memory is asked; left out: the model's. On CUDA it is
  // known only when the step runs there.
  std::optional<Device::Type> device = {};
};

enum class MemoryRole : std::uint8_t {
  parameter,
  gradient,  // of parameters: the optimizer's arena
  buffer,
  optimizer_state,
  input,       // inputs and targets
  saved,       // made by the forward pass and kept because a gradient reads it
  activation,  // made by an op, and a gradient's intermediate; a variable or a reader holds it
  scratch,     // a kernel's working memory
};
std::string_view name_of(MemoryRole role);  // "saved for backward"

// Bytes by role.
struct MemoryByRole {
  std::int64_t parameters = 0, gradients = 0, buffers = 0, optimizer_state = 0, input = 0;
  std::int64_t saved = 0, activations = 0;
  std::optional<std::int64_t> scratch = 0;  // empty: not known (CUDA)
  std::int64_t total() const;               // of what is known
};

struct MemoryReport {
  std::string model;  // "CifarModel"
  std::int64_t batch = 0;
  bool training = true;
  int threads = 1;                          // that the kernels' working memory is for
  Device::Type device = Device::Type::cpu;  // whose kernels were asked
  std::string optimizer;                    // "SGD"; empty for inference

  // The most bytes at any moment. The first step differs from later ones where a model keeps a
  // tensor from call to call.
  std::int64_t peak = 0, first_step = 0, later_steps = 0;

  // When the peak is reached first. `op` is empty when that is not inside an op.
  struct Moment {
    Phase phase = Phase::forward;  // update is the optimizer's; running statistics are forward's
    std::string op;                // "conv2d_grad_weight"
    std::string path;  // of the module that runs it, or whose gradient it is: "features.0"
    bool first_step = true;
  } at;
  MemoryByRole by_role;  // at the peak

  // Who holds the peak, largest first.
  struct Holder {
    std::int64_t bytes = 0;
    MemoryRole role = MemoryRole::activation;
    // "features.0.weight", "input", "target", "momentum_buffer of features.0.weight", or the op
    // that made it: "features.0/conv2d".
    std::string name;
    Shape shape;  // empty for scratch
    DType dtype = DType::f32;
  };
  std::vector<Holder> holders;

  // The step with the peak, op by op; of a long one, runs of ops are joined into at most 512
  // points, each with the highest values of its run.
  struct Point {
    Phase phase = Phase::forward;
    std::string op;         // "features.0/conv2d"; the op with the run's highest `peak`
    std::int64_t held = 0;  // after the op
    std::int64_t peak = 0;  // while it ran
  };
  std::vector<Point> timeline;
};

// Shapes are without the batch, one per input of forward; with none, the model's usual ones. Throws
// what the model throws; throws Error when there is no input, the batch is below 1, the loss does
// not fit the outputs, or nothing wants a gradient.
MemoryReport predict_memory(layers::ModuleBase& model, const std::vector<Shape>& inputs = {},
                            const MemoryOptions& options = {});

// What the real steps took.
struct MeasuredMemory {
  // The most bytes asked of the CPU's allocator: in all, in the first step, in the two after it.
  std::int64_t peak = 0, first_step = 0, later_steps = 0;
  // The process's resident set, in bytes: before, and at most during the steps. Larger than what
  // was asked for by code, stacks and blocks that serve a smaller request; empty where the system
  // does not say.
  std::optional<std::int64_t> resident_before = {}, resident_peak = {};
};

// Runs the same step three times (a prediction: twice) on a copy of the model on the CPU, with
// zeros as data. Takes the memory and the time of real steps. The model and the generator are left
// as they were; what other threads allocate meanwhile is counted too. Throws as predict_memory
// does, and Error for a model without data or on a device other than the CPU.
MeasuredMemory measure_memory(layers::ModuleBase& model, const std::vector<Shape>& inputs = {},
                              const MemoryOptions& options = {});

struct BatchLimit {
  // The largest batch whose predicted peak is at most the budget; 0 when not even the smallest
  // that the model takes fits.
  std::int64_t batch = 0;
  std::int64_t peak = 0;       // of that batch; 0 when there is none
  std::int64_t next = 0;       // the batch that is one too large, and its peak
  std::int64_t next_peak = 0;  // (0 when `batch` is the largest that is tried, 2^30)
};

// `options.batch` is not read. Found by doubling and bisection: that one more does not fit is
// always checked. A batch of 1 that the model refuses (batch norm over one value) is passed over.
BatchLimit max_batch(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                     std::int64_t budget, const MemoryOptions& options = {});

// A table for the terminal: the peak by role, where it is, the largest holders.
std::string to_string(const MemoryReport& report);
// The same, with what was measured beside it.
std::string to_string(const MemoryReport& report, const MeasuredMemory& measured);
// "312: 8,567,193,600 B of 8,589,934,592 B (8.00 GiB); 313 takes 8,594,104,320 B".
std::string to_string(const BatchLimit& limit, std::int64_t budget);

}  // namespace glassbox::viz
