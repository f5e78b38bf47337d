// Clipping and averaged weights against PyTorch, and a whole training with clipping and a schedule.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/optim/adam.h"
#include "engine/optim/clip.h"
#include "engine/optim/ema.h"
#include "engine/optim/schedule.h"
#include "layers/linear.h"
#include "layers/norm.h"
#include "tests/optim/optim_data.h"
#include "tests/replay.h"
#include "tests/skip.h"

namespace glassbox::test {
namespace {

Tensors gradients_of(const Tensors& parameters) {
  Tensors out;
  for (const Tensor& p : parameters) out.push_back(p.grad());
  return out;
}

TEST_CASE("optim: clip_grad_norm is PyTorch's") {
  double worst = 0;
  for (const Json& c : optim_data()["clip_norm"]) {
    Tensors p = initial_parameters();
    for (std::size_t i = 0; i < p.size(); ++i) {
      Tensor g = gradient(0, i);
      for (double& v : g.mutable_data<double>()) v *= c["scale"].get<double>();
      p[i].set_grad(g);
    }
    const double type = c["norm_type"].is_string() ? std::numeric_limits<double>::infinity()
                                                   : c["norm_type"].get<double>();
    CAPTURE(type);
    const Tensor norm = optim::clip_grad_norm(p, c["max_norm"], type);
    worst = std::max({worst, worst_difference(elements({norm}), Json::array({c["norm"]})),
                      worst_difference(elements(gradients_of(p)), c["clipped"])});
    CHECK(worst <= 1e-13);
  }
  MESSAGE("clip_grad_norm: largest difference from PyTorch ", worst);
}

TEST_CASE("optim: clip_grad_value is PyTorch's") {
  for (const Json& c : optim_data()["clip_value"]) {
    Tensors p = initial_parameters();
    set_gradients(p, 0);
    optim::clip_grad_value(p, c["clip_value"]);
    CHECK(worst_difference(elements(gradients_of(p)), c["clipped"]) == 0);
  }
}

TEST_CASE("optim: clipping passes over parameters without a gradient") {
  Tensors p = initial_parameters();
  CHECK(optim::clip_grad_norm(p, 1).item<double>() == 0);
  optim::clip_grad_value(p, 1);
  p[1].set_grad(gradient(0, 1));
  CHECK(optim::clip_grad_norm(p, 1).item<double>() > 1);
  CHECK(optim::clip_grad_norm(p, 1).item<double>() == doctest::Approx(1));
  CHECK_FALSE(p[0].grad().defined());
}

TEST_CASE("optim: a norm that is not finite") {
  Tensors p{initial_parameters()[1]};
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor bad = from<double>({1, infinity, 2, 3, 4}, {5});
  p[0].set_grad(bad);
  const std::string message = message_of([&] { optim::clip_grad_norm(p, 1, 2, true); });
  CHECK(message ==
        "clip_grad_norm: the norm of order 2 of the gradients is inf; without error_if_nonfinite "
        "they would be scaled by it");
  CHECK(elements({p[0].grad()}) == elements({bad}));
  CHECK(optim::clip_grad_norm(p, 1).item<double>() == infinity);
  CHECK(p[0].grad().data<double>()[0] == 0);
  CHECK(std::isnan(p[0].grad().data<double>()[1]));
}

// What EMA averages: a parameter, a buffer and a counter.
struct Weights {
  Tensors parameters{initial_parameters()[0]};
  Tensors buffers{from<double>({0, 0, 0, 0, 0}, {5}), from<std::int64_t>({0}, {})};
  void set(std::size_t step) {
    std::ranges::copy(gradient(step, 0).data<double>(),
                      parameters[0].mutable_data<double>().begin());
    std::ranges::copy(gradient(step, 1).data<double>(), buffers[0].mutable_data<double>().begin());
    buffers[1].mutable_data<std::int64_t>()[0] = 3 * static_cast<std::int64_t>(step) + 1;
  }
};

TEST_CASE("optim: EMA is PyTorch's over 20 updates") {
  double worst = 0;
  for (const Json& c : optim_data()["ema"]) {
    Weights w;
    optim::EMA ema(w.parameters, w.buffers, {.decay = c["decay"], .use_buffers = c["use_buffers"]});
    for (std::size_t step = 0; step < c["after"].size(); ++step) {
      CAPTURE(step);
      w.set(step);
      ema.update();
      const Json& after = c["after"][step];
      worst = std::max({worst, worst_difference(elements(ema.parameters()), after[0]),
                        worst_difference(elements({ema.buffers()[0]}), after[1])});
      CHECK(worst <= 1e-13);
      CHECK(ema.buffers()[1].item<std::int64_t>() == after[2].get<std::int64_t>());
      CHECK(ema.num_updates() == static_cast<std::int64_t>(step) + 1);
    }
  }
  MESSAGE("EMA: largest difference from PyTorch ", worst);
}

TEST_CASE("optim: EMA goes on bit for bit from a restored state") {
  Weights a, b;
  optim::EMA one(a.parameters, a.buffers, {.decay = 0.9}), two(b.parameters, b.buffers);
  for (std::size_t step = 0; step < 4; ++step) {
    a.set(step);
    one.update();
  }
  two.load_state_dict(one.state_dict());
  a.set(4);
  b.set(4);
  one.update();
  two.update();
  CHECK(same_bits(one.state_dict(), two.state_dict()));
  optim::StateDict state = one.state_dict();
  state.pop_back();
  CHECK(message_of([&] { two.load_state_dict(state); })
            .find("EMA: the state does not fit: missing: "
                  "buffer.1;") == 0);
}

TEST_CASE("optim: EMA's averages stand in for the weights and leave again") {
  layers::BatchNorm2d model(3);
  optim::EMA ema(model, {.decay = 0.5});
  ema.update();
  model.weight.mutable_data<float>()[0] = 3;
  model.running_mean.mutable_data<float>()[1] = 5;
  ema.update();
  const Tensors parameters = model.parameters();
  const std::vector<double> own = elements(parameters);
  for (int time = 0; time < 2; ++time) {
    const auto swapped = ema.swap();
    CHECK(model.weight.data<float>()[0] == 2);        // (1 + 3) / 2
    CHECK(model.running_mean.data<float>()[1] == 5);  // copied
    CHECK(message_of([&] { ema.update(); }) ==
          "EMA: update while the averages are swapped into the model");
    CHECK(message_of([&] { const auto again = ema.swap(); }) ==
          "EMA: the averages are swapped into the model already");
  }
  CHECK(elements(parameters) == own);
  layers::BatchNorm2d other(3);
  ema.apply_to(other.parameters());
  CHECK(other.weight.data<float>()[0] == 2);
  CHECK(other.running_mean.data<float>()[1] == 0);
  CHECK(message_of([&] { ema.apply_to({}); }) == "EMA: apply_to got 0 parameters for 2 averages");
  CHECK(message_of([&] { optim::EMA(model, {.decay = 1.5}); }) ==
        "EMA: decay 1.5 is not between 0 and 1");
  CHECK(message_of([&] { const optim::EMA empty{Tensors{}}; }) == "EMA: got no parameters");
}

TEST_CASE("optim: the recorder sees EMA's updates") {
#ifdef GLASSBOX_NO_RECORDER
  return skip("needs the recorder");
#endif
  for (const bool use_buffers : {false, true}) {
    Weights w;
    w.set(0);
    optim::EMA ema(w.parameters, w.buffers, {.decay = 0.9, .use_buffers = use_buffers});
    Tensors state = w.parameters;
    state.insert(state.end(), w.buffers.begin(), w.buffers.end());
    for (const auto& entry : ema.state_dict()) state.push_back(entry.second);
    Replay replay(state);
    replay.record([&] {
      ema.update();
      ema.update();
    });
    replay.run();
    for (const auto& entry : ema.state_dict()) {
      CHECK(elements({replay.result(entry.second)}) == elements({entry.second}));
    }
  }
}

TEST_CASE("optim: AdamW with clipping and OneCycleLR trains as in PyTorch") {
  const Json& data = optim_data();
  Tensors p = initial_parameters();
  optim::AdamW optimizer(p, {.lr = 0.1, .weight_decay = 0.1});
  optim::OneCycleLR schedule(optimizer, {.max_lr = 0.1, .total_steps = 50});
  std::vector<double> norms;
  std::size_t at = 0;
  for (std::size_t step = 0; step < 50; ++step) {
    set_gradients(p, step);
    norms.push_back(optim::clip_grad_norm(p, 1.5).item<double>());
    optimizer.step();
    schedule.step();
    if (data["steps"][at] == step + 1) {
      CHECK(worst_difference(elements(p), data["training"]["after"][at++]) <= 1e-12);
    }
  }
  CHECK(at == data["steps"].size());
  CHECK(worst_difference(norms, data["training"]["norms"]) <= 1e-13);
}

}  // namespace
}  // namespace glassbox::test
