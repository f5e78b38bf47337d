// Mixed precision: what autocast casts, loss scaling, and trainings in each precision.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "engine/core/cuda.h"
#include "engine/engine.h"
#include "engine/io/safetensors.h"
#include "layers/layers.h"
#include "tests/cli_run.h"
#include "tests/cuda/cuda_device.h"
#include "tests/ops/op_run.h"
#include "tests/small_mnist.h"
#include "tests/temp_folder.h"

namespace glassbox::test {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

Tensor floats(const Shape& shape, std::uint64_t seed, Device device, DType dtype = DType::f32) {
  return values(shape, seed).to(DType::f32).to(device).to(dtype);
}

// --- autocast -----------------------------------------------------------------------------------

TEST_CASE("precision: names") {
  for (const std::string name : {"fp32", "tf32", "fp16", "bf16"}) {
    CHECK(to_string(parse_precision(name)) == name);
  }
  CHECK(error_of([] { parse_precision("fp8"); }) ==
        "precision: \"fp8\" is none of fp32, tf32, fp16, bf16");
}

TEST_CASE("precision: scopes nest, restore, and are a thread's own") {
  CHECK(autocast_dtype() == std::nullopt);
  CHECK_FALSE(cuda::allow_tf32());
  {
    const AutocastScope half(Precision::fp16);
    CHECK(autocast_dtype() == DType::f16);
    CHECK_FALSE(cuda::allow_tf32());
    {
      const AutocastScope tf32(Precision::tf32);
      CHECK(autocast_dtype() == std::nullopt);
      CHECK(cuda::allow_tf32());
      const AutocastScope brain(Precision::bf16);
      CHECK(autocast_dtype() == DType::bf16);
      CHECK(cuda::allow_tf32());
      {
        const AutocastScope full(Precision::fp32);
        CHECK(autocast_dtype() == std::nullopt);
        CHECK_FALSE(cuda::allow_tf32());
      }
      CHECK(autocast_dtype() == DType::bf16);
      CHECK(cuda::allow_tf32());
      const NoAutocast none;
      CHECK(autocast_dtype() == std::nullopt);
      CHECK(cuda::allow_tf32());
    }
    CHECK(autocast_dtype() == DType::f16);
    CHECK_FALSE(cuda::allow_tf32());
    std::thread([] { CHECK(autocast_dtype() == std::nullopt); }).join();
  }
  CHECK(autocast_dtype() == std::nullopt);
  CHECK_FALSE(error_of([] {
                const AutocastScope scope(Precision::tf32);
                fail("x", "y");
              }).empty());
  CHECK_FALSE(cuda::allow_tf32());
}

// What a function gives for f32 operands, and for operands of one half type.
struct Case {
  const char* name;
  std::function<Tensor(DType)> call;
  enum { compute, f32, widest, same } policy;
};

std::vector<Case> cases(Device device) {
  const auto t = [device](const Shape& shape, DType dtype, std::uint64_t seed = 0) {
    return (values(shape, seed, 0.25, 2)).to(DType::f32).to(device).to(dtype);
  };
  const auto wide = [t](const Shape& shape, std::uint64_t seed = 1) {
    return t(shape, DType::f32, seed);
  };
  const Tensor labels = integers({4}, 0, 5).to(device);
  const Tensor condition = booleans({4, 5}).to(device);
  const auto recurrent = [wide](const Tensor& x) {
    return lstm(x, Tensor(), Tensor(), {wide({12, 5}), wide({12, 3}), wide({12}), wide({12})})
        .output;
  };
  const auto of_two = [t, wide](Tensor (*f)(const Tensor&, const Tensor&)) {
    return [=](DType d) { return f(t({4, 5}, d), wide({4, 5})); };
  };
  const auto of_one = [t](Tensor (*f)(const Tensor&)) {
    return [=](DType d) { return f(t({4, 5}, d)); };
  };
  return {
      {"conv2d",
       [=](DType d) {
         return conv2d(t({2, 3, 5, 5}, d), wide({4, 3, 3, 3}), wide({4}));
       },
       Case::compute},
      {"conv2d without bias",
       [=](DType d) {
         return conv2d(t({2, 3, 5, 5}, d), wide({4, 3, 3, 3}));
       },
       Case::compute},
      {"conv_transpose2d",
       [=](DType d) {
         return conv_transpose2d(t({2, 3, 5, 5}, d), wide({3, 4, 3, 3}), wide({4}));
       },
       Case::compute},
      {"linear",
       [=](DType d) {
         return linear(t({4, 5}, d), wide({3, 5}), wide({3}));
       },
       Case::compute},
      {"matmul",
       [=](DType d) {
         return matmul(t({4, 5}, d), wide({5, 3}));
       },
       Case::compute},
      {"attention",
       [=](DType d) {
         return scaled_dot_product_attention(t({2, 4, 5}, d), wide({2, 3, 5}), wide({2, 3, 5}),
                                             wide({4, 3}));
       },
       Case::compute},
      {"softmax",
       [=](DType d) {
         return softmax(t({4, 5}, d), 1);
       },
       Case::f32},
      {"log_softmax",
       [=](DType d) {
         return log_softmax(t({4, 5}, d), 1);
       },
       Case::f32},
      {"nll_loss",
       [=](DType d) {
         return nll_loss(t({4, 5}, d), labels);
       },
       Case::f32},
      {"cross_entropy",
       [=](DType d) {
         return cross_entropy(t({4, 5}, d), labels);
       },
       Case::f32},
      {"cross_entropy, weights",
       [=](DType d) {
         return cross_entropy(t({4, 5}, d), labels, {}, wide({5}));
       },
       Case::f32},
      {"mse_loss",
       [=](DType d) {
         return mse_loss(t({4, 5}, d), wide({4, 5}));
       },
       Case::f32},
      {"layer_norm",
       [=](DType d) {
         return layer_norm(t({4, 5}, d), Shape{5}, wide({5}), wide({5}));
       },
       Case::f32},
      {"group_norm",
       [=](DType d) {
         return group_norm(t({2, 4, 3}, d), 2, wide({4}), wide({4}));
       },
       Case::f32},
      {"lstm",
       [=](DType d) {
         return recurrent(t({2, 4, 5}, d));
       },
       Case::f32},
      {"exp", of_one(exp), Case::f32},
      {"log", of_one(log), Case::f32},
      {"pow",
       [=](DType d) {
         return pow(t({4, 5}, d), 3);
       },
       Case::f32},
      {"+", of_two(operator+), Case::widest},
      {"-", of_two(operator-), Case::widest},
      {"*", of_two(operator*), Case::widest},
      {"/", of_two(operator/), Case::widest},
      {"minimum", of_two(minimum), Case::widest},
      {"maximum", of_two(maximum), Case::widest},
      {"where",
       [=](DType d) {
         return where(condition, t({4, 5}, d), wide({4, 5}));
       },
       Case::widest},
      {"concat",
       [=](DType d) {
         return concat({t({4, 5}, d), wide({4, 5})}, 1);
       },
       Case::widest},
      {"stack",
       [=](DType d) {
         return stack({t({4, 5}, d), wide({4, 5})});
       },
       Case::widest},
      {"relu", of_one(relu), Case::same},
      {"with a number",
       [=](DType d) {
         return t({4, 5}, d) * 2.0;
       },
       Case::same},
      {"max_pool2d",
       [=](DType d) {
         return max_pool2d(t({2, 3, 4, 4}, d), {});
       },
       Case::same},
      {"sum",
       [=](DType d) {
         return t({4, 5}, d).sum();
       },
       Case::same},
      {"batch_norm",
       [=](DType d) {
         return batch_norm(t({4, 5}, d), wide({5}), wide({5}), {}, {.training = true});
       },
       Case::same},
  };
}

void check_policies(Device device) {
  for (const Precision precision : {Precision::fp16, Precision::bf16}) {
    const DType half = precision == Precision::fp16 ? DType::f16 : DType::bf16;
    for (const Case& c : cases(device)) {
      INFO(c.name, " in ", to_string(precision));
      const AutocastScope scope(precision);
      for (const DType given : {DType::f32, DType::f16, DType::bf16}) {
        const DType got = c.call(given).dtype();
        if (c.policy == Case::compute) CHECK(got == half);
        if (c.policy == Case::f32 || c.policy == Case::widest) CHECK(got == DType::f32);
        if (c.policy == Case::same) CHECK(got == given);
      }
    }
  }
}

TEST_CASE("precision: every policy gives its type") {
  if (!have_cuda()) return;
  check_policies(cuda_device());
  check_policies(Device::meta(Device::Type::cuda));
  const Device device = cuda_device();
  const Tensor x = floats({4, 5}, 0, device), half = x.to(DType::f16), brain = x.to(DType::bf16);
  const AutocastScope scope(Precision::bf16);
  CHECK(gt(half, x).dtype() == DType::boolean);
  CHECK((half + brain).dtype() == DType::f32);
  CHECK((half + half).dtype() == DType::f16);
  CHECK((x.to(DType::f64) + half).dtype() == DType::f64);
  // f64 is never narrowed.
  const Tensor d = x.to(DType::f64);
  CHECK(matmul(d, values({5, 2}).to(device)).dtype() == DType::f64);
  CHECK(softmax(d, 1).dtype() == DType::f64);
}

TEST_CASE("precision: the CPU, and whatever stands for it, is left alone") {
  for (const Device device : {Device::cpu(), Device::meta()}) {
    const AutocastScope scope(Precision::bf16);
    const Tensor x = floats({4, 5}, 0, Device::cpu()).to(device);
    CHECK(linear(x, x, Tensor()).dtype() == DType::f32);
    CHECK((x + x).dtype() == DType::f32);
    CHECK(has(error_of([&] { x + x.to(DType::f16); }), "add: "));
  }
}

TEST_CASE("precision: without autocast types do not mix") {
  if (!have_cuda()) return;
  const Tensor x = floats({4, 5}, 0, cuda_device()), half = x.to(DType::f16);
  CHECK(has(error_of([&] { x + half; }), "add: "));
  CHECK(has(error_of([&] { matmul(x, half); }), "matmul: "));
  const AutocastScope outer(Precision::fp16), inner(Precision::fp32);
  CHECK(has(error_of([&] { x + half; }), "add: "));
  CHECK(softmax(half, 1).dtype() == DType::f16);
}

TEST_CASE("precision: batch_norm takes a half x with f32 parameters and statistics") {
  if (!have_cuda()) return;
  const Device device = cuda_device();
  for (const DType half : {DType::f16, DType::bf16}) {
    for (const Shape& shape : {Shape{6, 3, 4, 4}, Shape{8, 3}}) {
      for (const bool training : {true, false}) {
        INFO(name_of(half), " ", to_string(shape), training ? " training" : "");
        const double allowed = half == DType::f16 ? 4e-3 : 3e-2;
        const auto run = [&](DType dtype) {
          Tensor x = floats(shape, 0, device, half).to(dtype).detach();
          Tensor w = floats({3}, 1, device), b = floats({3}, 2, device);
          for (Tensor* t : {&x, &w, &b}) t->set_requires_grad();
          const Tensor mean = zeros({3}, DType::f32, device), var = ones({3}, DType::f32, device);
          const BatchNormState state{mean, var, zeros({}, DType::i64, device)};
          const Tensor y = batch_norm(x, w, b, state, {.training = training});
          CHECK(y.dtype() == dtype);
          (y * floats(shape, 3, device, dtype)).sum().backward();
          CHECK(x.grad().dtype() == dtype);
          CHECK(w.grad().dtype() == DType::f32);
          return Tensors{y.detach(), mean, var, w.grad(), b.grad(), x.grad()};
        };
        const Tensors got = run(half), want = run(DType::f32);
        for (std::size_t i = 0; i < got.size(); ++i) {
          INFO("result ", i);
          CHECK(difference(got[i], want[i]) < allowed);
        }
      }
    }
  }
  // Without parameters the statistics are f32; half parameters stay possible, mixed ones are not.
  const Tensor x = floats({6, 3}, 0, device, DType::f16), w = floats({3}, 1, device);
  const ops::BatchNorm op{.training = true};
  CHECK(apply(op, x, Tensor(), Tensor(), Tensor(), Tensor())[1].dtype() == DType::f32);
  CHECK(apply(op, x, w.to(DType::f16), Tensor(), Tensor(), Tensor())[1].dtype() == DType::f16);
  CHECK(has(error_of([&] { apply(op, x, w, w.to(DType::f16), Tensor(), Tensor()); }),
            "batch_norm: bias must be [3] f32 for x [6,3] f16, got [3] f16"));
  CHECK(has(error_of([&] { apply(op, x, w.to(DType::bf16), Tensor(), Tensor(), Tensor()); }),
            "batch_norm: weight must be [3] f32"));
  CHECK(has(error_of([&] {
              apply(op, x.to(Device::cpu()), w.to(Device::cpu()), Tensor(), Tensor(), Tensor());
            }),
            "batch_norm: the CPU computes f32 and f64, not f16"));
  // Gradients of the batch's statistics themselves.
  Tensor leaf = x.detach();
  leaf.set_requires_grad();
  const TensorList out = apply(op, leaf, w, Tensor(), Tensor(), Tensor());
  (out[1].sum() + out[2].sum()).backward();
  CHECK(leaf.grad().dtype() == DType::f16);
}

// --- training -----------------------------------------------------------------------------------

struct Small : layers::Module<Small> {
  layers::Conv2d conv{3, 8, 3, {.padding = 1}};
  layers::BatchNorm2d norm{8};
  layers::Linear fc1{8 * 4 * 4, 16};
  layers::LayerNorm norm2{16};
  layers::Linear fc2{16, 5};
  Tensor forward(const Tensor& x) {
    const Tensor y = max_pool2d(relu(norm(conv(x))), {}).flatten(1);
    return fc2(relu(norm2(fc1(y))));
  }
  void fields(layers::Fields& f) {
    f("conv", conv);
    f("norm", norm);
    f("fc1", fc1);
    f("norm2", norm2);
    f("fc2", fc2);
  }
};

struct Batch {
  Tensor x = floats({12, 3, 8, 8}, 7, cuda_device());
  Tensor labels = integers({12}, 0, 5, 8).to(cuda_device());
};

double norm_of(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

TEST_CASE(
    "precision: gradients of f32 parameters are f32, and those of f32 training but for rounding") {
  if (!have_cuda()) return;
  const Batch batch;
  const auto gradients = [&](Precision precision, bool backward_inside) {
    manual_seed(5);
    Small model;
    model.cuda();
    Tensor loss;
    {
      const AutocastScope scope(precision);
      loss = cross_entropy(model(batch.x), batch.labels);
      if (backward_inside) loss.backward();
    }
    CHECK(loss.dtype() == DType::f32);
    if (!backward_inside) loss.backward();
    Tensors out;
    for (const Tensor& p : model.parameters()) {
      CHECK(p.dtype() == DType::f32);
      CHECK(p.grad().dtype() == DType::f32);
      out.push_back(p.grad());
    }
    return out;
  };
  const Tensors want = gradients(Precision::fp32, false);
  for (const Precision precision : {Precision::fp16, Precision::bf16}) {
    const double allowed = precision == Precision::fp16 ? 0.02 : 0.1;
    const Tensors got = gradients(precision, false), inside = gradients(precision, true);
    for (std::size_t i = 0; i < want.size(); ++i) {
      INFO(to_string(precision), ", parameter ", i);
      const std::vector<double> a = got[i].to_vector<double>(), b = want[i].to_vector<double>();
      std::vector<double> d(a.size());
      for (std::size_t k = 0; k < a.size(); ++k) d[k] = a[k] - b[k];
      // A bias before a norm has no gradient but for rounding.
      CHECK(norm_of(d) <= allowed * std::max(norm_of(b), 0.05));
      CHECK(same_bits(got[i], inside[i]));
    }
  }
}

TEST_CASE("precision: backward runs in the types of forward, whatever scope it is called in") {
  if (!have_cuda()) return;
  Tensor a = floats({3, 4}, 0, cuda_device()), b = floats({4, 2}, 1, cuda_device());
  a.set_requires_grad();
  b.set_requires_grad();
  const Tensor y = matmul(a, b).sum();
  const AutocastScope scope(Precision::bf16);
  y.backward();
  CHECK(a.grad().dtype() == DType::f32);
  const std::vector<double> w = b.to_vector<double>();
  CHECK(a.grad().to_vector<float>()[0] == static_cast<float>(w[0]) + static_cast<float>(w[1]));
}

std::vector<double> losses_of(Precision precision, int steps) {
  const Batch batch;
  manual_seed(5);
  Small model;
  model.cuda();
  optim::Adam optimizer(model.parameters(), {.lr = 0.01});
  optim::GradScaler scaler({.enabled = precision == Precision::fp16});
  Tensors losses;
  for (int i = 0; i < steps; ++i) {
    optimizer.zero_grad();
    Tensor loss;
    {
      const AutocastScope scope(precision);
      loss = cross_entropy(model(batch.x), batch.labels);
    }
    scaler.scale(loss).backward();
    scaler.unscale_(optimizer);
    optim::clip_grad_norm(model.parameters(), 5.0);
    scaler.step(optimizer);
    scaler.update();
    losses.push_back(loss.detach());
  }
  std::vector<double> out;
  for (const Tensor& loss : losses) out.push_back(loss.item<double>());
  return out;
}

TEST_CASE("precision: a small network learns in bf16 and fp16 as in f32") {
  if (!have_cuda()) return;
  const std::vector<double> want = losses_of(Precision::fp32, 10);
  CHECK(losses_of(Precision::tf32, 2)[1] == doctest::Approx(want[1]).epsilon(1e-3));
  for (const Precision precision : {Precision::fp16, Precision::bf16}) {
    const std::vector<double> got = losses_of(precision, 10);
    INFO(to_string(precision));
    CHECK(got.front() == doctest::Approx(want.front()).epsilon(0.02));
    CHECK(got.back() < 0.5 * got.front());
    CHECK(std::abs(got.back() - want.back()) < 0.1 * want.front());
  }
}

TEST_CASE("precision: a warm fp16 step waits for nothing and takes nothing from the driver") {
  if (!have_cuda()) return;
  const Batch batch;
  Small model;
  model.cuda();
  optim::SGD optimizer(model.parameters(), {.lr = 0.01, .momentum = 0.9});
  optim::GradScaler scaler({.growth_interval = 2});
  const auto step = [&] {
    optimizer.zero_grad();
    Tensor loss;
    {
      const AutocastScope scope(Precision::fp16);
      loss = cross_entropy(model(batch.x), batch.labels);
    }
    scaler.scale(loss).backward();
    scaler.unscale_(optimizer);
    optim::clip_grad_norm(model.parameters(), 1.0);
    scaler.step(optimizer);
    scaler.update();
    return loss.detach();
  };
  CHECK(check_warm_step(step) < 120);
}

// --- loss scaling -------------------------------------------------------------------------------

std::vector<Device> devices() {
  std::vector<Device> all{Device::cpu()};
  if (have_cuda()) all.push_back(cuda_device());
  return all;
}

using MakeOptimizer = std::unique_ptr<optim::Optimizer> (*)(Tensors);
constexpr std::pair<const char*, MakeOptimizer> optimizers[] = {
    {"SGD",
     [](Tensors p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::SGD>(std::move(p),
                                           optim::SGDOptions{.lr = 0.1, .momentum = 0.9});
     }},
    {"AdamW",
     [](Tensors p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::AdamW>(std::move(p), optim::AdamWOptions{.lr = 0.1});
     }},
    {"RMSprop", [](Tensors p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::RMSprop>(
           std::move(p), optim::RMSpropOptions{.lr = 0.1, .momentum = 0.5, .centered = true});
     }}};

optim::StateDict copy_of(const optim::StateDict& state) {
  optim::StateDict copies;
  for (const auto& [name, tensor] : state) copies.emplace_back(name, tensor.clone());
  return copies;
}
bool equal(const optim::StateDict& a, const optim::StateDict& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].first != b[i].first || !same_bits(a[i].second, b[i].second)) return false;
  }
  return true;
}

Tensors leaves(Device device) {
  Tensors all{floats({3, 5}, 1, device), floats({4}, 2, device)};
  for (Tensor& p : all) p.set_requires_grad();
  return all;
}

// The gradients of step i times the scale; `bad` puts one value into the second.
void set_gradients(Tensors& parameters, int i, double scale, double bad = 0) {
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    Tensor g =
        floats(parameters[k].shape(), 10 + static_cast<std::uint64_t>(i) + k, Device::cpu()) *
        scale;
    if (bad != 0 && k == 1) g.mutable_data<float>()[2] = static_cast<float>(bad);
    parameters[k].set_grad(g.to(parameters[k].device()));
  }
}

TEST_CASE("precision: GradScaler follows PyTorch's rule, and a skipped step changes nothing") {
  // What each step's gradients hold besides finite numbers.
  const double steps[] = {0, 0, infinity, 0, 0, 0, 0, NAN, -infinity, 0, 0, 0, 0, 0, 0};
  for (const Device device : devices()) {
    for (const auto& kind : optimizers) {
      INFO(kind.first, " on ", to_string(device));
      Tensors scaled = leaves(device), plain = leaves(device);
      const auto optimizer = kind.second(scaled), twin = kind.second(plain);
      optim::GradScaler scaler({.init_scale = 64, .growth_interval = 3, .device = device});
      double scale = 64;
      int tracker = 0, i = 0;
      for (const double bad : steps) {
        INFO("step ", i);
        CHECK(scaler.get_scale() == scale);
        set_gradients(scaled, i, scale, bad);
        const optim::StateDict before = copy_of(optimizer->state_dict());
        const Tensor p0 = scaled[0].detach().clone(), p1 = scaled[1].detach().clone();
        if (i % 2) scaler.unscale_(*optimizer);
        scaler.step(*optimizer);
        scaler.update();
        if (bad != 0) {
          CHECK(equal(optimizer->state_dict(), before));  // step counts and moments too
          CHECK(same_bits(scaled[0], p0));
          CHECK(same_bits(scaled[1], p1));
          scale *= 0.5;
          tracker = 0;
        } else {
          set_gradients(plain, i, 1);  // the scale is a power of two
          twin->step();
          CHECK_FALSE(same_bits(scaled[0], p0));
          if (++tracker == 3) {
            scale *= 2;
            tracker = 0;
          }
        }
        CHECK(same_bits(scaled[0], plain[0]));
        CHECK(same_bits(scaled[1], plain[1]));
        CHECK(equal(optimizer->state_dict(), twin->state_dict()));
        CHECK(scaler.state_dict()[0].second.to_vector<double>() ==
              std::vector<double>{scale, double(tracker), 0, 0});
        ++i;
      }
      CHECK(scale == 64);
      CHECK(optimizer->lr() == 0.1);  // the host's copy of the options
      // An infinite step leaves no skip behind for steps without the scaler.
      set_gradients(scaled, i, 1);
      set_gradients(plain, i, 1);
      optimizer->step();
      twin->step();
      CHECK(same_bits(scaled[0], plain[0]));
    }
  }
}

TEST_CASE("precision: GradScaler scales the loss, and steps as without it") {
  for (const Device device : devices()) {
    INFO(to_string(device));
    const auto train = [device](bool enabled) {
      Tensors p = leaves(device);
      optim::Adam optimizer(p, {.lr = 0.1});
      optim::GradScaler scaler({.enabled = enabled, .device = device});
      for (int i = 0; i < 3; ++i) {
        optimizer.zero_grad();
        const Tensor loss = pow(p[0], 2).sum() + pow(p[1], 2).sum();
        const Tensor scaled = scaler.scale(loss);
        CHECK(scaled.item<double>() == loss.item<double>() * (enabled ? 65536 : 1));
        scaled.backward();
        scaler.step(optimizer);
        scaler.update();
      }
      CHECK(scaler.get_scale() == (enabled ? 65536 : 1));
      CHECK(scaler.state_dict().size() == (enabled ? 1 : 0));
      return p;
    };
    const Tensors with = train(true), without = train(false);
    for (std::size_t k = 0; k < 2; ++k) CHECK(same_bits(with[k], without[k]));
  }
  // A half loss: 65536 times it is no f16.
  const optim::GradScaler scaler({.device = Device::cpu()});
  const Tensor loss = full({}, 3, DType::f32, Device::cpu()).to(DType::f16);
  CHECK(scaler.scale(loss).dtype() == DType::f32);
  CHECK(scaler.scale(loss).item<double>() == 3 * 65536);
  CHECK(scaler.scale(loss.to(DType::f64)).dtype() == DType::f64);
}

TEST_CASE("precision: GradScaler with two optimizers, of which one skips") {
  for (const Device device : devices()) {
    INFO(to_string(device));
    Tensors first = leaves(device), second = leaves(device);
    optim::SGD a({{.params = {first[0]}}, {.params = {first[1]}, .lr = 0.5}}, {.lr = 0.1});
    optim::SGD b(second, {.lr = 0.1});
    optim::GradScaler scaler({.init_scale = 8, .device = device});
    set_gradients(first, 0, 8, infinity);
    set_gradients(second, 0, 8);
    const Tensor a0 = first[0].detach().clone(), b0 = second[0].detach().clone();
    scaler.unscale_(a);
    scaler.unscale_(b);
    scaler.step(a);
    scaler.step(b);
    scaler.update();
    CHECK(same_bits(first[0], a0));  // of another group than the infinite one
    CHECK_FALSE(same_bits(second[0], b0));
    CHECK(scaler.get_scale() == 4);
  }
}

TEST_CASE("precision: GradScaler refuses what is out of order, and loads its state") {
  Tensors p = leaves(Device::cpu());
  optim::SGD optimizer(p, {.lr = 0.1});
  optim::GradScaler scaler({.init_scale = 8, .device = Device::cpu()});
  CHECK(error_of([&] { scaler.update(); }) == "GradScaler: update() is called before any step()");
  set_gradients(p, 0, 8);
  scaler.unscale_(optimizer);
  CHECK(has(error_of([&] { scaler.unscale_(optimizer); }), "unscale_() was already called"));
  scaler.step(optimizer);
  CHECK(has(error_of([&] { scaler.unscale_(optimizer); }), "unscale_() is called after step()"));
  CHECK(has(error_of([&] { scaler.step(optimizer); }), "step() was already called"));
  scaler.update();
  CHECK(has(error_of([] { optim::GradScaler bad({.init_scale = 0, .device = Device::cpu()}); }),
            "GradScaler: init_scale 0 is not above 0"));
  CHECK(has(error_of([] { optim::GradScaler bad({.growth_factor = 1}); }), "growth_factor 1"));
  CHECK(has(error_of([] { optim::GradScaler bad({.backoff_factor = 1}); }), "backoff_factor 1"));
  CHECK(has(error_of([] { optim::GradScaler bad({.growth_interval = 0}); }), "growth_interval 0"));

  optim::GradScaler other({.device = Device::cpu()});
  other.load_state_dict(copy_of(scaler.state_dict()));
  CHECK(other.get_scale() == 8);
  CHECK(equal(other.state_dict(), scaler.state_dict()));
  CHECK(has(error_of([&] { other.load_state_dict({}); }), "GradScaler: the state does not fit"));
}

// --- the command line ---------------------------------------------------------------------------

struct Tiny : layers::Module<Tiny> {
  layers::Conv2d conv{1, 2, 5, {.stride = 4}};
  layers::BatchNorm2d norm{2};
  layers::Linear fc{2 * 6 * 6, 10};
  Tensor forward(const Tensor& x) { return fc(relu(norm(conv(x))).flatten(1)); }
  void fields(layers::Fields& f) {
    f("conv", conv);
    f("norm", norm);
    f("fc", fc);
  }
  static Shape input_shape() { return {1, 28, 28}; }
};
const std::vector<models::Entry> own{{"tiny", "", models::make<Tiny>}};

using Arguments = std::vector<std::string>;

TEST_CASE("precision: train --precision, and its scaler goes on where it was") {
  const TempFolder place;
  make_small_mnist(place / "data", 40, 20);
  const auto train = [&](const std::string& run, const Arguments& more) {
    Arguments all{
        "train",        "--model",     "tiny",      "--data", place / "data", "--run", place / run,
        "--batch-size", "20",          "--threads", "1",      "--workers",    "0",     "--lr",
        "0.05",         "--clip-norm", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return run_cli(all, own);
  };
  const auto refused = [](const CliResult& result, const std::string& what) {
    CHECK(result.code == 2);
    CHECK_MESSAGE(has(result.err, what), result.err);
  };
  refused(train("a", {"--precision", "fp8"}),
          "train: --precision fp8 is none of fp32, tf32, fp16, bf16");
  refused(train("a", {"--precision", "bf16", "--device", "cpu"}),
          "train: --precision bf16 needs a GPU: the CPU computes f32");
  refused(train("a", {"--precision", "fp16", "--device", "cpu"}),
          "train: --precision fp16 needs a GPU: the CPU computes f32");
  if (!have_cuda()) return;
  const auto ok = [](const CliResult& result) {
    CHECK_MESSAGE(result.code == 0, result.err);
    CHECK(result.err.empty());
  };
  for (const std::string precision : {"fp16", "bf16", "tf32"}) {
    INFO(precision);
    const Arguments on_gpu{"--device", "cuda", "--precision", precision};
    const auto with = [&](Arguments more) {
      more.insert(more.end(), on_gpu.begin(), on_gpu.end());
      return more;
    };
    const std::string whole = precision + "-whole", parts = precision + "-parts";
    ok(train(whole, with({"--epochs", "2"})));
    const auto config = nlohmann::json::parse(read_bytes(place / (whole + "/config.json")));
    CHECK(config.at("options").at("precision") == precision);
    const auto saved =
        io::load_safetensors(place / (whole + "/checkpoints/step-4/training.safetensors"));
    bool has_scaler = false;
    for (const auto& [name, tensor] : saved.tensors) has_scaler |= name == "scaler.state";
    CHECK(has_scaler == (precision == "fp16"));
    if (has_scaler) CHECK(saved.at("scaler.state").to_vector<double>()[0] > 0);
    for (const auto& [name, tensor] :
         io::load_safetensors(place / (whole + "/model.safetensors")).tensors) {
      CHECK((tensor.dtype() == DType::f32 || !is_floating(tensor.dtype())));
    }
    ok(train(parts, with({"--epochs", "1"})));
    refused(run_cli({"train", "--resume", place / parts, "--precision", "fp32"}, own),
            "train: --precision does not go with --resume");
    if (precision != "tf32") {
      refused(run_cli({"train", "--resume", place / parts, "--device", "cpu"}, own),
              "needs a GPU: the CPU computes f32");
    }
    ok(run_cli({"train", "--resume", place / parts, "--epochs", "2", "--device", "cuda"}, own));
    CHECK(read_bytes(place / (parts + "/model.safetensors")) ==
          read_bytes(place / (whole + "/model.safetensors")));
    CHECK(run_cli({"evaluate", place / whole}, own).code == 0);
  }
  // What looks into a training sees halves and unscaled gradients.
  ok(train("looked", {"--device", "cuda", "--precision", "fp16", "--epochs", "1", "--log-every",
                      "1", "--health", "--probe", "conv:activations:histogram:1"}));
}

}  // namespace
}  // namespace glassbox::test
