// Learning-rate schedules against PyTorch over 60 steps, their state and their errors.
#include "engine/optim/schedule.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"
#include "tests/optim/optim_data.h"

namespace glassbox::test {
namespace {

using namespace glassbox::optim;

PerGroup per_group(const Json& value) {
  if (value.is_number()) return value.get<double>();
  return value.get<std::vector<double>>();
}

template <class T>
void set(const Json& options, const char* name, T& option) {
  if (!options.contains(name)) return;
  if constexpr (std::is_same_v<T, PerGroup>)
    option = per_group(options[name]);
  else
    options[name].get_to(option);
}

std::shared_ptr<RuleLR> make_one_cycle(Optimizer& optimizer, const Json& options) {
  OneCycleLROptions o;
  set(options, "max_lr", o.max_lr);
  set(options, "total_steps", o.total_steps);
  set(options, "epochs", o.epochs);
  set(options, "steps_per_epoch", o.steps_per_epoch);
  set(options, "pct_start", o.pct_start);
  if (options.value("anneal_strategy", "cos") == "linear") o.anneal_strategy = Anneal::linear;
  set(options, "cycle_momentum", o.cycle_momentum);
  set(options, "base_momentum", o.base_momentum);
  set(options, "max_momentum", o.max_momentum);
  set(options, "div_factor", o.div_factor);
  set(options, "final_div_factor", o.final_div_factor);
  set(options, "three_phase", o.three_phase);
  return std::make_shared<OneCycleLR>(optimizer, o);
}

std::shared_ptr<RuleLR> make_rule(Optimizer& optimizer, const std::string& kind,
                                  const Json& options) {
  if (kind == "StepLR") {
    StepLROptions o;
    set(options, "step_size", o.step_size);
    set(options, "gamma", o.gamma);
    return std::make_shared<StepLR>(optimizer, o);
  }
  if (kind == "MultiStepLR") {
    MultiStepLROptions o;
    set(options, "milestones", o.milestones);
    set(options, "gamma", o.gamma);
    return std::make_shared<MultiStepLR>(optimizer, o);
  }
  if (kind == "ExponentialLR") {
    return std::make_shared<ExponentialLR>(optimizer, ExponentialLROptions{options["gamma"]});
  }
  if (kind == "CosineAnnealingLR") {
    CosineAnnealingLROptions o;
    set(options, "T_max", o.T_max);
    set(options, "eta_min", o.eta_min);
    return std::make_shared<CosineAnnealingLR>(optimizer, o);
  }
  if (kind == "LinearLR") {
    LinearLROptions o;
    set(options, "start_factor", o.start_factor);
    set(options, "end_factor", o.end_factor);
    set(options, "total_iters", o.total_iters);
    return std::make_shared<LinearLR>(optimizer, o);
  }
  if (kind == "LambdaLR") {
    return std::make_shared<LambdaLR>(optimizer, LambdaLROptions{{[](std::int64_t t) -> double {
                                        return optim_data()["lambdas"][static_cast<std::size_t>(t)];
                                      }}});
  }
  if (kind == "OneCycleLR") return make_one_cycle(optimizer, options);
  fail("make_rule", "does not know " + kind);
}

std::unique_ptr<ReduceLROnPlateau> make_plateau(Optimizer& optimizer, const Json& options) {
  ReduceLROnPlateauOptions o;
  if (options.value("mode", "min") == "max") o.mode = PlateauMode::max;
  set(options, "factor", o.factor);
  set(options, "patience", o.patience);
  set(options, "threshold", o.threshold);
  if (options.value("threshold_mode", "rel") == "abs") o.threshold_mode = ThresholdMode::abs;
  set(options, "cooldown", o.cooldown);
  set(options, "min_lr", o.min_lr);
  set(options, "eps", o.eps);
  return std::make_unique<ReduceLROnPlateau>(optimizer, o);
}

// A case's optimizer and schedule.
struct Scheduled {
  std::unique_ptr<Optimizer> optimizer;
  std::shared_ptr<LRScheduler> schedule;
  std::unique_ptr<ReduceLROnPlateau> plateau;

  explicit Scheduled(const Json& c) {
    const Tensors p = initial_parameters();
    ParamGroups groups;
    for (std::size_t i = 0; i < c["groups"].size(); ++i) {
      groups.push_back({.params = {p[i]}, .lr = c["groups"][i].get<double>()});
    }
    optimizer = make_optimizer(c["optimizer"][0], c["optimizer"][1], groups);
    const std::string kind = c["class"];
    if (kind == "ReduceLROnPlateau") {
      plateau = make_plateau(*optimizer, c["options"]);
    } else if (kind == "SequentialLR") {
      std::vector<std::shared_ptr<RuleLR>> parts;
      for (const Json& part : c["options"]) {
        parts.push_back(make_rule(*optimizer, part[0], part[1]));
      }
      schedule = std::make_shared<SequentialLR>(*optimizer, parts,
                                                c["milestones"].get<std::vector<std::int64_t>>());
    } else {
      schedule = make_rule(*optimizer, kind, c["options"]);
    }
  }
  Scheduler& any() { return plateau ? static_cast<Scheduler&>(*plateau) : *schedule; }
  void step(std::size_t t) {
    if (plateau)
      plateau->step(optim_data()["metrics"][t]);
    else
      schedule->step();
  }
  std::vector<double> lrs() const {
    std::vector<double> out;
    for (std::size_t g = 0; g < optimizer->num_groups(); ++g) out.push_back(optimizer->lr(g));
    return out;
  }
  std::vector<double> momenta() const {
    std::vector<double> out;
    const char* const name = optimizer->has_option("beta1") ? "beta1" : "momentum";
    for (std::size_t g = 0; g < optimizer->num_groups(); ++g) {
      out.push_back(optimizer->option(name, g));
    }
    return out;
  }
};

TEST_CASE("optim: schedules follow PyTorch's over 60 steps") {
  std::map<std::string, double> worst;
  for (const auto& item : optim_data()["schedules"].items()) {
    const std::string name = item.key();
    const Json& c = item.value();
    CAPTURE(name);
    Scheduled s(c);
    double& most = worst[c["class"]];
    for (std::size_t t = 0; t < c["lr"].size(); ++t) {
      CAPTURE(t);
      if (t > 0) s.step(t - 1);
      double error = worst_difference(s.lrs(), c["lr"][t]);
      if (c.contains("momentum")) {
        error = std::max(error, worst_difference(s.momenta(), c["momentum"][t]));
      }
      CHECK(error <= 1e-13);
      CHECK(s.any().last_lr() == s.lrs());
      CHECK(s.any().last_epoch() == static_cast<std::int64_t>(t));
      most = std::max(most, error);
    }
  }
  CHECK(worst.size() == 9);
  for (const auto& entry : worst) {
    MESSAGE(entry.first, ": largest difference from PyTorch ", entry.second);
  }
}

TEST_CASE("optim: every schedule goes on bit for bit from its state") {
  for (const auto& item : optim_data()["schedules"].items()) {
    const std::string name = item.key();
    CAPTURE(name);
    Scheduled one(item.value());
    for (std::size_t t = 0; t < 23; ++t) one.step(t);
    Scheduled two(item.value());
    const ScheduleState saved = one.any().state_dict();
    two.any().load_state_dict(saved);
    two.optimizer->load_state_dict(one.optimizer->state_dict());
    CHECK(two.any().state_dict() == saved);
    CHECK(two.any().last_lr() == one.any().last_lr());
    for (std::size_t t = 23; t < 60; ++t) {
      one.step(t);
      two.step(t);
      CHECK(one.lrs() == two.lrs());
    }
    CHECK(two.any().state_dict() == one.any().state_dict());
  }
}

TEST_CASE("optim: a schedule scales a learning rate that was set by hand") {
  SGD sgd(initial_parameters(), {.lr = 1});
  ExponentialLR schedule(sgd, {.gamma = 0.5});
  schedule.step();
  sgd.set_lr(8);
  schedule.step();
  CHECK(sgd.lr() == 4);
}

TEST_CASE("optim: wrong schedules are refused with the option and the rule") {
  SGD sgd(initial_parameters(), {.lr = 0.1, .momentum = 0.9});
  SGD still(initial_parameters(), {.lr = 0.1});
  const auto check = [](const auto& f, const std::string& want) { CHECK(message_of(f) == want); };
  check([&] { StepLR(sgd, {}); }, "StepLR: step_size 0 is not at least 1");
  check([&] { StepLR(sgd, {.step_size = 1, .gamma = -1}); },
        "StepLR: gamma -1 is not a number of at least 0");
  check(
      [&] {
        MultiStepLR(sgd, {.milestones = {2, -1}});
      },
      "MultiStepLR: milestone -1 is not at least 0");
  check([&] { ExponentialLR(sgd, {}); }, "ExponentialLR: gamma nan is not a number of at least 0");
  check([&] { CosineAnnealingLR(sgd, {}); }, "CosineAnnealingLR: T_max 0 is not at least 1");
  check([&] { CosineAnnealingLR(sgd, {.T_max = 2, .eta_min = -1}); },
        "CosineAnnealingLR: eta_min -1 is not a number of at least 0");
  check([&] { LinearLR(sgd, {.start_factor = 0}); },
        "LinearLR: start_factor 0 is not above 0 and at most 1");
  check([&] { LinearLR(sgd, {.end_factor = 1.5}); },
        "LinearLR: end_factor 1.5 is not between 0 and 1");
  check([&] { LinearLR(sgd, {.total_iters = 0}); }, "LinearLR: total_iters 0 is not at least 1");
  check([&] { LambdaLR(sgd, {}); },
        "LambdaLR: lr_lambda has 0 functions for 1 parameter groups; give one for all or one for "
        "each");
  check([&] { LambdaLR(sgd, {.lr_lambda = {nullptr}}); },
        "LambdaLR: lr_lambda has an empty function");
  check([&] { OneCycleLR(sgd, {.max_lr = 1}); },
        "OneCycleLR: needs total_steps, or epochs and steps_per_epoch, of at least 1");
  check([&] { OneCycleLR(sgd, {.total_steps = 9}); },
        "OneCycleLR: max_lr nan is not a number of at least 0");
  check(
      [&] {
        OneCycleLR(sgd, {.max_lr = {1, 2}, .total_steps = 9});
      },
      "OneCycleLR: max_lr has 2 values for 1 parameter groups; give one for all or one for each");
  check([&] { OneCycleLR(sgd, {.max_lr = 1, .total_steps = 9, .pct_start = 2}); },
        "OneCycleLR: pct_start 2 is not between 0 and 1");
  check([&] { OneCycleLR(still, {.max_lr = 1, .total_steps = 9}); },
        "SGD: was made without momentum and keeps no buffers for it; make it with one above 0");
  check(
      [&] {
        OneCycleLR schedule(sgd, {.max_lr = 1, .total_steps = 2});
        for (int i = 0; i < 3; ++i) schedule.step();
      },
      "OneCycleLR: was stepped 3 times, but total_steps is 2");
  check([&] { ReduceLROnPlateau(sgd, {.factor = 1}); },
        "ReduceLROnPlateau: factor 1 is not at least 0 and below 1");
  check([&] { ReduceLROnPlateau(sgd, {.patience = -1}); },
        "ReduceLROnPlateau: patience -1 is not at least 0");
  check(
      [&] {
        ReduceLROnPlateau(sgd, {.min_lr = {1, 2, 3}});
      },
      "ReduceLROnPlateau: min_lr has 3 values for 1 parameter groups; give one for all or one "
      "for each");

  const auto linear = std::make_shared<LinearLR>(sgd), other = std::make_shared<LinearLR>(still);
  check([&] { SequentialLR(sgd, {}, {}); }, "SequentialLR: got no schedules");
  check([&] { SequentialLR(sgd, {linear}, {3}); },
        "SequentialLR: needs one milestone less than schedules, got 1 for 1");
  check(
      [&] {
        SequentialLR(sgd, {linear, other}, {3});
      },
      "SequentialLR: schedule 1 belongs to another optimizer");
  check(
      [&] {
        SequentialLR(sgd, {linear, linear, linear}, {3, 3});
      },
      "SequentialLR: milestone 3 is not above 3");
  check(
      [&] {
        linear->load_state_dict({{"last_epoch", 1}, {"base_lr.0", 1}, {"best", 2}});
      },
      "LinearLR: the state does not fit: missing: last_lr.0; unexpected: best; it was made by "
      "another schedule or for other parameter groups");
  CHECK(linear->last_epoch() == 0);
}

}  // namespace
}  // namespace glassbox::test
