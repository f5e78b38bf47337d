// Optimizers: what they share. Gradients live in one arena, in reverse order of the parameters: the
// order in which backward fills them. Moments exist from construction. Options such as the learning
// rate are in a small state tensor of each group that the update op reads, so a recorded step
// follows a schedule. One thread at a time.
//
//   optim::SGD optimizer{model.parameters(), {.lr = 0.01, .momentum = 0.9}};
//   optimizer.zero_grad();  loss.backward();  optimizer.step();
//
//   optim::AdamW finetune{{{.params = body.parameters(), .lr = 1e-5},
//                          {.params = head.parameters(), .weight_decay = 0}}, {.lr = 1e-3}};
#pragma once
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/tensor.h"
#include "engine/ops/optim.h"

namespace glassbox::optim {

// Parameters with options of their own; what is left out is the optimizer's. Setting an option that
// the optimizer does not have is an error.
struct ParamGroup {
  Tensors params = {};
  std::optional<double> lr = {}, momentum = {}, dampening = {}, weight_decay = {}, alpha = {},
                        eps = {};
  std::optional<std::pair<double, double>> betas = {};
  std::optional<bool> nesterov = {}, amsgrad = {}, centered = {}, maximize = {};
};
using ParamGroups = std::vector<ParamGroup>;

// Tensors by name.
using StateDict = std::vector<std::pair<std::string, Tensor>>;

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Updates every parameter that has a gradient. The first call warns, once, on stderr about leaves
  // that received a gradient and are in no optimizer.
  void step();
  // Makes the gradients undefined; the next backward writes them instead of adding.
  void zero_grad();

  const std::string& name() const { return name_; }          // "SGD"
  const Tensors& parameters() const { return parameters_; }  // of all groups, in order
  std::size_t num_groups() const { return groups_.size(); }

  double lr(std::size_t group = 0) const { return option("lr", group); }
  void set_lr(double lr);  // of every group
  void set_lr(double lr, std::size_t group) { set_option("lr", lr, group); }
  // An option that a step reads from the state: "lr", "momentum", "beta1", ... Throws Error with
  // the names that exist for another one, and for a value that the constructor refuses.
  double option(std::string_view name, std::size_t group = 0) const;
  void set_option(std::string_view name, double value, std::size_t group);
  bool has_option(std::string_view name) const;
  // The learning rate that schedules start from: the one when the first schedule was made, as
  // PyTorch's initial_lr.
  double initial_lr(std::size_t group);
  void set_initial_lr(double lr, std::size_t group);

  // All that a step reads and writes beside parameters and gradients: "group0.state", with the
  // options and the steps that each parameter took, and the moments by PyTorch's names and the
  // parameter's place, "exp_avg.0". The tensors themselves, not copies. Options that decide what
  // runs (nesterov, amsgrad, centered, maximize) are the constructor's alone.
  StateDict state_dict() const;
  // Restores it bit for bit. Throws Error that lists every missing, unexpected and mismatched
  // entry, having changed nothing.
  void load_state_dict(const StateDict& state);
  // Reads the options again, after something else has written the tensors of state_dict().
  void reload_options();

 protected:
  using Names = std::initializer_list<std::string_view>;
  // `options` names the first elements of the state. Throws Error when a group has no parameter,
  // one is given twice, or one is not a floating-point leaf.
  Optimizer(std::string_view name, const ParamGroups& groups, Names options);

  // Gives group `g` its state and the moments that its update op names, which are zeros.
  void make_state(std::size_t g, std::initializer_list<double> options,
                  const ops::MomentNames& moments);
  // Runs the update op of a group.
  virtual void update(std::size_t group, Ins in) = 0;
  // Whether a new value of an option may be set; throws Error. `where` is "group 1: ", or empty
  // for a single group.
  virtual void check_option(std::size_t group, std::string_view name, double value) const;

  // Throws Error for options of a group that are set and not among `names`.
  void refuse_others(std::size_t g, const ParamGroup& group, Names names) const;
  [[noreturn]] void refuse(std::size_t g, const std::string& fact) const;

 private:
  struct Group {
    std::size_t first = 0, count = 0;  // of parameters_
    Tensor state;
    std::vector<double> options;  // those of state, as read and written here: no wait for a device
    ops::MomentNames moments;
    Tensors inputs;  // of the update op: kept, so that a step allocates none
    double initial_lr = -1;
    std::size_t each() const { return 2 + moments.size(); }
  };

  friend class Scheduler;
  friend class GradScaler;
  void write_option(std::string_view name, double value, std::size_t group);  // unchecked

  void make_arena();
  void warn_about_strays();
  const Group& group(std::size_t g) const;
  std::size_t option_index(std::string_view name) const;

  std::string name_;
  std::vector<std::string_view> options_;
  Tensors parameters_;
  std::vector<Group> groups_;
  bool stepped_ = false;
};

// Copies tensors into those of the same name in `own`. Throws Error in the name of `what` that
// lists every missing, unexpected and mismatched entry, having changed nothing.
void load_strictly(std::string_view what, const StateDict& own, const StateDict& state);

}  // namespace glassbox::optim
