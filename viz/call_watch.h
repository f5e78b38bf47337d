// Watches every call of a model's modules in a step: which of them was the first to make a value
// that is not finite, forward or backward. Detail of Health.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/core/scope.h"
#include "layers/module.h"
#include "viz/replay.h"
#include "viz/tensor_stats.h"

namespace glassbox::viz::detail {

struct WatchedCall {
  layers::ModuleBase* module = nullptr;
  std::string path;
  int number = 0;  // of this module's calls in the step, from 0
  const Scoped* outer_module = nullptr;
  int outer = -1;  // the call that this one is inside of, when that is over
  Tensors inputs;  // kept only where they are asked for, as are the gradients
  Tensors output_gradients;
  enum class Seen : std::uint8_t { nothing, finite, not_finite };
  std::vector<std::uint64_t> input_ids, output_ids;
  std::vector<Seen> gradients;  // by output
};

class CallWatch : public std::enable_shared_from_this<CallWatch> {
 public:
  // The first call that is to blame.
  struct Found {
    const WatchedCall* call = nullptr;
    NonFiniteIn in = NonFiniteIn::activation;
    bool between = false;  // it was made between the modules inside, not by one of them
    Tensors inputs, outputs;
  };
  using OnFound = std::function<void(const Found&)>;
  using OnCall = std::function<void(const WatchedCall&, const Tensors& in, const Tensors& out)>;

  explicit CallWatch(layers::ModuleBase& model) : model_(model) {}

  // Of the step that begins: `checks` values, or only tells of calls. `keep` inputs and gradients,
  // for a replay.
  struct Options {
    bool checks = true, keep = false;
    bool every_pass = false;  // also those without gradients and in eval mode
    OnFound on_found;         // at once in a forward pass; at after_backward else
    OnCall on_call;           // as a call ends
  };
  void begin(Options options);
  void after_backward();
  void end();

  // Of outputs of modules and of their gradients, each tensor once.
  NonFiniteCount activations, gradients;

 private:
  void on_leave(layers::ModuleBase& module, const std::string& path, const Tensors& in,
                const Tensors& out);
  void judge_forward(int index, const Tensors& in, const Tensors& out);
  void watch_gradients(int index, const Tensors& out);
  void on_gradient_of(int index, std::size_t output, const Tensor& dy);
  NonFiniteCount count(const Tensor& tensor);
  bool finite(const Tensors& tensors);
  bool gradients_finite(const WatchedCall& call) const;
  int consumer_to_blame(std::uint64_t tensor);
  int call_with_bad_parameter_gradient() const;
  void report(int index, NonFiniteIn in, bool between, const Tensors& inputs,
              const Tensors& outputs);

  layers::ModuleBase& model_;
  Options options_;
  std::vector<layers::HookHandle> hooks_;
  std::vector<WatchedCall> calls_;
  std::vector<int> open_;  // calls whose outer one runs
  std::unordered_map<const layers::ModuleBase*, int> numbers_;
  std::unordered_map<std::uint64_t, NonFiniteCount> counted_;  // by tensor id
  std::unordered_map<std::uint64_t, std::vector<int>> readers_;
  const Scoped* suspect_ = nullptr;  // whose child was given what is not finite
  int bad_call_ = -1;                // whose output was the first with a bad gradient
  std::size_t bad_output_ = 0;
  bool found_ = false;
  std::uint64_t step_ = 0;
};

}  // namespace glassbox::viz::detail
