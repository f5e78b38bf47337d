// What a report says of a peak, that predicting leaves no trace, and its errors.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "engine/autograd/tape.h"
#include "engine/core/allocator.h"
#include "engine/core/cuda.h"
#include "engine/core/threads.h"
#include "engine/ops/create.h"
#include "engine/ops/optim.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/optim/sgd.h"
#include "layers/models/models.h"
#include "viz/memory.h"

using namespace glassbox;
using viz::MemoryRole;

namespace {

constexpr std::int64_t line = 64;  // to which the allocator rounds

void check_consistent(const viz::MemoryReport& report) {
  CHECK(report.by_role.total() == report.peak);
  std::int64_t held = 0, last = report.peak;
  for (const auto& holder : report.holders) {
    CAPTURE(holder.name);
    CHECK(holder.bytes > 0);
    CHECK(holder.bytes <= last);
    CHECK_FALSE(holder.name.empty());
    if (holder.role != MemoryRole::scratch) {
      const auto bytes = static_cast<std::int64_t>(Spec{holder.shape, holder.dtype, {}}.bytes());
      CHECK(holder.bytes == (bytes + line - 1) / line * line);
    }
    held += holder.bytes;
    last = holder.bytes;
  }
  CHECK(held == report.peak);
  std::int64_t most = 0;
  Phase phase = Phase::forward;
  for (const auto& point : report.timeline) {
    CHECK(point.held <= point.peak);
    CHECK(point.phase >= phase);
    CHECK_FALSE(point.op.empty());
    phase = point.phase;
    most = std::max(most, point.peak);
  }
  CHECK(most == report.peak);
  CHECK(report.timeline.size() <= 512);
  CHECK(phase == (report.training ? Phase::update : Phase::forward));
}

std::int64_t sum_of(const viz::MemoryReport& report, MemoryRole role) {
  std::int64_t bytes = 0;
  for (const auto& holder : report.holders) bytes += holder.role == role ? holder.bytes : 0;
  return bytes;
}

const viz::MemoryReport::Holder* find(const viz::MemoryReport& report, const std::string& name) {
  for (const auto& holder : report.holders) {
    if (holder.name == name) return &holder;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("memory report: a layer, counted by hand") {
  layers::Sequential model{layers::Linear{16, 8, {.bias = false}}};
  const std::int64_t weight = 8 * 16 * 4, x = 4 * 16 * 4, y = 4 * 8 * 4;
  SUBCASE("inference") {
    const auto report = viz::predict_memory(model, {{16}}, {.batch = 4, .training = false});
    CHECK(report.peak == weight + x + y);
    CHECK(report.by_role.parameters == weight);
    CHECK(report.by_role.input == x);
    CHECK(report.by_role.activations == y);
    CHECK(report.at.op == "linear");
    CHECK(report.at.path == "0");
    CHECK(report.optimizer.empty());
    REQUIRE(report.holders.size() == 3);
    CHECK(report.holders[0].name == "0.weight");
    CHECK(report.holders[1].name == "input");
    CHECK(report.holders[2].name == "0/linear");
    CHECK(report.holders[2].shape == Shape{4, 8});
    check_consistent(report);
  }
  SUBCASE("training") {
    const auto report = viz::predict_memory(model, {{16}}, {.batch = 4});
    CHECK(report.optimizer == "SGD");
    CHECK(report.by_role.parameters == weight);
    CHECK(report.by_role.gradients == weight);
    // Momentum, and the state: the options and steps taken, in doubles.
    const std::int64_t state = ((ops::update_header + 1) * 8 + line - 1) / line * line;
    CHECK(report.by_role.optimizer_state == weight + state);
    CHECK(report.by_role.input == x + line);  // four i64 targets
    // At the weight's gradient: scores, loss and what its gradient starts from, the scores'
    // gradient, and the weight's before it is moved to the arena. Of what cross entropy saved
    // nothing is left but the scores, which the step holds.
    CHECK(report.at.phase == Phase::backward);
    CHECK(report.at.op == "matmul");
    CHECK(report.at.path == "0");
    CHECK(report.by_role.saved == 0);
    CHECK(report.by_role.activations == y + line + line + y + weight);
    CHECK(report.peak == 4 * weight + state + x + line + 2 * y + 2 * line);
    REQUIRE(find(report, "momentum of 0.weight"));
    CHECK(find(report, "momentum of 0.weight")->bytes == weight);
    REQUIRE(find(report, "gradient of 0.weight"));
    CHECK(find(report, "0/matmul"));
    CHECK(find(report, "cross_entropy"));
    CHECK(find(report, "target"));
    CHECK(find(report, "group0.state"));
    check_consistent(report);
  }
}

TEST_CASE("memory report: roles, holders and timeline of models") {
  for (const char* name : {"cifar", "resnet18", "googlenet"}) {
    CAPTURE(name);
    for (const models::Entry& entry : models::zoo()) {
      if (entry.name != name) continue;
      const DeviceScope meta(Device::meta());  // a model without data is predicted just so
      const auto model = entry.make();
      for (const bool training : {true, false}) {
        const auto report = viz::predict_memory(*model, {}, {.batch = 4, .training = training});
        check_consistent(report);
        std::int64_t parameters = 0;
        for (const Tensor& p : model->parameters()) {
          parameters += (p.numel() * 4 + line - 1) / line * line;
        }
        CHECK(report.by_role.parameters == parameters);
        CHECK(report.by_role.gradients == (training ? parameters : 0));
        CHECK((report.by_role.saved > 0) == training);
        CHECK(report.by_role.saved == sum_of(report, MemoryRole::saved));
        CHECK(report.by_role.scratch == sum_of(report, MemoryRole::scratch));
        CHECK(report.by_role.buffers > 0);
      }
    }
  }
}

TEST_CASE("memory report: activations are saved until their gradient has been taken") {
  // The peak is in backward, in the gradients of the large last layers: what the first ones saved
  // is still held.
  layers::Sequential model{layers::Linear{32, 64}, layers::ReLU{}, layers::Linear{64, 4096},
                           layers::Linear{4096, 4}};
  const auto report = viz::predict_memory(model, {{32}}, {.batch = 16});
  REQUIRE(find(report, "1/relu"));
  CHECK(find(report, "1/relu")->role == MemoryRole::saved);
  CHECK_FALSE(find(report, "0/linear"));  // nobody reads it again: freed in the forward pass
}

TEST_CASE(
    "memory report: on CUDA it is the device allocator's to the byte, or said to be unknown") {
  models::CifarModel model;
  const auto report = viz::predict_memory(model, {}, {.batch = 4, .device = Device::Type::cuda});
  if (cuda::is_available()) {
    CHECK(report.by_role.scratch.has_value());
    const auto measured =
        viz::measure_memory(model, {}, {.batch = 4, .device = Device::Type::cuda});
    CHECK(measured.peak == report.peak);
    CHECK(measured.first_step == report.first_step);
    CHECK(measured.later_steps == report.later_steps);
    CHECK_FALSE(measured.resident_peak.has_value());
    CHECK(model.parameters().front().device().is_cpu());
    return;
  }
  CHECK_FALSE(report.by_role.scratch.has_value());
  CHECK(report.device == Device::Type::cuda);
  CHECK(report.by_role.total() == report.peak);
  CHECK(viz::to_string(report).find("kernel scratch") != std::string::npos);
  CHECK(viz::to_string(report).find("unknown") != std::string::npos);
  CHECK_THROWS_AS(viz::measure_memory(model, {}, {.device = Device::Type::cuda}), Error);
  CHECK_THROWS_AS(viz::predict_memory(model, {}, {.device = Device::Type::meta}), Error);
}

namespace {

// All that could change: values, versions, modes, gradients, the generator, the allocator's books.
struct Trace {
  explicit Trace(layers::ModuleBase& model) {
    for (const auto& [name, tensor] : model.state_dict()) {
      values.push_back(tensor.to_vector<double>());
      versions.push_back(tensor.storage()->version());
      grads.push_back(tensor.grad().defined());
      wanted.push_back(tensor.requires_grad());
      storages.push_back(tensor.storage().get());
    }
    for (const auto& [name, module] : model.named_modules()) modes.push_back(module->is_training());
    generator = default_generator(Device::cpu()).state().to_vector<std::int64_t>();
    cpu = allocator(Device::cpu()).stats();
    meta = allocator(Device::meta()).stats().allocated;
    threads = num_threads();
  }
  void check_same(const Trace& now, bool ran) const {
    CHECK(values == now.values);
    CHECK(versions == now.versions);
    CHECK(grads == now.grads);
    CHECK(wanted == now.wanted);
    CHECK(storages == now.storages);
    CHECK(modes == now.modes);
    CHECK(generator == now.generator);
    CHECK(cpu.allocated == now.cpu.allocated);
    CHECK(meta == now.meta);
    CHECK(threads == now.threads);
    if (ran) return;
    CHECK(cpu.requests == now.cpu.requests);
    CHECK(cpu.peak == now.cpu.peak);
    CHECK(cpu.reserved == now.cpu.reserved);
  }
  std::vector<std::vector<double>> values;
  std::vector<std::uint64_t> versions;
  std::vector<bool> grads, wanted, modes;
  std::vector<const Storage*> storages;
  std::vector<std::int64_t> generator;
  MemoryStats cpu;
  std::size_t meta = 0;
  int threads = 0;
};

}  // namespace

TEST_CASE("memory: no trace is left on the model") {
  models::Net model;  // with dropout
  model.conv2_drop.eval();
  model.fc1.requires_grad(false);
  const Trace before(model);
  viz::predict_memory(model, {{1, 28, 28}}, {.batch = 4});
  viz::predict_memory(model, {{1, 28, 28}}, {.batch = 4, .training = false});
  viz::max_batch(model, {{1, 28, 28}}, 1 << 20);
  before.check_same(Trace(model), false);
  viz::measure_memory(model, {{1, 28, 28}}, {.batch = 4});
  before.check_same(Trace(model), true);
}

TEST_CASE("memory: predicting in the middle of a training step changes nothing") {
  models::Net model;
  optim::SGD optimizer(model.parameters(), {.lr = 0.1, .momentum = 0.9});
  Tensor stray = ones({3});
  stray.set_requires_grad();
  take_leaves_without_optimizer();
  const Tensor loss = model(rand({4, 1, 28, 28})).sum() + stray.sum();
  loss.backward();
  const Trace before(model);
  const auto gradient = model.fc1.weight.grad().to_vector<float>();
  viz::predict_memory(model, {{1, 28, 28}}, {.batch = 4});
  before.check_same(Trace(model), false);
  CHECK(model.fc1.weight.grad().to_vector<float>() == gradient);
  // The leaf that no optimizer has is still told of at the program's own step.
  CHECK(take_leaves_without_optimizer().size() == 1);
}

namespace {

// Fails after it has made something.
struct Failing : layers::Module<Failing> {
  layers::Linear fc{4, 6}, wrong{5, 2};
  Tensor forward(const Tensor& x) { return wrong(fc(x)); }
  void fields(layers::Fields& f) {
    f("fc", fc);
    f("wrong", wrong);
  }
};

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("memory: errors") {
  Failing failing;
  const Trace before(failing);
  const std::string own = error_of([&] { failing(ones({4, 4})); });
  CHECK(own.find("linear") != std::string::npos);
  const std::vector<Shape> in = {{4}};
  // The same words, but for the batch, which is another.
  CHECK(error_of([&] { viz::predict_memory(failing, in, {.batch = 4}); }) == own);
  CHECK(error_of([&] { viz::predict_memory(failing, in, {.batch = 4, .training = false}); }) ==
        own);
  CHECK(error_of([&] { viz::measure_memory(failing, in, {.batch = 4}); }) == own);
  CHECK(error_of([&] { viz::max_batch(failing, in, 1 << 20); }).find("linear: ") == 0);
  before.check_same(Trace(failing), true);

  layers::Linear model(4, 2);
  const std::size_t meta = allocator(Device::meta()).stats().allocated;
  CHECK_THROWS_WITH_AS(viz::predict_memory(model, {}, {}),
                       "Linear: a step needs the shape of an input", Error);
  CHECK_THROWS_WITH_AS(viz::predict_memory(model, in, {.batch = 0}),
                       "Linear: batch 0 must be at least 1", Error);
  CHECK_THROWS_WITH_AS(viz::optimizer_named("lion"),
                       "optimizer_named: \"lion\" is not one of sgd, adam, adamw, rmsprop", Error);
  layers::Sequential flat{layers::Linear{4, 1}, layers::Flatten{0}};
  CHECK_THROWS_WITH_AS(
      viz::predict_memory(flat, in, {.batch = 3, .loss = viz::Loss::cross_entropy}),
      "Sequential: cross entropy needs scores [N,C,...] as first output, got [3] f32; use "
      "Loss::mean or a loss_function",
      Error);
  CHECK(viz::predict_memory(flat, in, {.batch = 3}).peak > 0);
  // A loss without a gradient, in the middle of a dry step.
  const auto constant = [](const Tensors& y) { return y.at(0).detach().sum(); };
  CHECK_THROWS_AS(viz::predict_memory(model, in, {.loss_function = constant}), Error);
  layers::Sequential nothing{layers::ReLU{}};
  CHECK_THROWS_AS(viz::predict_memory(nothing, in, {}), Error);
  CHECK(viz::predict_memory(nothing, in, {.batch = 4, .training = false}).peak == 2 * line);
  CHECK(allocator(Device::meta()).stats().allocated == meta);
  {
    const DeviceScope scope(Device::meta());
    layers::Linear without_data(4, 2);
    CHECK_THROWS_WITH_AS(viz::measure_memory(without_data, in, {}),
                         "Linear: weight is on meta: a step that is measured needs the model's "
                         "data",
                         Error);
  }
}

namespace {
const std::string expected =
    R"(Sequential, batch 4, training with SGD, on the CPU with 2 threads
peak 2.81 KiB (2,880 B), in backward, matmul of 0

  parameters                   512 B  17.8 %
  buffers                        0 B   0.0 %
  gradients                    512 B  17.8 %
  optimizer state              640 B  22.2 %
  input and target             320 B  11.1 %
  saved for backward             0 B   0.0 %
  activations and temporaries  896 B  31.1 %
  kernel scratch                 0 B   0.0 %

largest at the peak
  512 B  parameter        0.weight              [8,16] f32
  512 B  optimizer state  momentum of 0.weight  [8,16] f32
  512 B  gradient         gradient of 0.weight  [8,16] f32
  512 B  activation       0/matmul              [8,16] f32
  256 B  input            input                 [4,16] f32
  128 B  optimizer state  group0.state          [9] f64
  128 B  activation       0/linear              [4,8] f32
  128 B  activation       cross_entropy_grad    [4,8] f32
  and 3 more
)";
const std::string beside = R"(
predicted and measured
  peak         predicted 2,880 B, measured 3,880 B  +1,000 B
  first step   predicted 2,880 B, measured 2,880 B     equal
  later steps  predicted 2,880 B, measured 2,816 B     -64 B
  resident set of the process 10.0 MiB before, 12.0 MiB at most: 2.00 MiB more
)";
}  // namespace

TEST_CASE("memory: as text") {
  layers::Sequential model{layers::Linear{16, 8, {.bias = false}}};
  const NumThreadsScope threads(2);
  const auto report = viz::predict_memory(model, {{16}}, {.batch = 4});
  CHECK(viz::to_string(report) == expected);
  const viz::MeasuredMemory measured{.peak = report.peak + 1'000,
                                     .first_step = report.first_step,
                                     .later_steps = report.later_steps - 64,
                                     .resident_before = 10 << 20,
                                     .resident_peak = 12 << 20};
  CHECK(viz::to_string(report, measured) == expected + beside);
  const viz::MeasuredMemory unseen{
      .peak = report.peak, .first_step = report.peak, .later_steps = report.peak};
  CHECK(viz::to_string(report, unseen)
            .ends_with("  resident set of the process: unknown on this system\n"));
  models::CifarModel cifar;
  const std::string inference =
      viz::to_string(viz::predict_memory(cifar, {}, {.batch = 2, .training = false}));
  CHECK(inference.starts_with("CifarModel, batch 2, inference, on the CPU with 2 threads\n"));
  CHECK(inference.find("gradients") == inference.npos);
  CHECK(viz::to_string(viz::BatchLimit{312, 1000, 313, 1 << 20}, 2000) ==
        "312: 1,000 B of 2,000 B (1.95 KiB); 313 takes 1,048,576 B");
  CHECK(viz::to_string(viz::BatchLimit{0, 0, 1, 3000}, 2000) ==
        "0: 1 takes 3,000 B of 2,000 B (1.95 KiB)");
}

TEST_CASE("allocator: peaks of scopes") {
  Allocator own(true);
  const auto take = [&own](std::size_t bytes) { return own.allocate(bytes); };
  const Allocator::Block base = take(64);
  auto outer = std::make_unique<Allocator::PeakScope>(own);
  own.free(take(128));
  {
    const Allocator::PeakScope inner(own);
    CHECK(inner.start() == 64);
    CHECK(inner.peak() == 64);
    own.free(take(1000));
    CHECK(inner.peak() == 64 + 1024);
    CHECK(outer->peak() == 64 + 1024);
    own.reset_peak();
    CHECK(inner.peak() == 64 + 1024);
    // An outer one may end first.
    outer.reset();
    own.free(take(2000));
    CHECK(inner.peak() == 64 + 2048);
  }
  own.free(take(4000));
  CHECK(own.stats().peak == 64 + 4032);
  own.free(base);
}

TEST_CASE("memory: the resident set is told beside what was asked for") {
  layers::Sequential model{layers::Linear{2048, 2048}};
  const auto measured = viz::measure_memory(model, {{2048}}, {.batch = 2});
  CHECK(measured.peak > 3 * 2048 * 2048 * 4);
#ifdef __linux__
  REQUIRE(measured.resident_before.has_value());
  CHECK(*measured.resident_before > 0);
  if (measured.resident_peak) CHECK(*measured.resident_peak >= *measured.resident_before);
#endif
}
