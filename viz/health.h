// Health: the numbers that say whether a training is well, and where it fell ill.
//
//   viz::Health health(model, history, {.folder = "runs/mine"});
//   for (...) {
//     health.begin_step(step);
//     loss = criterion(model(x), y);
//     loss.backward();
//     health.after_backward();   // before clipping and the update
//     optimizer.step();
//     health.end_step();
//   }
//
// Logged every `every` steps:
//   grad_norm             sqrt(sum over all gradients g^2), as PyTorch's clip_grad_norm_ (Pascanu,
//                         Mikolov & Bengio, "On the difficulty of training recurrent neural
//                         networks", 2013)
//   grad_norm/PARAMETER   ||g||, of those with a gradient
//   update_ratio/PARAMETER  ||w_after - w_before|| / ||w_before|| over the update, about 1e-3 where
//                         all is well (CS231n, "Ratio of weights:updates",
//                         https://cs231n.github.io/neural-networks-3/#ratio); not where w_before is
//                         0
//   dead_relu/MODULE      percent of units that are 0 for every sample of the batch (dead_units in
//                         viz/tensor_stats.h; CS231n, "the dying ReLU problem"), of ReLU modules
//                         and of relu() in a forward
//   nan/activations  inf/activations
//                         how many values in the outputs of modules, every `finite_every` steps
//   nan/gradients  inf/gradients
//                         the same of the gradients of those outputs and of parameters
//
// The first value that is not finite is traced to a call of a module, in the forward pass as it
// happens, in the backward pass at after_backward; with a folder the call is saved for
// viz::replay (viz/replay.h). Warnings in plain words are said once each, and again after it was
// well in between.
//
// It reads and never writes, as a Probe (viz/probe.h), with the same rules: passes outside of a
// step, under NoGrad or in eval mode are not looked at, nor do they count as steps; the model must
// stay where it is; one thread at a time. A step costs a pass over all activations and gradients
// for `finite_every`, and with a folder those of the step stay in memory until end_step; copies of
// the weights for `every`. On other steps nothing is installed.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "layers/module.h"
#include "viz/history.h"
#include "viz/replay.h"

namespace glassbox::viz {

struct NonFinite {
  Step step;
  NonFiniteIn in = NonFiniteIn::activation;
  std::string path, type;  // of the module
  int call = 1;            // of that module in the step, from 1
  std::string text;        // where, of what, in one sentence
  std::string file;        // for viz::replay; "" where none was wanted or it could not be written
};

struct HealthWarning {
  enum class Kind { exploding, vanishing, dead, not_finite };
  Kind kind;
  Step step;
  std::string name;  // of the parameter or module; "" of the whole
  std::string text;
};

struct HealthOptions {
  int every = 1;         // steps, for the numbers; counted as in ProbeOptions
  int finite_every = 1;  // steps, for NaN and infinities; 0: never
  // A gradient norm of more than this times the median of the last `median_of` is exploding, from
  // the tenth on.
  double exploding = 100;
  std::size_t median_of = 100;
  // The gradient of a weight (two dimensions or more) of which the root mean square is less than
  // this part of the largest one among weights is vanishing.
  double vanishing = 1e-6;
  double dead = 50;         // percent of units, above which a ReLU is
  std::string folder = {};  // where the replay goes: non_finite-STEP.safetensors; must exist
  std::function<void(const NonFinite&)> on_non_finite = {};  // the first one
  std::function<void(const HealthWarning&)> say = {};        // else a line to stderr
  std::string prefix = {};  // before every name: for several models in one history
};

class Health {
 public:
  // Throws Error for options out of range.
  Health(layers::ModuleBase& model, History& history, HealthOptions options = {});
  explicit Health(layers::ModuleBase& model, HealthOptions options = {});  // logs nowhere
  ~Health();
  Health(Health&&) noexcept;
  Health& operator=(Health&&) noexcept;

  void begin_step(const Step& step);  // ends one that was left unfinished, by an error say
  void after_backward();
  void end_step();

  // Of the last step that was due, in the order of logging, without the prefix.
  const std::vector<layers::Named<double>>& numbers() const;
  const std::vector<HealthWarning>& warnings() const;  // all so far
  const NonFinite* first_non_finite() const;           // null while all is finite

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Calls the model once, without a tape, and says where the first value that is not finite comes
// from; nothing where all outputs are finite. Of `inputs` as Module::call takes them.
std::optional<NonFinite> find_non_finite(layers::ModuleBase& model, const Tensors& inputs);

}  // namespace glassbox::viz
