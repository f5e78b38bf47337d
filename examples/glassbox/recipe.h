// How a run's options become an optimizer and a schedule.
#pragma once
#include <functional>
#include <memory>

#include "engine/optim/ema.h"
#include "engine/optim/schedule.h"
#include "glassbox/train_options.h"

namespace glassbox {

// Throws UsageError for options that make no sense together, naming the flag.
void check_recipe(const TrainOptions& options);

std::unique_ptr<optim::Optimizer> make_optimizer(const TrainOptions& options, Tensors parameters);

// The learning rate's course. All schedules but plateau are stepped by batches, so that a cosine is
// smooth and a warm-up begins at once; epochs in options are turned into batches.
class Schedule {
 public:
  Schedule(const TrainOptions& options, optim::Optimizer& optimizer, std::int64_t steps_per_epoch);
  void after_step();
  void after_epoch(double test_accuracy);
  optim::ScheduleState state_dict() const;
  void load_state_dict(const optim::ScheduleState& state);

 private:
  std::shared_ptr<optim::LRScheduler> by_step_;  // empty: the rate stays
  std::unique_ptr<optim::ReduceLROnPlateau> plateau_;
};

}  // namespace glassbox
