// What augmentation costs a training: steps of CifarModel on one batch that stays, in turns with
// the same steps on batches of a loader, with 0, 1 and 3 workers. Prints a table of medians over
// rounds; a slowdown compares turns of one round, so that a noisy machine disturbs both alike.
//   bench_loader [--batch N] [--threads N] [--steps N] [--rounds N]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "datasets/datasets.h"
#include "engine/engine.h"
#include "layers/layers.h"
#include "layers/models/cifar.h"

using namespace glassbox;
using Clock = std::chrono::steady_clock;

namespace {

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  int batch = 128, threads = 2, steps = 40, rounds = 7;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    int* to = flag == "--batch"     ? &batch
              : flag == "--threads" ? &threads
              : flag == "--steps"   ? &steps
              : flag == "--rounds"  ? &rounds
                                    : nullptr;
    if (!to) return std::fprintf(stderr, "unknown option %s\n", argv[i]), 2;
    *to = std::atoi(argv[i + 1]);
  }
  set_num_threads(threads);
  manual_seed(0);
  models::CifarModel model;
  layers::CrossEntropyLoss criterion;
  optim::SGD optimizer(model.parameters(), {.lr = 0.01, .momentum = 0.9});
  const auto step = [&](const Tensor& inputs, const Tensor& labels) {
    optimizer.zero_grad();
    const Tensor loss = criterion(model(inputs), labels);
    loss.backward();
    optimizer.step();
  };

  datasets::ImageDataset set;
  set.images = randint({std::int64_t(batch) * steps, 3, 32, 32}, 0, 256).to(DType::u8);
  set.labels = randint({std::int64_t(batch) * steps}, 0, 10);
  set.transform = {datasets::transforms::RandomCrop{32, {.padding = 4}},
                   datasets::transforms::RandomHorizontalFlip{}, datasets::transforms::ToTensor{},
                   datasets::transforms::Normalize{datasets::transforms::cifar10_mean,
                                                   datasets::transforms::cifar10_std}};
  const Tensor inputs = randn({batch, 3, 32, 32}), labels = randint({batch}, 0, 10);
  const auto seconds_per_step = [&](const auto& turn) {
    const auto start = Clock::now();
    turn();
    return std::chrono::duration<double>(Clock::now() - start).count() / steps;
  };
  const auto bare = [&] {
    for (int i = 0; i < steps; ++i) step(inputs, labels);
  };
  const std::vector<int> workers{0, 1, 3};
  std::vector<double> bare_times;
  std::vector<std::vector<double>> times(workers.size()), slowdowns(workers.size());
  bare();  // to warm up
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t w = 0; w < workers.size(); ++w) {
      const double before = seconds_per_step(bare);
      datasets::DataLoader loader(
          set, {.batch_size = batch, .shuffle = true, .num_workers = workers[w]});
      const double with = seconds_per_step([&] {
        for (auto& [x, y] : loader) step(x, y);
      });
      const double after = seconds_per_step(bare);
      bare_times.insert(bare_times.end(), {before, after});
      times[w].push_back(with);
      slowdowns[w].push_back(with / ((before + after) / 2));
    }
  }
  std::printf("batch %d, %d thread(s), %d rounds of %d steps\n", batch, threads, rounds, steps);
  std::printf("bare step          %8.2f ms  %7.0f images/s\n", median(bare_times) * 1e3,
              batch / median(bare_times));
  for (std::size_t w = 0; w < workers.size(); ++w) {
    const auto [least, most] = std::minmax_element(slowdowns[w].begin(), slowdowns[w].end());
    std::printf("loader, %d workers  %8.2f ms  %7.0f images/s  %.3fx the bare step [%.3f-%.3f]\n",
                workers[w], median(times[w]) * 1e3, batch / median(times[w]), median(slowdowns[w]),
                *least, *most);
  }
}
