// The learning-rate schedules (see scheduler.h for what they share). t is the number of steps
// taken, lr the rate before a step and base the one that the schedule began with, of each group.
#pragma once
#include <functional>
#include <limits>
#include <memory>

#include "engine/optim/scheduler.h"

namespace glassbox::optim {

struct StepLROptions {
  std::int64_t step_size = 0;  // to be given: at least 1
  double gamma = 0.1;
};
// lr *= gamma every step_size steps.
class StepLR final : public RuleLR {
 public:
  StepLR(Optimizer& optimizer, const StepLROptions& options);

 private:
  double next_lr(std::size_t group, double lr) const override;
  StepLROptions o_;
};

struct MultiStepLROptions {
  std::vector<std::int64_t> milestones = {};
  double gamma = 0.1;
};
// lr *= gamma at each milestone; one that is listed twice counts twice.
class MultiStepLR final : public RuleLR {
 public:
  MultiStepLR(Optimizer& optimizer, const MultiStepLROptions& options);

 private:
  double next_lr(std::size_t group, double lr) const override;
  MultiStepLROptions o_;
};

struct ExponentialLROptions {
  double gamma = std::numeric_limits<double>::quiet_NaN();  // to be given
};
// lr *= gamma at every step.
class ExponentialLR final : public RuleLR {
 public:
  ExponentialLR(Optimizer& optimizer, const ExponentialLROptions& options);

 private:
  double next_lr(std::size_t group, double lr) const override;
  ExponentialLROptions o_;
};

struct CosineAnnealingLROptions {
  std::int64_t T_max = 0;  // to be given: steps to the minimum, at least 1
  double eta_min = 0;      // the minimum
};
// eta_min + (base - eta_min)(1 + cos(pi t / T_max)) / 2 (arXiv:1608.03983, without restarts); past
// T_max it rises again.
class CosineAnnealingLR final : public RuleLR {
 public:
  CosineAnnealingLR(Optimizer& optimizer, const CosineAnnealingLROptions& options);

 private:
  double next_lr(std::size_t group, double lr) const override;
  CosineAnnealingLROptions o_;
};

struct LinearLROptions {
  double start_factor = 1.0 / 3;  // above 0, at most 1
  double end_factor = 1;          // between 0 and 1
  std::int64_t total_iters = 5;   // steps from one to the other, at least 1
};
// base times a factor that moves linearly from start_factor to end_factor: a warm-up.
class LinearLR final : public RuleLR {
 public:
  explicit LinearLR(Optimizer& optimizer, const LinearLROptions& options = {});

 private:
  double next_lr(std::size_t group, double lr) const override;
  LinearLROptions o_;
};

struct LambdaLROptions {
  // From the steps taken to a factor: one for all groups, or one for each.
  std::vector<std::function<double(std::int64_t)>> lr_lambda = {};
};
// base lr_lambda(t).
class LambdaLR final : public RuleLR {
 public:
  LambdaLR(Optimizer& optimizer, const LambdaLROptions& options);

 private:
  double next_lr(std::size_t group, double lr) const override;
  LambdaLROptions o_;
};

enum class Anneal { cos, linear };

struct OneCycleLROptions {
  PerGroup max_lr = std::numeric_limits<double>::quiet_NaN();  // to be given
  std::int64_t total_steps = 0;  // to be given, or else epochs and steps_per_epoch
  std::int64_t epochs = 0, steps_per_epoch = 0;
  double pct_start = 0.3;  // part of the cycle in which the rate rises
  Anneal anneal_strategy = Anneal::cos;
  bool cycle_momentum = true;
  PerGroup base_momentum = 0.85, max_momentum = 0.95;
  double div_factor = 25;         // the first rate is max_lr / div_factor
  double final_div_factor = 1e4;  // the last one is the first / final_div_factor
  bool three_phase = false;       // down to the first rate, as fast as up, before the last
};
// The 1cycle policy (arXiv:1708.07120): the rate rises to max_lr and falls below where it began,
// while momentum (Adam's beta1) does the opposite. One step for each batch. Throws Error when it
// is stepped more than total_steps times, or when momentum is to be cycled in an optimizer that was
// made without.
class OneCycleLR final : public RuleLR {
 public:
  OneCycleLR(Optimizer& optimizer, const OneCycleLROptions& options);

 private:
  struct Phase {
    double end_step;
    const std::vector<double>*start_lr, *end_lr, *start_momentum, *end_momentum;
  };
  double next_lr(std::size_t group, double lr) const override;
  void before_update() override;
  // The phase of this step, and how much of it is over.
  std::pair<const Phase*, double> position() const;
  double anneal(double start, double end, double part) const;

  OneCycleLROptions o_;
  std::vector<double> initial_, top_, last_;     // rates by group
  std::vector<double> low_momentum_, momentum_;  // by group; empty when momentum is not cycled
  std::vector<Phase> phases_;
  std::string_view momentum_option_;
};

// One schedule after another: `schedules[i + 1]` takes over at `milestones[i]` steps, from the
// initial rate. A warm-up before a cosine:
//   SequentialLR{optimizer, {std::make_shared<LinearLR>(optimizer, LinearLROptions{.total_iters =
//   5}),
//                            std::make_shared<CosineAnnealingLR>(optimizer,
//                                CosineAnnealingLROptions{.T_max = 95})}, {5}}
class SequentialLR final : public LRScheduler {
 public:
  // Throws Error unless there is one milestone less than schedules, all of this optimizer, and the
  // milestones rise.
  SequentialLR(Optimizer& optimizer, std::vector<std::shared_ptr<RuleLR>> schedules,
               std::vector<std::int64_t> milestones);
  void step() override;

 private:
  void visit_state(const Visit& f) override;  // "0.last_epoch", ...: the schedules' too
  std::size_t active() const;
  std::vector<std::shared_ptr<RuleLR>> schedules_;
  std::vector<std::int64_t> milestones_;
};

enum class PlateauMode { min, max };
enum class ThresholdMode { rel, abs };

struct ReduceLROnPlateauOptions {
  PlateauMode mode = PlateauMode::min;  // whether a smaller or a larger metric is better
  double factor = 0.1;                  // below 1
  std::int64_t patience = 10;           // bad epochs that are let pass
  double threshold = 1e-4;              // what counts as better: by how much of the best (rel),
  ThresholdMode threshold_mode = ThresholdMode::rel;  // or by how much (abs)
  std::int64_t cooldown = 0;  // epochs after a reduction in which none is bad
  PerGroup min_lr = 0.0;
  double eps = 1e-8;  // a smaller change of the rate is not made
};
// lr *= factor when a metric has stopped getting better.
class ReduceLROnPlateau final : public Scheduler {
 public:
  explicit ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options = {});
  void step(double metric);  // once for each validation
  double best() const { return best_; }
  std::int64_t num_bad_epochs() const { return num_bad_epochs_; }

 private:
  void visit_state(const Visit& f) override;
  bool is_better(double metric) const;
  ReduceLROnPlateauOptions o_;
  std::vector<double> min_lrs_;
  double best_;
  std::int64_t num_bad_epochs_ = 0, cooldown_counter_ = 0;
};

}  // namespace glassbox::optim
