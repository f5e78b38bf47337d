// Optimizers against PyTorch over 50 steps, parameter groups, state, options and errors.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/autograd/tape.h"
#include "engine/core/threads.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/random.h"
#include "engine/optim/adam.h"
#include "engine/optim/clip.h"
#include "engine/optim/rmsprop.h"
#include "engine/optim/sgd.h"
#include "tests/optim/optim_data.h"
#include "tests/replay.h"
#include "tests/skip.h"

namespace glassbox::test {
namespace {

using optim::ParamGroups;

// The groups of a case: one of both parameters, or one for each.
ParamGroups groups_of(const Tensors& parameters, const Json& options) {
  if (options.is_null()) return {{.params = parameters}};
  ParamGroups groups;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    groups.push_back(make_group({parameters[i]}, options[i]));
  }
  return groups;
}

TEST_CASE("optim: optimizers follow PyTorch's over 50 steps") {
  const Json& data = optim_data();
  std::map<std::string, double> worst;
  for (const auto& item : data["optimizers"].items()) {
    const std::string name = item.key();
    const Json& c = item.value();
    CAPTURE(name);
    Tensors parameters = initial_parameters();
    const auto optimizer =
        make_optimizer(c["class"], c["options"], groups_of(parameters, c["groups"]));
    std::size_t at = 0;
    for (std::size_t step = 0; step < 50; ++step) {
      optimizer->zero_grad();
      set_gradients(parameters, step, c["late"]);
      optimizer->step();
      if (data["steps"][at] != step + 1) continue;
      const double error = worst_difference(elements(parameters), c["after"][at++]);
      CHECK(error <= 1e-12);
      double& most = worst[c["class"]];
      most = std::max(most, error);
    }
    CHECK(at == data["steps"].size());
  }
  CHECK(worst.size() == 4);
  for (const auto& entry : worst) {
    MESSAGE(entry.first, ": largest difference from PyTorch ", entry.second);
  }
}

TEST_CASE("optim: a group takes the optimizer's options where it has none") {
  Tensors p = initial_parameters();
  optim::AdamW adam{{{.params = {p[0]}, .lr = 0.5}, {.params = {p[1]}, .betas = {{0.1, 0.2}}}},
                    {.lr = 0.25, .weight_decay = 0.125}};
  CHECK(adam.num_groups() == 2);
  CHECK(adam.parameters().size() == 2);
  CHECK(adam.lr() == 0.5);
  CHECK(adam.lr(1) == 0.25);
  CHECK(adam.option("beta1", 0) == 0.9);
  CHECK(adam.option("beta2", 1) == 0.2);
  CHECK(adam.option("weight_decay", 1) == 0.125);
  adam.set_lr(0.75, 1);
  CHECK(adam.lr(0) == 0.5);
  CHECK(adam.lr(1) == 0.75);
  adam.set_lr(1);
  CHECK(adam.lr(0) == 1);
  CHECK(adam.lr(1) == 1);
  CHECK(adam.has_option("eps"));
  CHECK_FALSE(adam.has_option("momentum"));
}

// An optimizer of each kind with all that it can remember, on parameters of a seed's values.
std::unique_ptr<optim::Optimizer> full_optimizer(const std::string& kind, const Tensors& p) {
  const ParamGroups groups{{.params = {p[0]}, .lr = 0.01}, {.params = {p[1]}}};
  if (kind == "SGD") {
    return std::make_unique<optim::SGD>(groups, optim::SGDOptions{.momentum = 0.9});
  }
  if (kind == "Adam") {
    return std::make_unique<optim::Adam>(groups, optim::AdamOptions{.amsgrad = true});
  }
  if (kind == "AdamW") return std::make_unique<optim::AdamW>(groups);
  return std::make_unique<optim::RMSprop>(
      groups, optim::RMSpropOptions{.eps = 1e-3, .momentum = 0.9, .centered = true});
}
constexpr const char* kinds[] = {"SGD", "Adam", "AdamW", "RMSprop"};

optim::StateDict copy_of(const optim::StateDict& state) {
  optim::StateDict copy;
  for (const auto& entry : state) copy.emplace_back(entry.first, entry.second.clone());
  return copy;
}

TEST_CASE("optim: training goes on bit for bit from a restored state") {
  for (const char* kind : kinds) {
    CAPTURE(kind);
    Tensors a = initial_parameters(), b = initial_parameters();
    const auto one = full_optimizer(kind, a), two = full_optimizer(kind, b);
    const auto steps = [](optim::Optimizer& optimizer, Tensors& p, std::size_t from) {
      for (std::size_t s = from; s < from + 5; ++s) {
        set_gradients(p, s);
        optimizer.step();
      }
    };
    steps(*one, a, 0);
    one->set_lr(0.125, 1);
    const optim::StateDict saved = copy_of(one->state_dict());
    for (std::size_t i = 0; i < 2; ++i) {
      std::ranges::copy(a[i].data<double>(), b[i].mutable_data<double>().begin());
    }
    two->load_state_dict(saved);
    CHECK(same_bits(two->state_dict(), saved));
    CHECK(two->lr(1) == 0.125);
    steps(*one, a, 5);
    steps(*two, b, 5);
    CHECK(elements(a) == elements(b));
    CHECK(same_bits(one->state_dict(), two->state_dict()));
  }
}

TEST_CASE("optim: the state's names, and one error for all that does not fit") {
  const Tensors p = initial_parameters();
  const auto names = [](const optim::Optimizer& optimizer) {
    std::vector<std::string> out;
    for (const auto& entry : optimizer.state_dict()) out.push_back(entry.first);
    return out;
  };
  using Names = std::vector<std::string>;
  CHECK(names(*full_optimizer("SGD", p)) ==
        Names{"group0.state", "momentum.0", "group1.state", "momentum.1"});
  CHECK(names(*full_optimizer("Adam", p)) == Names{"group0.state", "exp_avg.0", "exp_avg_sq.0",
                                                   "max_exp_avg_sq.0", "group1.state", "exp_avg.1",
                                                   "exp_avg_sq.1", "max_exp_avg_sq.1"});
  CHECK(names(*full_optimizer("RMSprop", p)) == Names{"group0.state", "square_avg.0", "momentum.0",
                                                      "grad_avg.0", "group1.state", "square_avg.1",
                                                      "momentum.1", "grad_avg.1"});

  const auto adam = full_optimizer("AdamW", p);
  optim::StateDict state = copy_of(adam->state_dict());
  state[0].second = from<double>({1, 2}, {2});
  state[1].first = "exp_avg.7";
  const optim::StateDict before = copy_of(adam->state_dict());
  const std::string message = message_of([&] { adam->load_state_dict(state); });
  CHECK(message ==
        "AdamW: the state does not fit: missing: exp_avg.0; unexpected: exp_avg.7; mismatched: "
        "group0.state ([2] f64 given, [9] f64 expected); it was made by another optimizer, for "
        "other parameters or with other options");
  CHECK(same_bits(adam->state_dict(), before));
}

TEST_CASE("optim: wrong options are refused with the option and the rule") {
  const Tensors p = initial_parameters();
  const ParamGroups bad_group{{.params = {p[0]}}, {.params = {p[1]}, .lr = -1}};
  const auto check = [](const auto& f, const std::string& want) { CHECK(message_of(f) == want); };
  check([&] { optim::SGD(p, {.lr = -1}); }, "SGD: lr -1 is not a number of at least 0");
  check([&] { optim::SGD(p, {.lr = NAN}); }, "SGD: lr nan is not a number of at least 0");
  check([&] { optim::SGD(p, {.momentum = -0.5}); },
        "SGD: momentum -0.5 is not a number of at least 0");
  check([&] { optim::SGD(p, {.weight_decay = INFINITY}); }, "SGD: weight_decay inf is not finite");
  check([&] { optim::SGD(p, {.nesterov = true}); },
        "SGD: nesterov needs momentum above 0 and no dampening");
  check([&] { optim::SGD(bad_group, {}); }, "SGD: group 1: lr -1 is not a number of at least 0");
  check(
      [&] {
        optim::Adam(p, {.betas = {1, 0.9}});
      },
      "Adam: beta1 1 is not at least 0 and below 1");
  check(
      [&] {
        optim::Adam(p, {.betas = {0.9, -0.1}});
      },
      "Adam: beta2 -0.1 is not at least 0 and below 1");
  check([&] { optim::Adam(p, {.eps = -1}); }, "Adam: eps -1 is not a number of at least 0");
  check([&] { optim::AdamW(p, {.weight_decay = -1}); },
        "AdamW: weight_decay -1 is not a number of at least 0");
  check([&] { optim::RMSprop(p, {.alpha = -1}); },
        "RMSprop: alpha -1 is not a number of at least 0");
  check([&] { optim::RMSprop(p, {.eps = NAN}); }, "RMSprop: eps nan is not a number of at least 0");

  check([&] { optim::Adam({{.params = p, .momentum = 0.9}}, {}); },
        "Adam: sets momentum, which Adam does not have");
  check(
      [&] {
        optim::SGD({{.params = p, .betas = {{0.9, 0.9}}}}, {});
      },
      "SGD: sets betas, which SGD does not have");
  check(
      [&] {
        optim::Adam({{.params = {p[0]}}, {.params = {}}}, {});
      },
      "Adam: group 1: got no parameters");
  check(
      [&] {
        optim::Adam({{.params = {p[0]}}, {.params = p}}, {});
      },
      "Adam: parameter 1 is given twice");
  check([&] { optim::Adam(ParamGroups{}); }, "Adam: got no parameters");

  optim::SGD sgd(p, {.lr = 0.1});
  check([&] { sgd.set_lr(-1); }, "SGD: lr -1 is not a number of at least 0");
  check([&] { sgd.set_lr(1, 1); }, "SGD: has no group 1; it has 1, counted from 0");
  check([&] { sgd.option("beta1"); },
        "SGD: has no option beta1; it has lr, momentum, dampening, weight_decay");
  check([&] { sgd.set_option("momentum", 0.9, 0); },
        "SGD: was made without momentum and keeps no buffers for it; make it with one above 0");
  optim::RMSprop rmsprop(p);
  CHECK(message_of([&] { rmsprop.set_option("momentum", 0.9, 0); }).find("without momentum") !=
        std::string::npos);
  CHECK(sgd.lr() == 0.1);
}

// A step of a small model with a clipped gradient.
struct Step {
  Tensor x = values(3), w = values(1).set_requires_grad(), b = values(2).set_requires_grad();
  std::unique_ptr<optim::Optimizer> optimizer;
  Tensor loss, norm;

  static Tensor values(std::size_t step) { return gradient(step, 0).to(DType::f32); }
  explicit Step(const std::string& kind) : optimizer(full_optimizer(kind, {w, b})) {}
  Tensors state() const {
    Tensors all{w, b};
    for (const auto& entry : optimizer->state_dict()) all.push_back(entry.second);
    return all;
  }
  void operator()() {
    optimizer->zero_grad();
    loss = (gelu(x * w) * b).sum();
    loss.backward();
    optim::clip_grad_value({w, b}, 0.7);
    norm = optim::clip_grad_norm({w, b}, 0.5);
    optimizer->step();
  }
};

TEST_CASE("optim: the recorder sees all of a clipped step of each optimizer") {
#ifdef GLASSBOX_NO_RECORDER
  return skip("needs the recorder");
#endif
  for (const char* kind : kinds) {
    CAPTURE(kind);
    Step step(kind);
    step();
    Replay replay(step.state());
    replay.record([&] {
      step();
      step();
    });
    replay.run();
    const auto check = [&](const Tensor& t) {
      CHECK(elements({replay.result(t)}) == elements({t}));
      for (const double v : t.to_vector<double>()) CHECK(std::isfinite(v));
    };
    for (const Tensor& t : step.state()) check(t);
    for (const Tensor& t : {step.loss, step.norm, step.w.grad(), step.b.grad()}) check(t);
    int updates = 0;
    for (const Graph::Node& node : replay.graph().nodes) updates += node.phase == Phase::update;
    CHECK(updates == 2 * (2 + 2));  // clipped twice, two groups
  }
}

TEST_CASE("optim: the same bits at 1, 2 and 3 threads") {
  for (const char* kind : kinds) {
    CAPTURE(kind);
    std::vector<double> want;
    for (const int threads : {1, 2, 3}) {
      const NumThreadsScope scope(threads);
      manual_seed(4);
      Tensors p{Parameter(randn({50001})), Parameter(randn({3, 11003}))};
      const auto optimizer = full_optimizer(kind, p);
      std::vector<double> got;
      for (int step = 0; step < 2; ++step) {
        for (Tensor& t : p) t.set_grad(randn(t.shape()));
        got.push_back(optim::clip_grad_norm(p, 10).item<double>());
        optimizer->step();
      }
      const std::vector<double> all = elements(p);
      got.insert(got.end(), all.begin(), all.end());
      if (threads == 1) want = got;
      CHECK(got == want);
    }
  }
}

}  // namespace
}  // namespace glassbox::test
