// Whole training steps: replayed from their recording, and the same bits at any number of threads
// and in any process.
#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "engine/autograd/tape.h"
#include "engine/core/threads.h"
#include "engine/graph/recorder.h"
#include "engine/ops/random.h"
#include "engine/optim/sgd.h"
#include "layers/layers.h"
#include "layers/models/models.h"
#include "tests/replay.h"

namespace glassbox {
namespace {

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.spec().bytes() == b.spec().bytes() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw(), b.raw(), a.spec().bytes()) == 0;
}

std::uint64_t hash(const Tensors& tensors) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const Tensor& t : tensors) {
    for (std::size_t i = 0; i < t.spec().bytes(); ++i) {
      h = (h ^ static_cast<std::uint64_t>(t.raw()[i])) * 0x100000001b3u;
    }
  }
  return h;
}

// A model with its optimizer and a fixed batch.
template <class Model>
struct Trainer {
  Model model;
  optim::SGD sgd;
  Tensor inputs, labels, loss;

  Trainer(std::int64_t batch, std::uint64_t seed)
      : model((manual_seed(seed), Model())),
        sgd(model.parameters(), {.lr = 0.01, .momentum = 0.9, .weight_decay = 1e-4}) {
    Shape shape = model.usual_inputs().at(0);
    shape.insert(0, batch);
    inputs = randn(shape);
    labels = randint({batch}, 0, 10);
  }
  void step() {
    sgd.zero_grad();
    loss = cross_entropy(model(inputs), labels);
    loss.backward();
    sgd.step();
  }
  Tensors state() {
    Tensors all;
    for (const auto& [name, t] : model.state_dict()) all.push_back(t);
    for (const auto& [name, t] : sgd.state_dict()) all.push_back(t);
    all.push_back(default_generator().state());
    return all;
  }
};

template <class Model>
void check_replay() {
  Trainer<Model> trainer(6, 5);
  trainer.step();
  test::Replay replay(trainer.state());
  replay.record([&] { trainer.step(); });
  replay.run();
  CHECK(same_bits(replay.result(trainer.loss), trainer.loss));
  for (const Tensor& t : trainer.state()) {
    // What the step did not touch is not in the recording.
    if (t.same_as(default_generator().state()) && !std::is_same_v<Model, models::Net>) continue;
    CHECK(same_bits(replay.result(t), t));
  }
  for (const Tensor& p : trainer.model.parameters())
    CHECK(same_bits(replay.result(p.grad()), p.grad()));
  int phases[3] = {};
  for (const auto& node : replay.graph().nodes) ++phases[static_cast<int>(node.phase)];
  CHECK(phases[0] > 10);
  CHECK(phases[1] > 10);
  CHECK(phases[2] >= 1);
  MESSAGE("replayed ", replay.graph().nodes.size(), " ops");
}

TEST_CASE("a training step of CifarModel replays from its recording with the same bits") {
  check_replay<models::CifarModel>();
}

TEST_CASE(
    "a training step of Net, dropout included, replays from its recording with the same bits") {
  check_replay<models::Net>();
}

std::uint64_t trained_hash(int threads) {
  const NumThreadsScope scope(threads);
  Trainer<models::CifarModel> cifar(33, 11);
  Trainer<models::Net> net(17, 11);
  for (int i = 0; i < 3; ++i) {
    cifar.step();
    net.step();
  }
  Tensors all = cifar.state();
  for (const Tensor& t : net.state()) all.push_back(t);
  return hash(all);
}

TEST_CASE("training has the same bits at 1, 2, 3 and 5 threads") {
  const std::uint64_t one = trained_hash(1);
  for (const int threads : {2, 3, 5}) CHECK(trained_hash(threads) == one);
  CHECK(trained_hash(1) == one);
}

TEST_CASE("print the hash of a training" * doctest::skip()) {
  std::printf("training hash %016llx\n", static_cast<unsigned long long>(trained_hash(2)));
}

TEST_CASE("training has the same bits in another process") {
  char expected[64];
  std::snprintf(expected, sizeof expected, "training hash %016llx",
                static_cast<unsigned long long>(trained_hash(1)));
  for (int process = 0; process < 2; ++process) {
    FILE* pipe = ::popen("/proc/$PPID/exe --no-skip -tc='print the hash of a training'", "r");
    REQUIRE(pipe != nullptr);
    std::string text;
    char buffer[256];
    while (std::fgets(buffer, sizeof buffer, pipe)) text += buffer;
    CHECK(::pclose(pipe) == 0);
    CAPTURE(text);
    CHECK(text.find(expected) != std::string::npos);
  }
}

TEST_CASE("a warm training step asks the system for no memory") {
  Trainer<models::CifarModel> trainer(8, 1);
  trainer.step();
  trainer.step();
  const MemoryStats before = allocator(Device::cpu()).stats();
  for (int i = 0; i < 3; ++i) trainer.step();
  const MemoryStats after = allocator(Device::cpu()).stats();
  CHECK(after.system_calls == before.system_calls);
  CHECK(after.allocated == before.allocated);
  CHECK(after.requests > before.requests);
}

TEST_CASE("evaluation changes nothing") {
  Trainer<models::CifarModel> trainer(4, 2);
  trainer.step();
  const std::uint64_t before = hash(trainer.state());
  trainer.model.eval();
  const NoGrad no_grad;
  const Tensor first = trainer.model(trainer.inputs), second = trainer.model(trainer.inputs);
  CHECK(same_bits(first, second));
  CHECK(hash(trainer.state()) == before);
}

}  // namespace
}  // namespace glassbox
