// Learning-rate schedules: what they share. A schedule writes the learning rates (and OneCycleLR
// the momenta) into the optimizer's state, which the next step reads, by PyTorch's recursive rules:
// a learning rate that was changed by hand is scaled on from there. Making a schedule sets the
// rates of its step 0. The schedules are in schedule.h; options and formulas are those of
// torch.optim.lr_scheduler. A schedule must not outlive its optimizer.
//
//   optim::CosineAnnealingLR schedule{optimizer, {.T_max = epochs}};
//   for (...) { train_epoch();  schedule.step(); }
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/optim/optimizer.h"

namespace glassbox::optim {

// A schedule's state by name: plain numbers that a checkpoint can hold.
using ScheduleState = std::vector<std::pair<std::string, double>>;

// One number for all groups, or one for each: `.max_lr = 0.1`, `.max_lr = {0.1, 0.01}`.
class PerGroup {
 public:
  PerGroup(double value) : values_{value} {}
  PerGroup(std::initializer_list<double> values) : values_(values) {}
  PerGroup(std::vector<double> values) : values_(std::move(values)) {}
  const std::vector<double>& values() const { return values_; }

 private:
  std::vector<double> values_;
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // The learning rates that the latest step set, by group.
  const std::vector<double>& last_lr() const { return last_lr_; }
  std::int64_t last_epoch() const { return last_epoch_; }  // steps taken
  const Optimizer& optimizer() const { return optimizer_; }

  // What a schedule remembers: "last_epoch", "base_lr.0", "last_lr.0", ... Options are the
  // constructor's, the rates in use are in the optimizer's state: restore both, the optimizer's
  // after making the schedule.
  ScheduleState state_dict() const;
  // Throws Error that lists every missing and unexpected name, having changed nothing.
  void load_state_dict(const ScheduleState& state);

 protected:
  Scheduler(std::string_view name, Optimizer& optimizer);

  // Calls f(name, reference to a double) for all that the state holds.
  using Visit = std::function<void(const std::string& name, double& value)>;
  virtual void visit_state(const Visit& f) = 0;
  static void visit_count(const Visit& f, const std::string& name, std::int64_t& count);

  // Without the checks of set_option: PyTorch's rules may end a rounding below 0.
  void set_lr(std::size_t group, double lr);
  void remember_lrs();
  std::vector<double> expand(std::string_view option, const PerGroup& values) const;
  [[noreturn]] void refuse(const std::string& fact) const;
  void require(bool good, std::string_view option, double value, std::string_view rule) const;

  std::string name_;
  Optimizer& optimizer_;
  std::int64_t last_epoch_ = 0;
  std::vector<double> last_lr_;
};

// A schedule by the number of steps alone. What counts as a step, an epoch or a batch, is the
// caller's choice.
class LRScheduler : public Scheduler {
 public:
  virtual void step() = 0;  // call it after the optimizer's

 protected:
  using Scheduler::Scheduler;
};

// One with a rule for the next learning rate: all but SequentialLR.
class RuleLR : public LRScheduler {
 public:
  void step() override;

 protected:
  RuleLR(std::string_view name, Optimizer& optimizer);

  // Sets the rates of step 0: the last line of every constructor.
  void start();
  // A group's rate at step last_epoch(), given the one before. At step 0 that is the rate from
  // before the schedule.
  virtual double next_lr(std::size_t group, double lr) const = 0;
  virtual void before_update() {}  // sets what there is beside the rates

  void visit_state(const Visit& f) override;
  std::vector<double> base_lrs_;  // the initial rates, by group

 private:
  friend class SequentialLR;
  void start_from_base();  // where a SequentialLR hands over
  void update();
};

}  // namespace glassbox::optim
