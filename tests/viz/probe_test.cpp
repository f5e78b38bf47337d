#include "viz/probe.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "engine/graph/recorder.h"
#include "tests/allocations.h"
#include "tests/skip.h"
#include "tests/temp_folder.h"
#include "tests/viz/probe_nets.h"
#include "viz/canvas.h"
#include "viz/histogram_tensor.h"
#include "viz/metric_charts.h"
#include "viz/model_paths.h"
#include "viz/tensor_stats.h"
#include "viz/training_probes.h"

using namespace glassbox;
using test::ProbedNet;
using viz::ProbeAs;
using viz::ProbeWhat;

namespace {

std::vector<double> values(const Tensor& t) { return t.to_vector<double>(); }

void check_stats(viz::History& history, const std::string& name, std::vector<double> v) {
  CAPTURE(name);
  const double n = static_cast<double>(v.size());
  double mean = 0, squares = 0, zeros = 0;
  for (const double x : v) mean += x / n;
  for (const double x : v) squares += (x - mean) * (x - mean) / n;
  for (const double x : v) zeros += x == 0 ? 1 / n : 0;
  std::sort(v.begin(), v.end());
  CHECK(history[name + "/mean"].last() == doctest::Approx(mean).epsilon(1e-9));
  CHECK(history[name + "/std"].last() == doctest::Approx(std::sqrt(squares)).epsilon(1e-9));
  CHECK(history[name + "/min"].last() == v.front());
  CHECK(history[name + "/max"].last() == v.back());
  CHECK(history[name + "/zeros"].last() == doctest::Approx(zeros).epsilon(1e-12));
}

// One step; `between` runs before the update.
template <class F>
void step(ProbedNet& model, optim::Optimizer& optimizer, const Tensor& x, viz::Probe& probe,
          std::int64_t n, const F& between) {
  optimizer.zero_grad();
  probe.begin_step(n);
  sum(model(x) * model.head.bias).backward();
  probe.after_backward();
  between();
  optimizer.step();
  probe.end_step();
}
void step(ProbedNet& model, optim::Optimizer& optimizer, const Tensor& x, viz::Probe& probe,
          std::int64_t n) {
  step(model, optimizer, x, probe, n, [] {});
}

struct Bits {
  std::vector<double> losses;
  std::vector<std::vector<float>> tensors;
  std::vector<std::string> ops;
  std::vector<std::int64_t> generator;
  bool operator==(const Bits& other) const {
    const auto same = [](const auto& a, const auto& b) {
      return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(a[0])) == 0;
    };
    if (!same(losses, other.losses) || tensors.size() != other.tensors.size()) return false;
    for (std::size_t i = 0; i < tensors.size(); ++i)
      if (!same(tensors[i], other.tensors[i])) return false;
    return ops == other.ops && generator == other.generator;
  }
};

// A short training, with what is in `options` looking on; the fourth step is recorded.
Bits trained(viz::TrainingProbesOptions options) {
  manual_seed(7);
  ProbedNet model;
  optim::SGD optimizer(model.parameters(), {.lr = 0.05, .momentum = 0.9});
  viz::History history;
  options.health_options.say = [](const viz::HealthWarning&) {};
  viz::TrainingProbes probes(model, history, options);
  Bits bits;
  for (int i = 0; i < 6; ++i) {
    const Tensor x = test::probed_batch(), labels = randint({4}, 0, 3);
    GraphRecorder recorder;
    const RecordScope scope(i == 3 ? &recorder : nullptr);
    optimizer.zero_grad();
    probes.begin_step(i);
    const Tensor loss = cross_entropy(model(x), labels);
    loss.backward();
    probes.after_backward();
    for (const auto& [name, p] : model.named_parameters())
      if (p.grad().defined()) bits.tensors.push_back(p.grad().to_vector<float>());
    optim::clip_grad_norm(model.parameters(), 0.5);
    optimizer.step();
    probes.end_step();
    bits.losses.push_back(loss.item<double>());
    for (const Graph::Node& node : recorder.graph().nodes) {
      std::string op = cat(node.op.name(), " in ", node.call, " phase ", int(node.phase), " of");
      for (const int v : node.inputs) op += cat(" ", v);
      bits.ops.push_back(op);
    }
  }
  for (const auto& [name, t] : model.state_dict()) bits.tensors.push_back(t.to_vector<float>());
  bits.generator = default_generator().state().to_vector<std::int64_t>();
  if (!options.probes.empty()) {
    CHECK(history.contains("features.0.act/mean"));
    CHECK(history.contains("grad_norm"));
  }
  return bits;
}

}  // namespace

TEST_CASE("probe: a training has the same bits and the same recording with probes and without") {
  const Bits without = trained({});
  const Bits with = trained({.probes = {"**:activations:stats:1", "**:weights:histogram:1",
                                        "**:gradients:image:1", "**:activation_gradients:image:2"},
                             .health = true});
  CHECK(without.ops.size() > 50);
  CHECK(without == with);
  // The comparison can fail.
  manual_seed(8);
  Bits other = without;
  other.tensors.back().back() += 1e-6f;
  CHECK(!(other == without));
}

TEST_CASE("probe: stats of activations, weights and both gradients") {
  manual_seed(1);
  ProbedNet model;
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  const Tensor x = test::probed_batch();
  viz::History history;
  const auto run = [&](const char* path, ProbeWhat what, const auto& between) {
    viz::Probe probe(model, history, {.path = path, .what = what, .every = 1});
    step(model, optimizer, x, probe, 1, between);
  };
  {
    const auto seen = layers::capture(model, "features.0.act");
    run("features.0.act", ProbeWhat::activations, [] {});
    check_stats(history, "features.0.act", values(seen.value()));
    CHECK(history["features.0.act/zeros"].last() > 0.1);
  }
  {
    const std::vector<double> before = values(model.head.weight);
    run("head.weight", ProbeWhat::weights, [] {});
    check_stats(history, "head.weight", before);
    CHECK(values(model.head.weight) != before);  // so those before the update were meant
  }
  {
    std::vector<double> gradient;
    run("features.2.conv.weight", ProbeWhat::gradients, [&] {
      gradient = values(model.named_parameters()[6].second.grad());
      REQUIRE(model.named_parameters()[6].first == "features.2.conv.weight");
      optim::clip_grad_norm(model.parameters(), 1e-3);
    });
    check_stats(history, "features.2.conv.weight.grad", gradient);
  }
  {
    std::vector<double> dy;
    const auto hook =
        model.get_submodule("features.1")
            .on_backward([&dy](layers::ModuleBase&, int, const Tensor& d) { dy = values(d); });
    run("features.1", ProbeWhat::activation_gradients, [] {});
    check_stats(history, "features.1.grad", dy);
  }
}

TEST_CASE("probe: a histogram is counted where values are many and drawn either way") {
  manual_seed(2);
  ProbedNet model;
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  const Tensor x = test::probed_batch(8);
  viz::History history;
  viz::Probe many(
      model, history,
      {.path = "stem", .every = 1, .as = ProbeAs::histogram, .bins = 10, .raw_up_to = 100});
  viz::Probe few(model, history,
                 {.path = "head", .every = 1, .as = ProbeAs::histogram, .raw_up_to = 100});
  for (int i = 0; i < 2; ++i) {
    const auto stem = layers::capture(model, "stem");
    const auto head = layers::capture(model, "head");
    few.begin_step(i);
    step(model, optimizer, x, many, i);
    few.end_step();
    const auto at = static_cast<std::size_t>(i);
    const auto counted = viz::histogram_in(history["stem/histogram"].tensor(at));
    REQUIRE(counted);
    const viz::Histogram expected = viz::histogram(values(stem.value()), 10);
    CHECK(counted->edges == expected.edges);
    CHECK(counted->counts == expected.counts);
    CHECK(counted->total() == 8 * 4 * 36);
    const Tensor raw = history["head/histogram"].tensor(at);
    CHECK(!viz::histogram_in(raw));
    CHECK(values(raw) == values(head.value()));
  }
  const viz::RidgeHistogram chart = viz::histogram_chart(history["stem/histogram"]);
  REQUIRE(chart.slices.size() == 2);
  CHECK(chart.slices[1].values.empty());
  CHECK(chart.slices[1].counted.total() == 8 * 4 * 36);
  const test::TempFolder folder;
  viz::Canvas canvas(folder / "histogram.svg");
  canvas.draw_hist(history["stem/histogram"]);
  canvas.wait();
  CHECK(canvas.to_svg().find("stem/histogram") != std::string::npos);
}

TEST_CASE("probe: images of a sample, of weights, and small ones of large maps") {
  manual_seed(3);
  ProbedNet model;
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  const Tensor x = test::probed_batch();
  viz::History history;
  const auto run = [&](viz::ProbeOptions o) {
    o.every = 1;
    o.as = ProbeAs::image;
    viz::Probe probe(model, history, o);
    step(model, optimizer, x, probe, 1);
  };
  const auto seen = layers::capture(model, "features.1");
  run({.path = "features.1", .sample = 2});
  const Tensor image = history["features.1/image"].tensor(0);
  CHECK(image.shape() == Shape{4, 6, 6});
  CHECK(values(image) == values(seen.value()[2]));

  const std::vector<double> weight = values(model.stem.weight);
  run({.path = "stem", .what = ProbeWhat::weights});
  CHECK(history["stem.weight/image"].tensor(0).shape() == Shape{4, 1, 3, 3});
  CHECK(values(history["stem.weight/image"].tensor(0)) == weight);
  CHECK(history["stem.bias/image"].tensor(0).shape() == Shape{1, 4});
  run({.path = "head.weight", .what = ProbeWhat::gradients});
  CHECK(history["head.weight.grad/image"].tensor(0).shape() == Shape{3, 4});

  // 6 by 6 in blocks of 2, the first 3 of 4 channels.
  const auto again = layers::capture(model, "features.0");
  run({.path = "features.0", .max_channels = 3, .max_side = 3, .prefix = "small/"});
  const Tensor small = history["small/features.0/image"].tensor(0);
  CHECK(small.shape() == Shape{3, 3, 3});
  const std::vector<double> all = values(again.value()[0]);
  const auto at = [&all](std::size_t row, std::size_t column) {
    return all[2 * 36 + row * 6 + column];
  };
  CHECK(values(small[2])[3 + 2] ==
        doctest::Approx((at(2, 4) + at(2, 5) + at(3, 4) + at(3, 5)) / 4));
  viz::image_chart(history["small/features.0/image"]);
  // A sample beyond the batch is its last; of features a row.
  run({.path = "head", .sample = 99, .prefix = "last/"});
  CHECK(history["last/head/image"].tensor(0).shape() == Shape{1, 3});
}

TEST_CASE("probe: shared modules, modules never called, second passes and evaluations") {
  manual_seed(4);
  ProbedNet model;
  optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  const Tensor x = test::probed_batch();
  viz::History history;
  viz::Probe probe(model, history, "*:activations:stats:3");
  optimizer.zero_grad();

  CHECK(probe.begin_step(3));
  {
    const NoGrad no_grad;
    model(x);
  }
  model.eval();
  model(x);
  CHECK(history.metrics().empty());
  model.train();
  const auto first = layers::capture(model, "head");
  model(x);
  CHECK(history.contains("twice/mean"));
  CHECK(history.contains("twice#2/mean"));
  CHECK(!history.contains("twice#3/mean"));
  CHECK(!history.contains("spare/mean"));
  check_stats(history, "head", values(first.value()));
  const std::size_t metrics = history.metrics().size();
  model(x * 2);  // the second pass of the step
  check_stats(history, "head", values(first.value()));
  CHECK(history.metrics().size() == metrics);
  probe.end_step();
  model(x);  // outside of a step
  CHECK(history["head/mean"].size() == 1);

  CHECK(!probe.begin_step(4));
  model(x);
  probe.end_step();
  CHECK(history["head/mean"].size() == 1);
  CHECK(probe.begin_step(6));  // left unfinished
  CHECK(!probe.begin_step(7));
  model(x);
  CHECK(history["head/mean"].size() == 1);

  // The model itself, and the gradients of both calls of a shared module, each under its own.
  viz::Probe root(model, history, ":activations:stats:1");
  viz::Probe gradients(model, history, "twice:activation_gradients:stats:1");
  std::vector<std::vector<double>> dys;
  const auto hook = model.twice->on_backward(
      [&dys](layers::ModuleBase&, int, const Tensor& d) { dys.push_back(values(d)); });
  root.begin_step(8);
  gradients.begin_step(8);
  const Tensor out = model(x);
  sum(out).backward();
  check_stats(history, "ProbedNet", values(out));
  REQUIRE(dys.size() == 2);  // the second call's comes first
  check_stats(history, "twice#2.grad", dys[0]);
  check_stats(history, "twice.grad", dys[1]);
}

TEST_CASE("probe: on a step that is not due a call costs what it costs without a probe") {
  if (!test::allocations_counted) return test::skip("a sanitizer has its own operator new");
  manual_seed(5);
  ProbedNet model;
  const Tensor x = test::probed_batch();
  const auto cost_of_call = [&] {
    const std::uint64_t before = test::allocations();
    model(x);
    return test::allocations() - before;
  };
  model(x);
  const std::uint64_t without = cost_of_call();
  viz::History history;
  viz::TrainingProbes probes(
      model, history,
      {.probes = {"**:activations:stats:2", "**:activation_gradients:stats:2"},
       .health = true,
       .health_options = {.every = 2, .finite_every = 2}});
  CHECK(cost_of_call() == without);
  probes.begin_step(2);
  CHECK(cost_of_call() > without + 100);  // so it would be noticed
  probes.end_step();
  CHECK(cost_of_call() == without);
  const std::uint64_t before = test::allocations();
  probes.begin_step(3);
  CHECK(test::allocations() == before);
  CHECK(cost_of_call() == without);
  const std::uint64_t after = test::allocations();
  probes.after_backward();
  probes.end_step();
  CHECK(test::allocations() == after);
}

TEST_CASE("probe: steps in epochs are counted as they come") {
  manual_seed(5);
  ProbedNet model;
  viz::History history;
  viz::Probe probe(model, history, "head:weights:stats:3");
  std::string due;
  for (int epoch = 0; epoch < 2; ++epoch) {
    for (int batch = 0; batch < 4; ++batch) {
      due += probe.begin_step({epoch, batch}) ? '1' : '0';
      probe.end_step();
    }
  }
  CHECK(due == "10010010");
  CHECK(history["head.weight/mean"].formatted_steps() ==
        std::vector<std::string>{"0:0", "0:3", "1:2"});
}

TEST_CASE("probe: models on several threads log to one history") {
  viz::History history;
  std::vector<std::vector<double>> expected(3);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&history, &expected, t] {
      Generator generator(static_cast<std::uint64_t>(t));
      layers::Sequential model{layers::Linear{3, 5}, layers::ReLU{}, layers::Linear{5, 2}};
      const Tensor x = full({2, 3}, t + 1.0);
      viz::TrainingProbes probes(model, history,
                                 {.probes = {},
                                  .health = true,
                                  .health_options = {.say = [](const viz::HealthWarning&) {},
                                                     .prefix = cat("net", t, "/")}});
      viz::Probe probe(model, history, {.path = "2", .every = 1, .prefix = cat("net", t, "/")});
      for (int i = 0; i < 20; ++i) {
        probes.begin_step(i);
        probe.begin_step(i);
        const Tensor y = model(x);
        sum(y).backward();
        probes.after_backward();
        probes.end_step();
        probe.end_step();
        model.zero_grad();
        expected[static_cast<std::size_t>(t)] = values(y);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 3; ++t) {
    const std::string prefix = cat("net", t, "/");
    CHECK(history[prefix + "2/mean"].size() == 20);
    CHECK(history[prefix + "grad_norm"].size() == 20);
    check_stats(history, prefix + "2", expected[static_cast<std::size_t>(t)]);
  }
}

TEST_CASE("probe: it may be moved, and its hooks go with it") {
  manual_seed(6);
  ProbedNet model;
  const Tensor x = test::probed_batch();
  viz::History history;
  {
    viz::Probe first(model, history, "head:activations:stats:1");
    first.begin_step(0);
    viz::Probe second = std::move(first);
    model(x);
    CHECK(history["head/mean"].size() == 1);
    second.end_step();
    second.begin_step(1);
  }
  model(x);
  CHECK(history["head/mean"].size() == 1);
}
