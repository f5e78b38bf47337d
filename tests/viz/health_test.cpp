#include "viz/health.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "engine/graph/recorder.h"
#include "engine/io/safetensors.h"
#include "tests/temp_folder.h"
#include "tests/viz/health_numbers.h"
#include "tests/viz/probe_nets.h"
#include "viz/tensor_stats.h"

using namespace glassbox;
using test::number;
using test::ProbedNet;
using test::quiet;
using viz::HealthWarning;
using viz::NonFiniteIn;

namespace {

bool has(const viz::Health& health, const std::string& name) {
  return std::any_of(health.numbers().begin(), health.numbers().end(),
                     [&](const auto& entry) { return entry.first == name; });
}

double norm(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

// One forward and backward pass with health watching; the loss is the sum of the outputs.
template <class Model>
void one_step(Model& model, viz::Health& health, const Tensor& x, std::int64_t n = 0) {
  model.zero_grad();
  health.begin_step(n);
  sum(model(x)).backward();
  health.after_backward();
  health.end_step();
}

}  // namespace

TEST_CASE("health: norms, updates and dead units are what a plain loop says") {
  manual_seed(1);
  ProbedNet model;
  optim::AdamW optimizer(model.parameters(), {.lr = 0.01, .weight_decay = 0.1});
  viz::History history;
  viz::Health health(model, history, {.say = quiet});
  for (int i = 0; i < 3; ++i) {
    const Tensor x = test::probed_batch(3);
    const auto act = layers::capture(model, "features.2.act");
    const auto stem = layers::capture(model, "stem");
    optimizer.zero_grad();
    health.begin_step(i);
    cross_entropy(model(x), randint({3}, 0, 3)).backward();
    health.after_backward();
    std::vector<std::pair<std::string, std::vector<double>>> before;
    double squares = 0;
    for (const auto& [name, p] : model.named_parameters()) {
      before.emplace_back(name, p.to_vector<double>());
      if (!p.grad().defined()) continue;
      const double own = norm(p.grad().to_vector<double>());
      squares += own * own;
      CHECK(number(health, "grad_norm/" + name) == doctest::Approx(own).epsilon(1e-12));
    }
    CHECK(number(health, "grad_norm") == doctest::Approx(std::sqrt(squares)).epsilon(1e-12));
    optim::clip_grad_norm(model.parameters(),
                          0.1);  // an update of something else than the gradient
    optimizer.step();
    health.end_step();
    for (const auto& entry : before) {
      const std::string& name = entry.first;
      const std::vector<double>& w = entry.second;
      CAPTURE(name);
      Tensor p;
      for (const auto& [n, tensor] : model.named_parameters())
        if (n == name) p = tensor;
      if (!p.grad().defined()) {
        CHECK(!has(health, "update_ratio/" + name));
        continue;
      }
      std::vector<double> change = p.to_vector<double>();
      for (std::size_t k = 0; k < w.size(); ++k) change[k] -= w[k];
      if (norm(w) == 0) {
        CHECK(!has(health, "update_ratio/" + name));
      } else {
        CHECK(number(health, "update_ratio/" + name) ==
              doctest::Approx(norm(change) / norm(w)).epsilon(1e-12));
      }
    }
    const auto dead_channels = [](const Tensor& t, bool rectify) {
      const std::vector<double> v = t.to_vector<double>();
      int dead = 0;
      for (std::size_t c = 0; c < 4; ++c) {
        bool all = true;
        for (std::size_t n = 0; n < 3; ++n)
          for (std::size_t k = 0; k < 36; ++k) {
            const double y = v[(n * 4 + c) * 36 + k];
            all = all && (rectify ? y <= 0 : y == 0);
          }
        dead += all;
      }
      return 100.0 * dead / 4;
    };
    CHECK(number(health, "dead_relu/features.2.act") == dead_channels(act.value(), false));
    CHECK(number(health, "dead_relu/ProbedNet") == dead_channels(stem.value(), true));
    CHECK(has(health, "dead_relu/ProbedNet#2"));
    CHECK(!has(health, "dead_relu/ProbedNet#3"));
    CHECK(number(health, "nan/activations") == 0);
    CHECK(number(health, "inf/gradients") == 0);
  }
  CHECK(history["grad_norm"].size() == 3);
  CHECK(history["update_ratio/head.weight"].last() == number(health, "update_ratio/head.weight"));
  CHECK(!has(health, "grad_norm/spare.weight"));
}

TEST_CASE("health: a ReLU that is dead is said once, and again after it was alive") {
  layers::Sequential model{layers::Linear{2, 4}, layers::ReLU{}, layers::Linear{4, 1}};
  Tensor bias = model.get<layers::Linear>(0).bias;
  viz::Health health(model, {.say = quiet});
  const auto run = [&](std::vector<float> b, int n) {
    const NoGrad no_grad;
    assign(bias, from(b, {4}));
    const EnableGrad grad;
    one_step(model, health, zeros({3, 2}), n);
  };
  const auto said = [&] {
    std::vector<HealthWarning> dead;
    for (const HealthWarning& w : health.warnings())
      if (w.kind == HealthWarning::Kind::dead) dead.push_back(w);
    return dead;
  };
  run({-1, -1, 1, 1}, 0);
  CHECK(number(health, "dead_relu/1") == 50);
  CHECK(said().empty());
  run({-1, -1, -1, 1}, 1);
  CHECK(number(health, "dead_relu/1") == 75);
  run({-1, -1, -1, 1}, 2);
  REQUIRE(said().size() == 1);
  CHECK(said()[0].text.find("75 % of the units of 1 are dead") == 0);
  CHECK(said()[0].name == "1");
  run({1, 1, 1, 1}, 3);
  run({-1, -1, -1, -1}, 4);
  CHECK(said().size() == 2);
}

TEST_CASE("health: gradients that explode and that vanish") {
  layers::Linear model{2, 1, {.bias = false}};
  viz::Health health(model, {.say = quiet});
  const auto run = [&](double size, int n) { one_step(model, health, full({1, 2}, size), n); };
  for (int i = 0; i < 12; ++i) run(1, i);
  run(90, 12);
  CHECK(health.warnings().empty());
  run(110, 13);
  REQUIRE(health.warnings().size() == 1);
  CHECK(health.warnings()[0].kind == HealthWarning::Kind::exploding);
  CHECK(health.warnings()[0].step == viz::Step(13));
  CHECK(health.warnings()[0].text ==
        "the gradient is exploding: its norm is 156, 110 times its usual 1.41; a smaller learning "
        "rate or clipping may help");

  manual_seed(2);
  layers::Sequential deep;
  for (int i = 0; i < 12; ++i) {
    deep.push_back(layers::Linear{8, 8});
    deep.push_back(layers::Sigmoid{});
  }
  viz::Health other(deep, {.say = quiet});
  one_step(deep, other, randn({4, 8}));
  REQUIRE(!other.warnings().empty());
  CHECK(other.warnings()[0].kind == HealthWarning::Kind::vanishing);
  CHECK(other.warnings()[0].name == "0.weight");
  CHECK(other.warnings()[0].text.find("the gradient of 0.weight is vanishing") == 0);
  for (const HealthWarning& w : other.warnings()) CHECK(w.name != "22.weight");
}

TEST_CASE("health: evaluations and averages are no steps") {
  manual_seed(8);
  layers::Sequential model{layers::Linear{2, 2}, layers::Linear{2, 2}};
  optim::EMA ema(model);
  viz::Health health(model, {.every = 2, .finite_every = 0, .say = quiet});
  viz::Health finite(model, {.say = quiet});
  const Tensor bad = tensor<float>({1, NAN}).reshape({1, 2});
  finite.begin_step(0);
  {
    const NoGrad no_grad;
    const optim::EMA::Swap averaged(ema);
    model(bad);
  }
  model.eval();
  model(bad);
  model.train();
  CHECK(finite.first_non_finite() == nullptr);
  model(ones({1, 2}));
  finite.end_step();
  CHECK(number(finite, "nan/activations") == 0);
  model(bad);  // outside of a step
  CHECK(finite.first_non_finite() == nullptr);

  one_step(model, health, bad, 0);
  CHECK(health.first_non_finite() == nullptr);  // it was told not to look
  CHECK(!has(health, "nan/activations"));
  CHECK(has(health, "grad_norm"));
  one_step(model, health, ones({1, 2}), 1);  // not due: the numbers are those of step 0
  CHECK(std::isnan(number(health, "grad_norm")));
  one_step(model, health, ones({1, 2}), 2);
  CHECK(std::isfinite(number(health, "grad_norm")));
}

TEST_CASE("health: options out of range") {
  layers::Linear model{2, 2};
  CHECK_THROWS_WITH(viz::Health(model, {.every = 0}), "health: every is 0; give at least 1");
  CHECK_THROWS_AS(viz::Health(model, {.finite_every = -1}), Error);
  CHECK_THROWS_AS(viz::Health(model, {.exploding = 1}), Error);
  CHECK_THROWS_AS(viz::Health(model, {.median_of = 3}), Error);
  CHECK_THROWS_AS(viz::Health(model, {.vanishing = 1}), Error);
}
