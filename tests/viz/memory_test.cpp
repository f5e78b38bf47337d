// Predicted peaks against what real steps ask of the allocator, to the byte.
#include "viz/memory.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/autograd/tape.h"
#include "engine/core/allocator.h"
#include "engine/core/threads.h"
#include "engine/ops/random.h"
#include "engine/ops/shape.h"
#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"
#include "layers/loss.h"
#include "layers/models/models.h"
#include "tests/viz/sample_models.h"

using namespace glassbox;
using test::Siamese;

namespace {

std::shared_ptr<layers::ModuleBase> from_zoo(const std::string& name) {
  for (const models::Entry& entry : models::zoo()) {
    if (entry.name == name) return entry.make();
  }
  fail("from_zoo", "no model " + name);
}

// The options of one comparison, said when it fails.
struct Setting {
  std::int64_t batch;
  int threads;
  std::string optimizer;  // empty: inference
};

viz::MemoryReport compare(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                          const Setting& setting, viz::MemoryOptions options = {}) {
  CAPTURE(setting.batch);
  CAPTURE(setting.threads);
  CAPTURE(setting.optimizer);
  const NumThreadsScope threads(setting.threads);
  options.batch = setting.batch;
  options.training = !setting.optimizer.empty();
  if (options.training) options.optimizer = viz::optimizer_named(setting.optimizer);
  const viz::MemoryReport predicted = viz::predict_memory(model, inputs, options);
  const viz::MeasuredMemory measured = viz::measure_memory(model, inputs, options);
  CHECK(predicted.first_step == measured.first_step);
  CHECK(predicted.later_steps == measured.later_steps);
  CHECK(predicted.peak == measured.peak);
  CHECK(predicted.peak == std::max(predicted.first_step, predicted.later_steps));
  CHECK(predicted.threads == setting.threads);
  return predicted;
}

// Two batch sizes, one thread and two, two optimizers and none.
void compare_all(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                 const std::vector<std::int64_t>& batches,
                 const std::vector<std::string>& optimizers = {"sgd", "adam", ""}) {
  std::int64_t before = 0;
  for (const std::int64_t batch : batches) {
    for (const std::string& optimizer : optimizers) {
      std::int64_t peak = 0;
      for (const int threads : {1, 2}) {
        peak = compare(model, inputs, {batch, threads, optimizer}).peak;
      }
      if (optimizer == optimizers.front()) {
        CHECK(peak > before);  // a larger batch takes more
        before = peak;
      }
    }
  }
}

}  // namespace

TEST_CASE("memory: the prediction is what the allocator is asked for") {
  SUBCASE("cifar") { compare_all(*from_zoo("cifar"), {{3, 32, 32}}, {2, 5}); }
  SUBCASE("mnist, with dropout") {
    compare_all(*from_zoo("mnist"), {{1, 28, 28}}, {1, 8}, {"adamw", ""});
  }
  SUBCASE("resnet18") { compare(*from_zoo("resnet18"), {{3, 64, 64}}, {2, 2, "sgd"}); }
  SUBCASE("transformer") { compare_all(*from_zoo("transformer"), {{64}}, {1, 3}, {"adam", ""}); }
  SUBCASE("two inputs, two outputs") {
    Siamese model;
    compare_all(model, {{3, 20, 24}, {3, 16, 16}}, {2, 7}, {"sgd", ""});
  }
}

// A model is added by its name in the zoo.
TEST_CASE("memory: larger models" * doctest::test_suite("slow")) {
  SUBCASE("resnet18") { compare_all(*from_zoo("resnet18"), {{3, 64, 64}}, {1, 4}); }
  SUBCASE("mobilenet_v2, with depthwise convolutions") {
    compare_all(*from_zoo("mobilenet_v2"), {{3, 32, 32}}, {2, 3}, {"rmsprop", ""});
  }
  SUBCASE("vgg11_bn") { compare_all(*from_zoo("vgg11_bn"), {{3, 32, 32}}, {2, 5}); }
  SUBCASE("densenet121") { compare_all(*from_zoo("densenet121"), {{3, 64, 64}}, {2, 3}); }
  SUBCASE("char_rnn") { compare_all(*from_zoo("char_rnn"), {{20}}, {2, 5}, {"adam", ""}); }
  SUBCASE("unet, with transposed convolutions") {
    compare_all(*from_zoo("unet"), {{3, 32, 32}}, {1, 2}, {"sgd", ""});
  }
  SUBCASE("googlenet, with three outputs") {
    compare_all(*from_zoo("googlenet"), {{3, 96, 96}}, {2, 3}, {"sgd", ""});
  }
}

// A loop as a program has it, on the model itself, with data of its own.
TEST_CASE("memory: a training loop of one's own takes what was predicted") {
  const auto peak_of_loop = [](auto make_optimizer) {
    default_generator(Device::cpu());
    const Allocator::PeakScope peak(allocator(Device::cpu()));
    models::CifarModel model;
    auto optimizer = make_optimizer(model.parameters());
    const Tensor inputs = randn({6, 3, 32, 32});
    const Tensor labels = randint({6}, 0, 10);
    layers::CrossEntropyLoss criterion;
    for (int step = 0; step < 3; ++step) {
      optimizer.zero_grad();
      const Tensor loss = criterion(model(inputs), labels);
      loss.backward();
      optimizer.step();
    }
    return static_cast<std::int64_t>(peak.peak() - peak.start());
  };
  models::CifarModel model;
  CHECK(peak_of_loop([](Tensors p) {
          return optim::SGD(std::move(p), {.lr = 0.01, .momentum = 0.9});
        }) == viz::predict_memory(model, {{3, 32, 32}}, {.batch = 6}).peak);
  CHECK(peak_of_loop([](Tensors p) { return optim::Adam(std::move(p)); }) ==
        viz::predict_memory(model, {{3, 32, 32}},
                            {.batch = 6, .optimizer = viz::optimizer_named("adam")})
            .peak);
}

namespace {

// Keeps the activation of its last call, so that two are held while the next is made.
struct Keeping : layers::Module<Keeping> {
  layers::Linear grow{8, 4096}, shrink{4096, 4};
  Tensor kept;
  Tensor forward(const Tensor& x) {
    const Tensor y = relu(grow(x));
    kept = y;
    return shrink(y);
  }
  void fields(layers::Fields& f) {
    f("grow", grow);
    f("shrink", shrink);
  }
};

// Frees its input while it runs, which somebody who watches must not prevent.
struct Eager : layers::Module<Eager> {
  layers::Linear small{64, 8}, large{8, 128};
  Tensor forward(Tensor x) {
    x = small(x);
    return large(x);
  }
  void fields(layers::Fields& f) {
    f("small", small);
    f("large", large);
  }
};
struct CallsEager : layers::Module<CallsEager> {
  layers::Linear first{8, 64};
  Eager second;
  Tensor forward(const Tensor& x) { return second(first(x)); }
  void fields(layers::Fields& f) {
    f("first", first);
    f("second", second);
  }
};

// Makes tensors of host data and of nothing in its forward.
struct WithData : layers::Module<WithData> {
  layers::Linear fc{6, 5};
  Tensor forward(const Tensor& x) {
    const Tensor scale = from(std::vector<float>(6, 2.f), {6}, default_device());
    const Tensor y = fc(x * scale);
    return y + zeros(y.shape());
  }
  void fields(layers::Fields& f) { f("fc", fc); }
};

}  // namespace

TEST_CASE("memory: what is particular to a model") {
  SUBCASE("a tensor is kept from call to call: later steps take more") {
    Keeping model;
    const auto report = compare(model, {{8}}, {64, 1, ""});
    CHECK(report.later_steps >= report.first_step + 64 * 4096 * 4);
    CHECK_FALSE(report.at.first_step);
    compare(model, {{8}}, {64, 2, "sgd"});
    // One that is in use already keeps one of its own, which is not the copy's.
    model(randn({64, 8}));
    CHECK(compare(model, {{8}}, {64, 1, ""}).peak == report.peak);
  }
  SUBCASE("an input is freed early") {
    CallsEager model;
    const auto report = compare(model, {{8}}, {100, 1, ""});
    // The last op runs without the first one's 64 columns.
    CHECK(report.timeline.back().held < report.timeline.front().held + 100 * 128 * 4);
    compare(model, {{8}}, {100, 1, "sgd"});
  }
  SUBCASE("host data") {
    WithData model;
    for (const char* optimizer : {"sgd", ""}) compare(model, {{6}}, {9, 1, optimizer});
  }
  SUBCASE("frozen parameters") {
    models::CifarModel model;
    model.features.requires_grad(false);
    compare(model, {{3, 32, 32}}, {3, 2, "adam"});
  }
  SUBCASE("f64, and scores for every pixel") {
    layers::Sequential model{layers::Conv2d{3, 5, 3}, layers::ReLU{}, layers::Conv2d{5, 7, 1}};
    model.to(DType::f64);
    const auto report = compare(model, {{3, 9, 11}}, {2, 2, "sgd"});
    // The targets are one class for each of 7x9 pixels.
    CHECK(report.by_role.input == 2 * 3 * 9 * 11 * 8 + 48 + 2 * 7 * 9 * 8 + 16);
  }
  SUBCASE("a loss of one's own") {
    models::CifarModel model;
    const auto l1 = [](const Tensors& y) { return abs(y.at(0)).sum(); };
    compare(model, {{3, 32, 32}}, {4, 1, "sgd"}, {.loss_function = l1});
    compare(model, {{3, 32, 32}}, {4, 1, "sgd"}, {.loss = viz::Loss::mean});
    Siamese two;
    compare(two, {{3, 16, 16}, {3, 16, 16}}, {4, 1, "sgd"}, {.loss = viz::Loss::cross_entropy});
  }
  SUBCASE("beside other models, tensors and predictions") {
    models::CifarModel model, other;
    const auto alone = viz::predict_memory(model, {}, {.batch = 4}).peak;
    const Tensor here = other(rand({8, 3, 32, 32}));
    const Tensor dry = empty({1000, 1000}, DType::f32, Device::meta());
    std::vector<std::int64_t> peaks(2);
    std::vector<std::thread> threads;
    for (std::int64_t& peak : peaks) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) peak = viz::predict_memory(model, {}, {.batch = 4}).peak;
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(peaks == std::vector<std::int64_t>{alone, alone});
    CHECK(compare(model, {}, {4, num_threads(), "sgd"}).peak == alone);
  }
  SUBCASE("inside a region without gradients") {
    const NoGrad no_grad;
    models::CifarModel model;
    CHECK(compare(model, {{3, 32, 32}}, {4, 1, "sgd"}).by_role.saved > 0);
    CHECK_FALSE(grad_enabled());
  }
}

namespace {

std::int64_t measured_peak(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                           std::int64_t batch, const viz::MemoryOptions& options = {}) {
  viz::MemoryOptions o = options;
  o.batch = batch;
  return viz::measure_memory(model, inputs, o).peak;
}

}  // namespace

TEST_CASE("memory: the largest batch fits and one more does not") {
  const NumThreadsScope threads(1);
  models::CifarModel model;
  SUBCASE("of a training step") {
    for (const std::int64_t budget : {3 << 20, 11 << 20}) {
      CAPTURE(budget);
      const viz::BatchLimit limit = viz::max_batch(model, {{3, 32, 32}}, budget);
      CHECK(limit.batch > 1);
      CHECK(limit.next == limit.batch + 1);
      CHECK(measured_peak(model, {{3, 32, 32}}, limit.batch) == limit.peak);
      CHECK(measured_peak(model, {{3, 32, 32}}, limit.next) == limit.next_peak);
      CHECK(limit.peak <= budget);
      CHECK(limit.next_peak > budget);
    }
  }
  SUBCASE("a budget that is met to the byte") {
    const std::int64_t exact = viz::predict_memory(model, {{3, 32, 32}}, {.batch = 13}).peak;
    CHECK(viz::max_batch(model, {{3, 32, 32}}, exact).batch == 13);
    CHECK(viz::max_batch(model, {{3, 32, 32}}, exact - 1).batch == 12);
  }
  SUBCASE("inference takes less") {
    const viz::BatchLimit limit =
        viz::max_batch(model, {{3, 32, 32}}, 3 << 20, {.training = false});
    CHECK(limit.batch > viz::max_batch(model, {{3, 32, 32}}, 3 << 20).batch);
    CHECK(measured_peak(model, {{3, 32, 32}}, limit.batch, {.training = false}) <= 3 << 20);
    CHECK(measured_peak(model, {{3, 32, 32}}, limit.batch + 1, {.training = false}) > 3 << 20);
  }
  SUBCASE("nothing fits") {
    const viz::BatchLimit limit = viz::max_batch(model, {{3, 32, 32}}, 100'000);
    CHECK(limit.batch == 0);
    CHECK(limit.next == 1);
    CHECK(limit.next_peak == measured_peak(model, {{3, 32, 32}}, 1));
    CHECK(viz::to_string(limit, 100'000).starts_with("0: 1 takes "));
    CHECK_THROWS_WITH_AS(viz::max_batch(model, {{3, 32, 32}}, 0),
                         "max_batch: a budget of 0 bytes holds nothing", Error);
  }
  SUBCASE("a model that refuses one sample") {
    layers::Sequential norm{layers::Linear{4, 6}, layers::BatchNorm1d{6}};
    CHECK_THROWS_AS(viz::predict_memory(norm, {{4}}, {.batch = 1}), Error);
    const viz::BatchLimit limit = viz::max_batch(norm, {{4}}, 10'000);
    CHECK(limit.batch > 2);
    CHECK(measured_peak(norm, {{4}}, limit.batch) <= 10'000);
    CHECK(measured_peak(norm, {{4}}, limit.batch + 1) > 10'000);
    CHECK(viz::max_batch(norm, {{4}}, 100).next == 2);
    CHECK_THROWS_AS(viz::max_batch(norm, {{5}}, 10'000), Error);
  }
}
