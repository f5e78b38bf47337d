#include "engine/optim/scheduler.h"

#include <algorithm>

namespace glassbox::optim {

Scheduler::Scheduler(std::string_view name, Optimizer& optimizer)
    : name_(name), optimizer_(optimizer) {
  remember_lrs();
}

void Scheduler::refuse(const std::string& fact) const { fail(name_, fact); }

void Scheduler::require(bool good, std::string_view option, double value,
                        std::string_view rule) const {
  if (!good) refuse(cat(option, " ", value, " is not ", rule));
}

std::vector<double> Scheduler::expand(std::string_view option, const PerGroup& given) const {
  const std::size_t groups = optimizer_.num_groups();
  const std::vector<double>& values = given.values();
  if (values.size() == 1) return std::vector<double>(groups, values[0]);
  if (values.size() != groups) {
    refuse(cat(option, " has ", values.size(), " values for ", groups,
               " parameter groups; give one for all or one for each"));
  }
  return values;
}

void Scheduler::set_lr(std::size_t group, double lr) { optimizer_.write_option("lr", lr, group); }

void Scheduler::remember_lrs() {
  last_lr_.resize(optimizer_.num_groups());
  for (std::size_t g = 0; g < last_lr_.size(); ++g) last_lr_[g] = optimizer_.lr(g);
}

ScheduleState Scheduler::state_dict() const {
  ScheduleState state;
  // Why a cast: one listing serves reading and writing, and this call only reads.
  const_cast<Scheduler*>(this)->visit_state(
      [&state](const std::string& name, double& value) { state.emplace_back(name, value); });
  return state;
}

void Scheduler::load_state_dict(const ScheduleState& state) {
  std::string missing, unexpected;
  const auto has = [](const ScheduleState& in, const std::string& name) {
    return std::any_of(in.begin(), in.end(), [&name](const auto& e) { return e.first == name; });
  };
  const ScheduleState own = state_dict();
  for (const auto& entry : own) {
    if (!has(state, entry.first)) missing += cat(missing.empty() ? "" : ", ", entry.first);
  }
  for (const auto& entry : state) {
    if (!has(own, entry.first)) unexpected += cat(unexpected.empty() ? "" : ", ", entry.first);
  }
  if (!missing.empty() || !unexpected.empty()) {
    refuse(cat("the state does not fit: ", missing.empty() ? "" : "missing: ", missing,
               missing.empty() || unexpected.empty() ? "" : "; ",
               unexpected.empty() ? "" : "unexpected: ", unexpected,
               "; it was made by another schedule or for other parameter groups"));
  }
  visit_state([&state](const std::string& name, double& value) {
    value = std::find_if(state.begin(), state.end(), [&name](const auto& e) {
              return e.first == name;
            })->second;
  });
}

void Scheduler::visit_count(const Visit& f, const std::string& name, std::int64_t& count) {
  double value = static_cast<double>(count);
  f(name, value);
  count = static_cast<std::int64_t>(value);
}

RuleLR::RuleLR(std::string_view name, Optimizer& optimizer) : LRScheduler(name, optimizer) {
  for (std::size_t g = 0; g < optimizer.num_groups(); ++g) {
    base_lrs_.push_back(optimizer.initial_lr(g));
  }
}

void RuleLR::start() {
  last_epoch_ = 0;
  update();
}

void RuleLR::start_from_base() {
  for (std::size_t g = 0; g < base_lrs_.size(); ++g) set_lr(g, base_lrs_[g]);
  start();
}

void RuleLR::step() {
  ++last_epoch_;
  update();
}

void RuleLR::update() {
  before_update();
  for (std::size_t g = 0; g < base_lrs_.size(); ++g) set_lr(g, next_lr(g, optimizer_.lr(g)));
  remember_lrs();
}

void RuleLR::visit_state(const Visit& f) {
  visit_count(f, "last_epoch", last_epoch_);
  for (std::size_t g = 0; g < base_lrs_.size(); ++g) f(cat("base_lr.", g), base_lrs_[g]);
  for (std::size_t g = 0; g < last_lr_.size(); ++g) f(cat("last_lr.", g), last_lr_[g]);
}

}  // namespace glassbox::optim
