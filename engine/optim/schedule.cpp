#include "engine/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace glassbox::optim {

using std::numbers::pi;

StepLR::StepLR(Optimizer& optimizer, const StepLROptions& options)
    : RuleLR("StepLR", optimizer), o_(options) {
  require(o_.step_size >= 1, "step_size", static_cast<double>(o_.step_size), "at least 1");
  require(o_.gamma >= 0, "gamma", o_.gamma, "a number of at least 0");
  start();
}
double StepLR::next_lr(std::size_t, double lr) const {
  return last_epoch_ == 0 || last_epoch_ % o_.step_size != 0 ? lr : lr * o_.gamma;
}

MultiStepLR::MultiStepLR(Optimizer& optimizer, const MultiStepLROptions& options)
    : RuleLR("MultiStepLR", optimizer), o_(options) {
  for (const std::int64_t milestone : o_.milestones) {
    require(milestone >= 0, "milestone", static_cast<double>(milestone), "at least 0");
  }
  require(o_.gamma >= 0, "gamma", o_.gamma, "a number of at least 0");
  start();
}
double MultiStepLR::next_lr(std::size_t, double lr) const {
  const auto times = std::count(o_.milestones.begin(), o_.milestones.end(), last_epoch_);
  return times == 0 ? lr : lr * std::pow(o_.gamma, static_cast<double>(times));
}

ExponentialLR::ExponentialLR(Optimizer& optimizer, const ExponentialLROptions& options)
    : RuleLR("ExponentialLR", optimizer), o_(options) {
  require(o_.gamma >= 0, "gamma", o_.gamma, "a number of at least 0");
  start();
}
double ExponentialLR::next_lr(std::size_t, double lr) const {
  return last_epoch_ == 0 ? lr : lr * o_.gamma;
}

CosineAnnealingLR::CosineAnnealingLR(Optimizer& optimizer, const CosineAnnealingLROptions& options)
    : RuleLR("CosineAnnealingLR", optimizer), o_(options) {
  require(o_.T_max >= 1, "T_max", static_cast<double>(o_.T_max), "at least 1");
  require(o_.eta_min >= 0, "eta_min", o_.eta_min, "a number of at least 0");
  start();
}
double CosineAnnealingLR::next_lr(std::size_t group, double lr) const {
  if (last_epoch_ == 0) return lr;
  const double t = static_cast<double>(last_epoch_), period = static_cast<double>(o_.T_max);
  // At the minimum the ratio below would be divided by 0.
  if ((last_epoch_ - 1 - o_.T_max) % (2 * o_.T_max) == 0) {
    return lr + (base_lrs_[group] - o_.eta_min) * (1 - std::cos(pi / period)) / 2;
  }
  return (1 + std::cos(pi * t / period)) / (1 + std::cos(pi * (t - 1) / period)) *
             (lr - o_.eta_min) +
         o_.eta_min;
}

LinearLR::LinearLR(Optimizer& optimizer, const LinearLROptions& options)
    : RuleLR("LinearLR", optimizer), o_(options) {
  require(o_.start_factor > 0 && o_.start_factor <= 1, "start_factor", o_.start_factor,
          "above 0 and at most 1");
  require(o_.end_factor >= 0 && o_.end_factor <= 1, "end_factor", o_.end_factor, "between 0 and 1");
  require(o_.total_iters >= 1, "total_iters", static_cast<double>(o_.total_iters), "at least 1");
  start();
}
double LinearLR::next_lr(std::size_t, double lr) const {
  if (last_epoch_ == 0) return lr * o_.start_factor;
  if (last_epoch_ > o_.total_iters) return lr;
  const double change = o_.end_factor - o_.start_factor;
  return lr * (1 + change / (static_cast<double>(o_.total_iters) * o_.start_factor +
                             static_cast<double>(last_epoch_ - 1) * change));
}

LambdaLR::LambdaLR(Optimizer& optimizer, const LambdaLROptions& options)
    : RuleLR("LambdaLR", optimizer), o_(options) {
  const std::size_t given = o_.lr_lambda.size(), groups = base_lrs_.size();
  if (given != 1 && given != groups) {
    refuse(cat("lr_lambda has ", given, " functions for ", groups,
               " parameter groups; give one for all or one for each"));
  }
  for (const auto& f : o_.lr_lambda) {
    if (!f) refuse("lr_lambda has an empty function");
  }
  start();
}
double LambdaLR::next_lr(std::size_t group, double) const {
  return base_lrs_[group] * o_.lr_lambda[o_.lr_lambda.size() == 1 ? 0 : group](last_epoch_);
}

OneCycleLR::OneCycleLR(Optimizer& optimizer, const OneCycleLROptions& options)
    : RuleLR("OneCycleLR", optimizer), o_(options) {
  if (o_.total_steps == 0) {
    if (o_.epochs <= 0 || o_.steps_per_epoch <= 0) {
      refuse("needs total_steps, or epochs and steps_per_epoch, of at least 1");
    }
    o_.total_steps = o_.epochs * o_.steps_per_epoch;
  }
  const double total = static_cast<double>(o_.total_steps);
  require(total >= 1, "total_steps", total, "at least 1");
  require(o_.pct_start >= 0 && o_.pct_start <= 1, "pct_start", o_.pct_start, "between 0 and 1");
  require(o_.div_factor > 0, "div_factor", o_.div_factor, "above 0");
  require(o_.final_div_factor > 0, "final_div_factor", o_.final_div_factor, "above 0");
  top_ = expand("max_lr", o_.max_lr);
  for (std::size_t g = 0; g < top_.size(); ++g) {
    require(top_[g] >= 0 && std::isfinite(top_[g]), "max_lr", top_[g], "a number of at least 0");
    initial_.push_back(top_[g] / o_.div_factor);
    last_.push_back(initial_[g] / o_.final_div_factor);
    optimizer_.set_initial_lr(initial_[g], g);
  }
  base_lrs_ = initial_;
  if (o_.cycle_momentum) {
    low_momentum_ = expand("base_momentum", o_.base_momentum);
    momentum_ = expand("max_momentum", o_.max_momentum);
    momentum_option_ = optimizer_.has_option("beta1") ? "beta1" : "momentum";
  }
  const double up = o_.pct_start * total - 1;
  phases_ = {{up, &initial_, &top_, &momentum_, &low_momentum_}};
  if (o_.three_phase) {
    phases_.push_back({2 * o_.pct_start * total - 2, &top_, &initial_, &low_momentum_, &momentum_});
    phases_.push_back({total - 1, &initial_, &last_, &momentum_, &momentum_});
  } else {
    phases_.push_back({total - 1, &top_, &last_, &low_momentum_, &momentum_});
  }
  start();
}

std::pair<const OneCycleLR::Phase*, double> OneCycleLR::position() const {
  const double t = static_cast<double>(last_epoch_);
  double begin = 0;
  for (const Phase& phase : phases_) {
    if (t <= phase.end_step || &phase == &phases_.back()) {
      const double length = phase.end_step - begin;
      return {&phase, length == 0 ? 1 : (t - begin) / length};
    }
    begin = phase.end_step;
  }
  __builtin_unreachable();
}

double OneCycleLR::anneal(double start, double end, double part) const {
  if (o_.anneal_strategy == Anneal::linear) return (end - start) * part + start;
  return end + (start - end) / 2 * (std::cos(pi * part) + 1);
}

void OneCycleLR::before_update() {
  if (last_epoch_ > o_.total_steps) {
    refuse(cat("was stepped ", last_epoch_, " times, but total_steps is ", o_.total_steps));
  }
  const auto at = position();
  for (std::size_t g = 0; g < momentum_.size(); ++g) {
    optimizer_.set_option(
        momentum_option_,
        anneal((*at.first->start_momentum)[g], (*at.first->end_momentum)[g], at.second), g);
  }
}

double OneCycleLR::next_lr(std::size_t group, double) const {
  const auto at = position();
  return anneal((*at.first->start_lr)[group], (*at.first->end_lr)[group], at.second);
}

SequentialLR::SequentialLR(Optimizer& optimizer, std::vector<std::shared_ptr<RuleLR>> schedules,
                           std::vector<std::int64_t> milestones)
    : LRScheduler("SequentialLR", optimizer),
      schedules_(std::move(schedules)),
      milestones_(std::move(milestones)) {
  if (schedules_.empty()) refuse("got no schedules");
  if (milestones_.size() + 1 != schedules_.size()) {
    refuse(cat("needs one milestone less than schedules, got ", milestones_.size(), " for ",
               schedules_.size()));
  }
  for (std::size_t i = 0; i < schedules_.size(); ++i) {
    if (!schedules_[i]) refuse(cat("schedule ", i, " is null"));
    if (&schedules_[i]->optimizer() != &optimizer) {
      refuse(cat("schedule ", i, " belongs to another optimizer"));
    }
    if (i > 1 && milestones_[i - 1] <= milestones_[i - 2]) {
      refuse(cat("milestone ", milestones_[i - 1], " is not above ", milestones_[i - 2]));
    }
  }
  for (std::size_t g = 0; g < optimizer.num_groups(); ++g) set_lr(g, optimizer.initial_lr(g));
  schedules_[active()]->start();
  remember_lrs();
}

std::size_t SequentialLR::active() const {
  return static_cast<std::size_t>(
      std::upper_bound(milestones_.begin(), milestones_.end(), last_epoch_) - milestones_.begin());
}

void SequentialLR::step() {
  ++last_epoch_;
  const std::size_t i = active();
  if (i > 0 && milestones_[i - 1] == last_epoch_)
    schedules_[i]->start_from_base();
  else
    schedules_[i]->step();
  remember_lrs();
}

void SequentialLR::visit_state(const Visit& f) {
  visit_count(f, "last_epoch", last_epoch_);
  for (std::size_t i = 0; i < schedules_.size(); ++i) {
    schedules_[i]->visit_state(
        [&](const std::string& name, double& value) { f(cat(i, ".", name), value); });
  }
  for (std::size_t g = 0; g < last_lr_.size(); ++g) f(cat("last_lr.", g), last_lr_[g]);
}

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options)
    : Scheduler("ReduceLROnPlateau", optimizer), o_(options) {
  require(o_.factor >= 0 && o_.factor < 1, "factor", o_.factor, "at least 0 and below 1");
  require(o_.patience >= 0, "patience", static_cast<double>(o_.patience), "at least 0");
  require(o_.cooldown >= 0, "cooldown", static_cast<double>(o_.cooldown), "at least 0");
  require(o_.threshold >= 0, "threshold", o_.threshold, "a number of at least 0");
  require(o_.eps >= 0, "eps", o_.eps, "a number of at least 0");
  min_lrs_ = expand("min_lr", o_.min_lr);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  best_ = o_.mode == PlateauMode::min ? infinity : -infinity;
}

bool ReduceLROnPlateau::is_better(double metric) const {
  const bool relative = o_.threshold_mode == ThresholdMode::rel;
  if (o_.mode == PlateauMode::min) {
    return metric < (relative ? best_ * (1 - o_.threshold) : best_ - o_.threshold);
  }
  return metric > (relative ? best_ * (1 + o_.threshold) : best_ + o_.threshold);
}

void ReduceLROnPlateau::step(double metric) {
  ++last_epoch_;
  if (is_better(metric)) {
    best_ = metric;
    num_bad_epochs_ = 0;
  } else {
    ++num_bad_epochs_;
  }
  if (cooldown_counter_ > 0) {
    --cooldown_counter_;
    num_bad_epochs_ = 0;
  }
  if (num_bad_epochs_ > o_.patience) {
    for (std::size_t g = 0; g < min_lrs_.size(); ++g) {
      const double lr = optimizer_.lr(g), lower = std::max(lr * o_.factor, min_lrs_[g]);
      if (lr - lower > o_.eps) set_lr(g, lower);
    }
    cooldown_counter_ = o_.cooldown;
    num_bad_epochs_ = 0;
  }
  remember_lrs();
}

void ReduceLROnPlateau::visit_state(const Visit& f) {
  visit_count(f, "last_epoch", last_epoch_);
  f("best", best_);
  visit_count(f, "num_bad_epochs", num_bad_epochs_);
  visit_count(f, "cooldown_counter", cooldown_counter_);
  for (std::size_t g = 0; g < last_lr_.size(); ++g) f(cat("last_lr.", g), last_lr_[g]);
}

}  // namespace glassbox::optim
