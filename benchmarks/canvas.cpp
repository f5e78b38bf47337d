// What it costs to watch a training: logging what the article logs and drawing a frame of it, on
// the thread that trains; what the drawing thread takes for that frame; and both against the steps
// between two frames.
//
//   bench_canvas [ROUNDS]      20
#include "viz/canvas.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/core/threads.h"
#include "engine/ops/ops.h"
#include "engine/optim/sgd.h"
#include "layers/models/models.h"
#include "viz/history.h"

using namespace glassbox;

namespace {

double now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Spread {
  std::vector<double> values;
  double at(double share) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  }
};

void print(const char* what, Spread& spread, double scale, const char* unit) {
  std::printf("%-34s %9.1f %s  [%.1f to %.1f]\n", what, scale * spread.at(0.5), unit,
              scale * spread.at(0), scale * spread.at(1));
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(2, std::atoi(argv[1])) : 20;
  const std::string folder = std::filesystem::temp_directory_path() / "glassbox_bench_canvas";
  std::filesystem::remove_all(folder);
  manual_seed(0);
  models::CifarModel model;
  layers::CrossEntropyLoss criterion;
  optim::SGD optimizer{model.parameters(), {.lr = 0.01, .momentum = 0.9}};
  const Tensor images = randn({128, 3, 32, 32}), labels = randint({128}, 0, 10);
  viz::History history(folder);
  viz::Canvas canvas(viz::CanvasOptions{.path = folder + "/frame.svg",
                                        .terminal = viz::CanvasOptions::Terminal::never});

  Spread step, log, frame, drawing;
  for (int round = 0; round < rounds; ++round) {
    Tensor loss;
    for (int i = 0; i < 3; ++i) {
      const double begin = now(CLOCK_MONOTONIC);
      optimizer.zero_grad();
      loss = criterion(model(images), labels);
      loss.backward();
      optimizer.step();
      if (round > 0) step.values.push_back(now(CLOCK_MONOTONIC) - begin);
    }
    const double begin = now(CLOCK_MONOTONIC);
    history.log({0, 100 * (round + 1)}, {{"loss", loss},
                                         {"accuracy", 0.5},
                                         {"conv1_weight", model.c2d.weight},
                                         {"feature_map", model.feature_map[0][1]}});
    const double logged = now(CLOCK_MONOTONIC);
    const double cpu_before = now(CLOCK_PROCESS_CPUTIME_ID) - now(CLOCK_THREAD_CPUTIME_ID);
    const double framed = now(CLOCK_MONOTONIC);
    {
      const auto open = canvas.frame();
      canvas.draw_plot({history["loss"], history["accuracy"]});
      canvas.draw_image(history["feature_map"]);
      canvas.draw_hist(history["conv1_weight"]);
    }
    const double ended = now(CLOCK_MONOTONIC);
    canvas.wait();
    if (round == 0) continue;  // starts the thread, opens the files
    log.values.push_back(logged - begin);
    frame.values.push_back(ended - framed);
    drawing.values.push_back(now(CLOCK_PROCESS_CPUTIME_ID) - now(CLOCK_THREAD_CPUTIME_ID) -
                             cpu_before);
  }
  std::printf("%d rounds, %d threads\n", rounds, num_threads());
  print("a step at batch 128", step, 1e3, "ms");
  print("logging two numbers, two tensors", log, 1e6, "us");
  print("a frame, on the training thread", frame, 1e6, "us");
  print("a frame, on its own (CPU time)", drawing, 1e3, "ms");
  const double hundred = 100 * step.at(0.5);
  std::printf("of 100 steps: %.4f %% on the training thread, %.3f %% with the drawing thread's\n",
              100 * (log.at(0.5) + frame.at(0.5)) / hundred,
              100 * (log.at(0.5) + frame.at(0.5) + drawing.at(0.5)) / hundred);
  std::filesystem::remove_all(folder);
}
