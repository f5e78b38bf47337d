#include "viz/health.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "engine/graph/recorder.h"
#include "engine/io/safetensors.h"
#include "tests/temp_folder.h"
#include "tests/viz/probe_nets.h"
#include "viz/tensor_stats.h"

using namespace glassbox;
using test::ProbedNet;
using viz::HealthWarning;
using viz::NonFiniteIn;

namespace {

double number(const viz::Health& health, const std::string& name) {
  for (const auto& [n, value] : health.numbers())
    if (n == name) return value;
  FAIL("there is no number " << name);
  return 0;
}
bool has(const viz::Health& health, const std::string& name) {
  return std::any_of(health.numbers().begin(), health.numbers().end(),
                     [&](const auto& entry) { return entry.first == name; });
}

double norm(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

void quiet(const HealthWarning&) {}

// One forward and backward pass with health watching; the loss is the sum of the outputs.
template <class Model>
void one_step(Model& model, viz::Health& health, const Tensor& x, std::int64_t n = 0) {
  model.zero_grad();
  health.begin_step(n);
  sum(model(x)).backward();
  health.after_backward();
  health.end_step();
}

// Multiplies its output's gradient by infinity on the way back, but not its output.
struct BadBackward : layers::Module<BadBackward> {
  Tensor forward(const Tensor& x) {
    // sqrt has slope infinity at 0, and 0 * infinity is NaN: y = x + 0.
    return x + sqrt(x - x.detach());
  }
};

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
    for (const auto& [name, w] : before) {
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

TEST_CASE("health: dead units of every layout") {
  using viz::dead_units;
  CHECK(dead_units(from<float>({0, 1, 0, 0, 0, 2}, {2, 3})) == doctest::Approx(1.0 / 3));
  CHECK(dead_units(from<float>({0, 0, 0, 3, 0, 0, 0, 0}, {1, 2, 2, 2})) == 0.5);  // by channel
  CHECK(dead_units(from<float>({0, 1, 0, 1, 0, 0}, {1, 3, 2})) == 0.5);           // by feature
  CHECK(dead_units(from<float>({0, 0, -1}, {3})) == doctest::Approx(2.0 / 3));
  CHECK(dead_units(from<float>({NAN, 0}, {1, 2})) == 0.5);
  CHECK(std::isnan(dead_units(zeros({0, 4}))));
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

TEST_CASE("health: NaN planted in a known module is found there, saved, and seen again") {
  manual_seed(3);
  const test::TempFolder folder;
  ProbedNet model;
  std::vector<viz::NonFinite> heard;
  viz::History history;
  viz::Health health(model, history,
                     {.folder = folder.path(),
                      .on_non_finite = [&](const viz::NonFinite& n) { heard.push_back(n); },
                      .say = quiet});
  const Tensor x = test::probed_batch();
  one_step(model, health, x, 4);
  CHECK(heard.empty());
  CHECK(health.first_non_finite() == nullptr);
  CHECK(test::names_in(folder.path()).empty());

  Tensor weight = model.get_submodule("features.2.conv").named_parameters()[0].second;
  weight.mutable_data<float>()[3] = NAN;
  one_step(model, health, x, 5);
  REQUIRE(heard.size() == 1);
  const viz::NonFinite& n = heard[0];
  CHECK(n.step == viz::Step(5));
  CHECK(n.in == NonFiniteIn::activation);
  CHECK(n.path == "features.2.conv");
  CHECK(n.type == "Conv2d");
  CHECK(n.call == 1);
  CHECK(
      n.text.find("the first value that is not finite is made by Conv2d at features.2.conv, whose "
                  "output has ") == 0);
  CHECK(n.text.find("(its weight is not finite)") != std::string::npos);
  CHECK(n.file == folder / "non_finite-5.safetensors");
  CHECK(number(health, "nan/activations") > 0);
  CHECK(number(health, "nan/gradients") > 0);
  CHECK(history["nan/activations"].values()[0] == 0);
  one_step(model, health, x, 6);
  CHECK(heard.size() == 1);
  CHECK(test::names_in(folder.path()).size() == 1);

  // Another model of that kind, and without the NaN in its own weight.
  ProbedNet fresh;
  const Tensor fresh_weight = fresh.get_submodule("features.2.conv").named_parameters()[0].second;
  const std::vector<float> before = fresh_weight.to_vector<float>();
  const auto generator = default_generator().state().to_vector<std::int64_t>();
  const viz::Replay again = viz::replay(n.file, fresh);
  CHECK(again.same);
  CHECK(again.path == n.path);
  CHECK(again.step == "5");
  REQUIRE(again.results.size() == 1);
  CHECK(again.results[0].first == "output.0");
  CHECK(viz::count_non_finite(again.results[0].second).nan > 0);
  CHECK(!viz::count_non_finite(again.inputs[0]).any());
  CHECK(again.text.find("Conv2d at features.2.conv, call 1 in step 5:\n  input.0 [4,4,6,6] f32: 0 "
                        "NaN, 0 Inf\n  output.0 [4,4,6,6] f32: ") == 0);
  CHECK(fresh_weight.to_vector<float>() == before);
  CHECK(default_generator().state().to_vector<std::int64_t>() == generator);
}

TEST_CASE("health: what is made between modules, by which call, and what was given") {
  manual_seed(4);
  const test::TempFolder folder;
  struct Inner : layers::Module<Inner> {
    std::shared_ptr<layers::Linear> shared = std::make_shared<layers::Linear>(2, 2);
    double shift = 0;
    Tensor forward(const Tensor& x) { return (*shared)(log((*shared)(x)*0.0 + shift)); }
    void fields(layers::Fields& f) { f("shared", shared); }
  };
  layers::Sequential model{layers::Linear{2, 2}, Inner{}, layers::Tanh{}};
  viz::Health between(model, {.say = quiet});
  model.get<Inner>(1).shift = -1;
  one_step(model, between, randn({3, 2}));
  REQUIRE(between.first_non_finite());
  CHECK(between.first_non_finite()->path == "1");
  CHECK(between.first_non_finite()->type == "Inner");
  CHECK(between.first_non_finite()->text.find("Inner at 1, between its modules") !=
        std::string::npos);

  // The second call of a shared module: its input overflows in it.
  struct Twice : layers::Module<Twice> {
    std::shared_ptr<layers::Linear> shared = std::make_shared<layers::Linear>(1, 1);
    Tensor forward(const Tensor& x) { return (*shared)((*shared)(x)); }
    void fields(layers::Fields& f) { f("shared", shared); }
  };
  Twice twice;
  twice.shared->weight.mutable_data<float>()[0] = 1e20f;
  viz::Health second(twice, {.folder = folder.path(), .say = quiet});
  one_step(twice, second, ones({1, 1}));
  REQUIRE(second.first_non_finite());
  CHECK(second.first_non_finite()->path == "shared");
  CHECK(second.first_non_finite()->call == 2);
  CHECK(
      second.first_non_finite()->text.find("Linear at shared (call 2), whose output has 0 NaN and "
                                           "1 infinities") != std::string::npos);
  const viz::Replay again = viz::replay(second.first_non_finite()->file, twice);
  CHECK(again.same);
  CHECK(again.call == 2);
  CHECK(again.inputs[0].item<float>() == doctest::Approx(1e20f).epsilon(1e-5));

  layers::Sequential plain{layers::Linear{2, 2}};
  viz::Health given(plain, {.say = quiet});
  one_step(plain, given, tensor<float>({1, NAN}).reshape({1, 2}));
  REQUIRE(given.first_non_finite());
  CHECK(given.first_non_finite()->in == NonFiniteIn::input);
  CHECK(given.first_non_finite()->path.empty());
  CHECK(given.first_non_finite()->text ==
        "what Sequential is given is not finite: 1 NaN and 0 infinities among 2 values");
}

TEST_CASE("health: a gradient that is not finite is found where it is made") {
  manual_seed(5);
  const test::TempFolder folder;
  for (const bool saves : {true, false}) {
    CAPTURE(saves);
    layers::Sequential model{layers::Linear{3, 3}, layers::Sequential{layers::ReLU{}, test::Root{}},
                             layers::Linear{3, 2}};
    Tensor bias = model.get<layers::Linear>(0).bias;
    for (float& b : bias.mutable_data<float>()) b = -100;  // so that sqrt is given 0
    viz::Health health(model, {.folder = saves ? folder.path() : "", .say = quiet});
    one_step(model, health, randn({2, 3}), 8);
    REQUIRE(health.first_non_finite());
    const viz::NonFinite& n = *health.first_non_finite();
    CHECK(n.in == NonFiniteIn::gradient);
    CHECK(n.path == "1.1");
    CHECK(n.text == "the first gradient that is not finite is made by Root at 1.1");
    CHECK(number(health, "nan/activations") == 0);
    CHECK(number(health, "inf/gradients") + number(health, "nan/gradients") > 0);
    CHECK(n.file.empty() == !saves);
    if (!saves) continue;
    const viz::Replay again = viz::replay(n.file, model);
    CHECK(again.same);
    REQUIRE(again.results.size() == 2);
    CHECK(again.results[1].first == "grad.input.0");
    CHECK(viz::count_non_finite(again.results[1].second).any());
    CHECK(!viz::count_non_finite(again.results[0].second).any());
  }
}

TEST_CASE("health: of two readers of a value the one that spoils its gradient is named") {
  struct Branches : layers::Module<Branches> {
    layers::Linear stem{3, 3}, good{3, 3}, last{3, 3};
    BadBackward bad;
    Tensor forward(const Tensor& x) {
      const Tensor y = stem(x);
      const Tensor a = bad(y);  // not the last reader, nor the only one
      return good(y) + last(y) + a;
    }
    void fields(layers::Fields& f) {
      f("stem", stem);
      f("good", good);
      f("bad", bad);
      f("last", last);
    }
  };
  manual_seed(6);
  const test::TempFolder folder;
  Branches model;
  viz::Health health(model, {.folder = folder.path(), .say = quiet});
  one_step(model, health, randn({2, 3}));
  REQUIRE(health.first_non_finite());
  CHECK(health.first_non_finite()->path == "bad");
  CHECK(viz::replay(health.first_non_finite()->file, model).same);
}

TEST_CASE("health: gradients that a loss, a module's own ops or a parameter make") {
  manual_seed(7);
  const test::TempFolder folder;
  {
    layers::Sequential model{layers::Linear{3, 3}, layers::Linear{3, 3}};
    viz::Health health(model, {.folder = folder.path(), .say = quiet});
    health.begin_step(1);
    const Tensor y = model(randn({2, 3}));
    sum(sqrt(y - y.detach())).backward();
    health.after_backward();
    health.end_step();
    REQUIRE(health.first_non_finite());
    CHECK(health.first_non_finite()->in == NonFiniteIn::loss);
    CHECK(health.first_non_finite()->path.empty());
    CHECK(health.first_non_finite()->text ==
          "the gradient that comes into Sequential is not finite, so it was made by what follows, "
          "the loss");
    CHECK(viz::replay(health.first_non_finite()->file, model).same);
  }
  {
    struct Own : layers::Module<Own> {
      layers::Linear first{3, 3}, second{3, 3};
      Tensor forward(const Tensor& x) {
        const Tensor y = first(x);
        return second(y + sqrt(y - y.detach()));
      }
      void fields(layers::Fields& f) {
        f("first", first);
        f("second", second);
      }
    };
    layers::Sequential model{Own{}, layers::Tanh{}};
    viz::Health health(model, {.folder = folder.path(), .say = quiet});
    one_step(model, health, randn({2, 3}), 2);
    REQUIRE(health.first_non_finite());
    CHECK(health.first_non_finite()->path == "0");
    CHECK(health.first_non_finite()->text ==
          "the first gradient that is not finite is made by Own at 0, between its modules");
    CHECK(viz::replay(health.first_non_finite()->file, model).same);
  }
  {
    // dw = dy x overflows while dx = dy w does not.
    layers::Sequential model{layers::Linear{1, 1}, layers::Linear{1, 1}};
    Tensor w = model.get<layers::Linear>(0).weight;
    w.mutable_data<float>()[0] = 1e-3f;
    Tensor v = model.get<layers::Linear>(1).weight;
    v.mutable_data<float>()[0] = 1e20f;
    viz::Health health(model, {.folder = folder.path(), .say = quiet});
    one_step(model, health, full({1, 1}, 1e19), 3);
    REQUIRE(health.first_non_finite());
    CHECK(health.first_non_finite()->path == "0");
    CHECK(health.first_non_finite()->in == NonFiniteIn::gradient);
    const viz::Replay again = viz::replay(health.first_non_finite()->file, model);
    CHECK(again.same);
    CHECK(again.text.find("grad.weight [1,1] f32: 0 NaN, 1 Inf") != std::string::npos);
  }
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

TEST_CASE("health: a file that cannot be written is said and stops nothing") {
  layers::Sequential model{layers::Linear{2, 2}};
  viz::Health health(model, {.folder = "/nonexistent/folder", .say = quiet});
  one_step(model, health, tensor<float>({1, NAN}).reshape({1, 2}));
  REQUIRE(health.first_non_finite());
  CHECK(health.first_non_finite()->file.empty());
  CHECK(health.first_non_finite()->text.find("it could not be saved: ") != std::string::npos);
}

TEST_CASE("health: files that are no replay, and models that do not fit") {
  const test::TempFolder folder;
  layers::Sequential model{layers::Linear{2, 2}, layers::Tanh{}};
  viz::Health health(model, {.folder = folder.path(), .say = quiet});
  model.get<layers::Linear>(0).weight.mutable_data<float>()[0] = NAN;
  one_step(model, health, ones({1, 2}));
  const std::string file = health.first_non_finite()->file;
  CHECK(viz::replay(file, model).same);

  layers::Sequential other{layers::Tanh{}};
  CHECK_THROWS_WITH(viz::replay(file, other),
                    (file + ": is of Linear at \"0\"; this model has Tanh there").c_str());
  layers::Sequential wider{layers::Linear{2, 3}};
  CHECK_THROWS_AS(viz::replay(file, wider), Error);

  const std::string plain = folder / "plain.safetensors";
  io::save_safetensors(plain, {{"w", ones({2})}});
  CHECK_THROWS_WITH(viz::replay(plain, model),
                    (plain + ": is no file for a replay: it has no \"format\"").c_str());
  // Of a saved one, with one thing changed.
  const auto changed = [&](const std::string& key, const std::string& value) {
    io::Safetensors saved = io::load_safetensors(file);
    saved.metadata[key] = value;
    const std::string path = folder / "changed.safetensors";
    io::save_safetensors(path, saved.tensors, saved.metadata);
    return path;
  };
  CHECK_THROWS_AS(viz::replay(changed("format", "glassbox.replay/9"), model), Error);
  CHECK_THROWS_AS(viz::replay(changed("in", "dreams"), model), Error);
  CHECK_THROWS_AS(viz::replay(changed("call", "two"), model), Error);
  CHECK_THROWS_AS(viz::replay(changed("path", "9"), model), Error);
  CHECK(viz::replay(changed("step", "77"), model).step == "77");
  // What is the same no more is told.
  io::Safetensors saved = io::load_safetensors(file);
  for (auto& [name, tensor] : saved.tensors)
    if (name == "state.weight") tensor = ones({2, 2});
  io::save_safetensors(folder / "healed.safetensors", saved.tensors, saved.metadata);
  const viz::Replay healed = viz::replay(folder / "healed.safetensors", model);
  CHECK(!healed.same);
  CHECK(healed.text.find("0 NaN, 0 Inf (then: 1 NaN, 0 Inf)") != std::string::npos);
}

TEST_CASE("health: options out of range") {
  layers::Linear model{2, 2};
  CHECK_THROWS_WITH(viz::Health(model, {.every = 0}), "health: every is 0; give at least 1");
  CHECK_THROWS_AS(viz::Health(model, {.finite_every = -1}), Error);
  CHECK_THROWS_AS(viz::Health(model, {.exploding = 1}), Error);
  CHECK_THROWS_AS(viz::Health(model, {.median_of = 3}), Error);
  CHECK_THROWS_AS(viz::Health(model, {.vanishing = 1}), Error);
}

TEST_CASE("health: models on threads of their own find their own") {
  std::vector<std::string> found(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&found, t] {
      layers::Sequential model;
      for (int i = 0; i < 4; ++i) model.push_back(layers::Linear{2, 2});
      viz::Health health(model, {.say = quiet});
      const Tensor x = ones({1, 2});
      for (int i = 0; i < 10; ++i) one_step(model, health, x, i);
      Tensor weight = model.get<layers::Linear>(static_cast<std::size_t>(t)).weight;
      weight.mutable_data<float>()[0] = NAN;
      one_step(model, health, x, 10);
      if (health.first_non_finite())
        found[static_cast<std::size_t>(t)] = health.first_non_finite()->path;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(found == std::vector<std::string>{"0", "1", "2", "3"});
}
