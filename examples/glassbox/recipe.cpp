#include "glassbox/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/optim/adam.h"
#include "engine/optim/rmsprop.h"
#include "engine/optim/sgd.h"
#include "glassbox/usage_error.h"

namespace glassbox {

namespace {

constexpr double warmup_start = 0.01;  // of the learning rate
constexpr int plateau_patience = 3;    // epochs

// The schedule that follows the warm-up, which lasts `before` steps.
std::shared_ptr<optim::RuleLR> main_schedule(const TrainOptions& o, optim::Optimizer& optimizer,
                                             std::int64_t per_epoch, std::int64_t before) {
  if (o.schedule == "exponential") {
    return std::make_shared<optim::StepLR>(
        optimizer, optim::StepLROptions{.step_size = per_epoch, .gamma = o.gamma});
  }
  if (o.schedule == "step") {
    return std::make_shared<optim::StepLR>(
        optimizer,
        optim::StepLROptions{.step_size = o.milestones.front() * per_epoch, .gamma = o.gamma});
  }
  if (o.schedule == "multistep") {
    optim::MultiStepLROptions options{.milestones = {}, .gamma = o.gamma};
    for (const int epoch : o.milestones) options.milestones.push_back(epoch * per_epoch - before);
    return std::make_shared<optim::MultiStepLR>(optimizer, options);
  }
  if (o.schedule == "cosine") {
    return std::make_shared<optim::CosineAnnealingLR>(
        optimizer, optim::CosineAnnealingLROptions{
                       .T_max = std::max<std::int64_t>(1, o.epochs * per_epoch - before)});
  }
  return nullptr;  // constant
}

}  // namespace

void check_recipe(const TrainOptions& o) {
  const auto wrong = [](const std::string& fact) { throw UsageError("train: " + fact); };
  const auto among = [&](const char* flag, const std::string& value,
                         std::initializer_list<const char*> names) {
    if (std::find(names.begin(), names.end(), value) != names.end()) return;
    wrong(fmt::format("{} {} is none of {}", flag, value, fmt::join(names, ", ")));
  };
  among("--optimizer", o.optimizer, {"sgd", "adam", "adamw", "rmsprop"});
  among("--schedule", o.schedule,
        {"none", "step", "multistep", "exponential", "cosine", "onecycle", "plateau"});
  among("--precision", o.precision, {"fp32", "tf32", "fp16", "bf16"});
  if (!(o.lr > 0 && std::isfinite(o.lr))) {
    wrong(fmt::format("--lr {} must be above 0 and finite", o.lr));
  }
  if (!(o.momentum >= 0 && o.momentum < 1)) {
    wrong(fmt::format("--momentum {} must be in [0, 1)", o.momentum));
  }
  if (!(o.weight_decay >= 0 && std::isfinite(o.weight_decay))) {
    wrong(fmt::format("--weight-decay {} must be at least 0 and finite", o.weight_decay));
  }
  if (!(o.gamma > 0 && o.gamma <= 1)) wrong(fmt::format("--gamma {} must be in (0, 1]", o.gamma));
  if (!(o.clip_norm >= 0 && std::isfinite(o.clip_norm))) {
    wrong(fmt::format("--clip-norm {} must be at least 0 and finite", o.clip_norm));
  }
  if (!(o.label_smoothing >= 0 && o.label_smoothing < 1)) {
    wrong(fmt::format("--label-smoothing {} must be in [0, 1)", o.label_smoothing));
  }
  if (!(o.ema >= 0 && o.ema < 1)) wrong(fmt::format("--ema {} must be in [0, 1)", o.ema));
  if (o.warmup < 0 || (o.warmup > 0 && o.warmup >= o.epochs)) {
    wrong(fmt::format("--warmup {} must be from 0 to below the {} epochs", o.warmup, o.epochs));
  }
  if (o.warmup > 0 && (o.schedule == "onecycle" || o.schedule == "plateau")) {
    wrong("--warmup does not go with --schedule " + o.schedule);
  }
  const bool takes = o.schedule == "step" || o.schedule == "multistep";
  if (takes && (o.milestones.empty() || (o.schedule == "step" && o.milestones.size() != 1))) {
    wrong("--schedule " + o.schedule + " needs --milestones: " +
          (o.schedule == "step" ? "every how many epochs" : "the epochs, as 30,60"));
  }
  if (!takes && !o.milestones.empty()) wrong("--milestones go with --schedule step or multistep");
  for (std::size_t i = 0; i < o.milestones.size(); ++i) {
    const int least = i > 0 ? o.milestones[i - 1] : o.schedule == "multistep" ? o.warmup : 0;
    if (o.milestones[i] <= least) {
      wrong(fmt::format("--milestones: {} is not above {}", o.milestones[i], least));
    }
  }
}

std::unique_ptr<optim::Optimizer> make_optimizer(const TrainOptions& o, Tensors parameters) {
  const double lr = o.lr, weight_decay = o.weight_decay, momentum = o.momentum;
  if (o.optimizer == "adam") {
    return std::make_unique<optim::Adam>(
        std::move(parameters), optim::AdamOptions{.lr = lr, .weight_decay = weight_decay});
  }
  if (o.optimizer == "adamw") {
    return std::make_unique<optim::AdamW>(
        std::move(parameters), optim::AdamWOptions{.lr = lr, .weight_decay = weight_decay});
  }
  if (o.optimizer == "rmsprop") {
    return std::make_unique<optim::RMSprop>(
        std::move(parameters),
        optim::RMSpropOptions{.lr = lr, .weight_decay = weight_decay, .momentum = momentum});
  }
  return std::make_unique<optim::SGD>(
      std::move(parameters),
      optim::SGDOptions{.lr = lr, .momentum = momentum, .weight_decay = weight_decay});
}

Schedule::Schedule(const TrainOptions& o, optim::Optimizer& optimizer, std::int64_t per_epoch) {
  if (o.schedule == "plateau") {
    plateau_ = std::make_unique<optim::ReduceLROnPlateau>(
        optimizer,
        optim::ReduceLROnPlateauOptions{
            .mode = optim::PlateauMode::max, .factor = o.gamma, .patience = plateau_patience});
    return;
  }
  if (o.schedule == "onecycle") {
    const bool cycles =
        optimizer.has_option("beta1") || (optimizer.has_option("momentum") && o.momentum > 0);
    by_step_ = std::make_shared<optim::OneCycleLR>(
        optimizer,
        optim::OneCycleLROptions{
            .max_lr = o.lr, .total_steps = o.epochs * per_epoch, .cycle_momentum = cycles});
    return;
  }
  if (o.warmup == 0) {
    by_step_ = main_schedule(o, optimizer, per_epoch, 0);
    return;
  }
  const std::int64_t steps = o.warmup * per_epoch;
  auto warmup = std::make_shared<optim::LinearLR>(
      optimizer, optim::LinearLROptions{.start_factor = warmup_start, .total_iters = steps});
  if (auto after = main_schedule(o, optimizer, per_epoch, steps)) {
    by_step_ = std::make_shared<optim::SequentialLR>(
        optimizer, std::vector<std::shared_ptr<optim::RuleLR>>{std::move(warmup), std::move(after)},
        std::vector<std::int64_t>{steps});
  } else {
    by_step_ = std::move(warmup);
  }
}

void Schedule::after_step() {
  if (by_step_) by_step_->step();
}
void Schedule::after_epoch(double test_accuracy) {
  if (plateau_) plateau_->step(test_accuracy);
}

optim::ScheduleState Schedule::state_dict() const {
  if (by_step_) return by_step_->state_dict();
  return plateau_ ? plateau_->state_dict() : optim::ScheduleState();
}

void Schedule::load_state_dict(const optim::ScheduleState& state) {
  if (by_step_) by_step_->load_state_dict(state);
  if (plateau_) plateau_->load_state_dict(state);
}

}  // namespace glassbox
