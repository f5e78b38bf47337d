// TrainingProbes: all that looks into a model while it trains, by what a command line says of it.
//
//   viz::TrainingProbes probes(model, history, {.probes = {"features.3:activations:histogram:100"},
//                                               .health = true, .health_options = {.folder =
//                                               run}});
//   for (...) {
//     probes.begin_step(step);
//     loss = criterion(model(x), y);
//     loss.backward();
//     probes.after_backward();  // before clipping
//     optimizer.step();
//     probes.end_step();
//   }
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "viz/health.h"
#include "viz/probe.h"

namespace glassbox::viz {

struct TrainingProbesOptions {
  std::vector<std::string> probes = {};  // see parse_probe (viz/probe.h)
  bool health = false;
  HealthOptions health_options = {};
};

class TrainingProbes {
 public:
  // Throws Error for a probe that cannot be read, with which part is wrong, or whose path is
  // nowhere in the model.
  TrainingProbes(layers::ModuleBase& model, History& history,
                 const TrainingProbesOptions& options) {
    for (const std::string& text : options.probes) probes_.emplace_back(model, history, text);
    if (options.health) health_.emplace(model, history, options.health_options);
  }

  void begin_step(const Step& step) {
    for (Probe& probe : probes_) probe.begin_step(step);
    if (health_) health_->begin_step(step);
  }
  void after_backward() {
    for (Probe& probe : probes_) probe.after_backward();
    if (health_) health_->after_backward();
  }
  void end_step() {
    for (Probe& probe : probes_) probe.end_step();
    if (health_) health_->end_step();
  }

  // Null where it was not asked for.
  const Health* health() const { return health_ ? &*health_ : nullptr; }

 private:
  std::vector<Probe> probes_;
  std::optional<Health> health_;
};

}  // namespace glassbox::viz
