// One training step of CifarModel: zero_grad, forward, loss, backward, SGD with momentum. Prints
// one line of JSON. benchmarks/run.sh runs it beside PyTorch, in turns.
//   bench_train_step [--batch N] [--threads N] [--steps N] [--warmup N]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/core/roof.h"
#include "engine/engine.h"
#include "layers/layers.h"
#include "layers/models/cifar.h"

using namespace glassbox;

int main(int argc, char** argv) {
  int batch = 128, threads = 1, steps = 30, warmup = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    const int value = std::atoi(argv[i + 1]);
    if (flag == "--batch")
      batch = value;
    else if (flag == "--threads")
      threads = value;
    else if (flag == "--steps")
      steps = value;
    else if (flag == "--warmup")
      warmup = value;
    else
      return std::fprintf(stderr, "unknown option %s\n", argv[i]), 2;
  }
  set_num_threads(threads);
  manual_seed(0);
  models::CifarModel model;
  layers::CrossEntropyLoss criterion;
  optim::SGD optimizer(model.parameters(), {.lr = 0.01, .momentum = 0.9});
  const Tensor inputs = randn({batch, 3, 32, 32});
  const Tensor labels = randint({batch}, 0, 10);

  using Clock = std::chrono::steady_clock;
  std::vector<double> ms;
  for (int i = 0; i < warmup + steps; ++i) {
    const auto start = Clock::now();
    optimizer.zero_grad();
    const Tensor loss = criterion(model(inputs), labels);
    loss.backward();
    optimizer.step();
    if (i >= warmup)
      ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  std::sort(ms.begin(), ms.end());

  // The convolutions' arithmetic, as counted in the recording of one step.
  GraphRecorder recorder;
  {
    const RecordScope scope(recorder);
    criterion(model(inputs), labels).backward();
  }
  const double flops = recorder.graph().total_cost(Phase::forward).flops +
                       recorder.graph().total_cost(Phase::backward).flops;
  const double peak = cpu::measure_peak_gflops(threads);
  std::printf(
      "{\"engine\": \"glassbox\", \"batch\": %d, \"threads\": %d, \"median_ms\": %.3f, "
      "\"min_ms\": %.3f, \"max_ms\": %.3f, \"gflop\": %.3f, \"peak_gflops\": %.1f, \"floor_ms\": "
      "%.3f}\n",
      batch, threads, ms[ms.size() / 2], ms.front(), ms.back(), flops / 1e9, peak,
      flops / 1e9 / peak * 1e3);
}
