// What probes and health cost a training step of CifarModel, in microseconds: on steps that are not
// due, and on those that are. bench_probe_cost [steps [case]]; with a case alone it prints nothing
// but its name, for valgrind --tool=callgrind to count.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "layers/layers.h"
#include "layers/models/cifar.h"
#include "viz/training_probes.h"

using namespace glassbox;

namespace {

struct Case {
  const char* name;
  viz::TrainingProbesOptions options;
};

std::vector<Case> cases() {
  const auto health = [](int every, int finite_every) {
    viz::TrainingProbesOptions o;
    o.health = true;
    o.health_options.every = every;
    o.health_options.finite_every = finite_every;
    o.health_options.say = [](const viz::HealthWarning&) {};
    return o;
  };
  constexpr int never = 1'000'000'000;
  viz::TrainingProbesOptions idle = health(never, never);
  idle.probes = {"**:activations:stats:1000000000", "**:activation_gradients:stats:1000000000",
                 "**:weights:histogram:1000000000", "**:gradients:stats:1000000000"};
  return {{"none", {}},
          {"not due", idle},
          {"stats of all activations", {.probes = {"**:activations:stats:1"}}},
          {"histograms of all weights", {.probes = {"**:weights:histogram:1"}}},
          {"health: NaN and Inf", health(never, 1)},
          {"health: all", health(1, 1)}};
}

// The median step.
double microseconds(const Case& c, int steps) {
  manual_seed(0);
  models::CifarModel model;
  optim::SGD optimizer(model.parameters(), {.lr = 0.01, .momentum = 0.9});
  const Tensor inputs = randn({32, 3, 32, 32}), labels = randint({32}, 0, 10);
  viz::History history;
  viz::TrainingProbes probes(model, history, c.options);
  std::vector<double> times;
  for (int i = 1; i <= steps; ++i) {
    const auto start = std::chrono::steady_clock::now();
    optimizer.zero_grad();
    probes.begin_step(i);
    cross_entropy(model(inputs), labels).backward();
    probes.after_backward();
    optimizer.step();
    probes.end_step();
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
    times.push_back(time.count());
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int steps = argc > 1 ? std::max(1, std::atoi(argv[1])) : 200;
  set_num_threads(1);
  for (const Case& c : cases()) {
    if (argc <= 2) {
      std::printf("%-28s %9.1f us\n", c.name, microseconds(c, steps));
    } else if (std::string(argv[2]) == c.name) {
      microseconds(c, steps);
      std::printf("%s\n", c.name);
    }
  }
}
