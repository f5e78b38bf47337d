// Where the first value that is not finite comes from, and its replay.
#include <doctest/doctest.h>

#include <thread>

#include "engine/io/safetensors.h"
#include "tests/temp_folder.h"
#include "tests/viz/health_numbers.h"
#include "tests/viz/probe_nets.h"
#include "viz/health.h"

using namespace glassbox;
using test::number;
using test::ProbedNet;
using test::quiet;
using viz::NonFiniteIn;

namespace {

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

TEST_CASE("non-finite: NaN planted in a known module is found there, saved, and seen again") {
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

TEST_CASE("non-finite: what is made between modules, by which call, and what was given") {
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

TEST_CASE("non-finite: a gradient that is not finite is found where it is made") {
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

TEST_CASE("non-finite: of two readers of a value the one that spoils its gradient is named") {
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

TEST_CASE("non-finite: gradients that a loss, a module's own ops or a parameter make") {
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

TEST_CASE("non-finite: a file that cannot be written is said and stops nothing") {
  layers::Sequential model{layers::Linear{2, 2}};
  viz::Health health(model, {.folder = "/nonexistent/folder", .say = quiet});
  one_step(model, health, tensor<float>({1, NAN}).reshape({1, 2}));
  REQUIRE(health.first_non_finite());
  CHECK(health.first_non_finite()->file.empty());
  CHECK(health.first_non_finite()->text.find("it could not be saved: ") != std::string::npos);
}

TEST_CASE("non-finite: files that are no replay, and models that do not fit") {
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

TEST_CASE("non-finite: models on threads of their own find their own") {
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

TEST_CASE("non-finite: it is found without a tape and in eval mode, too") {
  layers::Sequential model{layers::Linear{2, 2}, test::Log{1e9}};
  model.eval();
  const auto found = viz::find_non_finite(model, {ones({1, 2})});
  REQUIRE(found);
  CHECK(found->path == "1");
  CHECK(found->text ==
        "the first value that is not finite is made by Log at 1, whose output has 2 NaN and 0 "
        "infinities among 2 values");
  CHECK(!viz::find_non_finite(model.get<layers::Linear>(0), {ones({1, 2})}));
}
