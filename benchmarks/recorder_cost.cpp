// A few training steps of CifarModel on one thread, for benchmarks/recorder_cost.sh, which counts
// their instructions with and without the recorder's hooks.
#include <cstdio>

#include "engine/engine.h"
#include "layers/layers.h"
#include "layers/models/cifar.h"

using namespace glassbox;

int main() {
  set_num_threads(1);
  manual_seed(0);
  models::CifarModel model;
  optim::SGD optimizer(model.parameters(), {.lr = 0.01, .momentum = 0.9});
  const Tensor inputs = randn({4, 3, 32, 32}), labels = randint({4}, 0, 10);
  for (int i = 0; i < 5; ++i) {
    optimizer.zero_grad();
    const Tensor loss = cross_entropy(model(inputs), labels);
    loss.backward();
    optimizer.step();
    std::printf("%.6f\n", loss.item<double>());
  }
}
