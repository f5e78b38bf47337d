// Training against PyTorch: the same weights and batches give the same losses and gradients. The
// numbers and the script that made them are in tests/data/parity.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/autograd/tape.h"
#include "engine/io/safetensors.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/softmax.h"
#include "engine/optim/sgd.h"
#include "layers/models/cifar.h"
#include "layers/models/mnist.h"

namespace glassbox {
namespace {

io::Safetensors reference(const std::string& name) {
  return io::load_safetensors(std::string(GLASSBOX_TEST_DATA) + "/parity/" + name + ".safetensors");
}

layers::StateDict with_prefix(const io::Safetensors& file, const std::string& prefix) {
  layers::StateDict state;
  for (const auto& [name, tensor] : file.tensors) {
    if (name.starts_with(prefix)) state.emplace_back(name.substr(prefix.size()), tensor);
  }
  return state;
}

Tensor batch_input(const io::Safetensors& file, std::int64_t batch, DType dtype) {
  return (file.at("images")[batch].to(DType::f64) - 128.0).to(dtype) / 64.0;
}

double max_abs(const Tensor& t) {
  double m = 0;
  for (const double v : t.to_vector<double>()) m = std::max(m, std::fabs(v));
  return m;
}

double norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum);
}

double max_difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  return max_abs(a.to(DType::f64) - b.to(DType::f64));
}

using Loss = std::function<Tensor(const Tensor& output, const Tensor& label)>;
Tensor cross_entropy_loss(const Tensor& output, const Tensor& label) {
  return cross_entropy(output, label);
}
Tensor nll(const Tensor& output, const Tensor& label) { return nll_loss(output, label); }

// What the 20 steps of the reference are compared in.
struct Training {
  std::vector<double> losses;
  Tensors first_gradients;
  std::vector<std::string> names;
};

template <class Model>
Training train(Model& model, const io::Safetensors& file, const Loss& criterion, DType dtype) {
  model.load_state_dict(with_prefix(file, "init/"));
  model.to(dtype);
  optim::SGD sgd(model.parameters(), {.lr = 0.01, .momentum = 0.9});
  Training out;
  for (int step = 0; step < 20; ++step) {
    sgd.zero_grad();
    const Tensor loss =
        criterion(model(batch_input(file, step % 4, dtype)), file.at("labels")[step % 4]);
    loss.backward();
    if (step == 0) {
      for (const auto& [name, p] : model.named_parameters()) {
        out.names.push_back(name);
        out.first_gradients.push_back(p.grad().clone());
      }
    }
    sgd.step();
    out.losses.push_back(loss.template item<double>());
  }
  return out;
}

double largest_gradient(const io::Safetensors& file) {
  double largest = 0;
  for (const auto& [name, g] : with_prefix(file, "grad/")) largest = std::max(largest, max_abs(g));
  return largest;
}

void check_f64(const Training& training, const io::Safetensors& file) {
  const std::vector<double> want = file.at("losses").to_vector<double>();
  double worst_loss = 0, worst_gradient = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    worst_loss = std::max(worst_loss, std::fabs(training.losses[i] - want[i]));
  }
  const double largest = largest_gradient(file);
  for (std::size_t i = 0; i < training.names.size(); ++i) {
    const double d =
        max_difference(training.first_gradients[i], file.at("grad/" + training.names[i]));
    worst_gradient = std::max(worst_gradient, d / largest);
  }
  MESSAGE("f64: worst loss difference ", worst_loss, ", worst gradient difference ", worst_gradient,
          " of the largest");
  CHECK(worst_loss <= 1e-8);
  CHECK(worst_gradient <= 1e-8);
}

void check_f32(const Training& training, const io::Safetensors& file) {
  const std::vector<double> want = file.at("losses").to_vector<double>();
  double largest_norm = 0, worst = 0;
  for (const auto& [name, g] : with_prefix(file, "grad/")) {
    largest_norm = std::max(largest_norm, norm(g.to_vector<double>()));
  }
  for (std::size_t i = 0; i < training.names.size(); ++i) {
    const Tensor& g = file.at("grad/" + training.names[i]);
    const std::vector<double> d =
        (training.first_gradients[i].to(DType::f64) - g).to_vector<double>();
    // A bias in front of batch norm has gradient 0: hence the absolute part.
    const double allowed = 1e-4 * norm(g.to_vector<double>()) + 1e-6 * largest_norm;
    CAPTURE(training.names[i]);
    CHECK(norm(d) <= allowed);
    worst = std::max(worst, norm(d) / allowed);
  }
  MESSAGE("f32: first loss off by ", std::fabs(training.losses[0] - want[0]),
          ", loss of step 20 by ", std::fabs(training.losses[19] - want[19]),
          ", worst gradient at ", worst, " of its tolerance");
  CHECK(std::fabs(training.losses[0] - want[0]) <= 1e-5);
  CHECK(std::fabs(training.losses[19] - want[19]) <= 1e-2);
}

template <class Model>
void check_final(Model& model, const io::Safetensors& file, double tolerance) {
  const layers::StateDict own = model.state_dict();
  for (const auto& [name, tensor] : with_prefix(file, "final/")) {
    const std::string capture = name;
    CAPTURE(capture);
    const auto it =
        std::find_if(own.begin(), own.end(), [&n = name](const auto& e) { return e.first == n; });
    REQUIRE(it != own.end());
    CHECK(max_difference(it->second, tensor) <= tolerance);
  }
}

TEST_CASE("CifarModel trains as in PyTorch, f64") {
  const io::Safetensors file = reference("cifar");
  models::CifarModel model;
  check_f64(train(model, file, cross_entropy_loss, DType::f64), file);
  check_final(model, file, 1e-8);
}

TEST_CASE("CifarModel trains as in PyTorch, f32") {
  const io::Safetensors file = reference("cifar");
  models::CifarModel model;
  check_f32(train(model, file, cross_entropy_loss, DType::f32), file);
}

TEST_CASE("CifarModel's first step moves the running statistics as in PyTorch") {
  const io::Safetensors file = reference("cifar");
  models::CifarModel model;
  model.load_state_dict(with_prefix(file, "init/"));
  model.to(DType::f64);
  const Tensor logits = model(batch_input(file, 0, DType::f64));
  CHECK(max_difference(logits, file.at("logits")) <= 1e-10);
  int buffers = 0;
  for (const auto& [name, buffer] : model.named_buffers()) {
    const std::string capture = name;
    CAPTURE(capture);
    CHECK(max_difference(buffer, file.at("step1/" + name)) <= 1e-12);
    ++buffers;
  }
  CHECK(buffers == 18);
}

models::Net net_without_dropout() {
  models::Net net;
  net.conv2_drop.p = 0;
  net.dropout_p = 0;
  return net;
}

TEST_CASE("Net trains as in PyTorch, f64") {
  const io::Safetensors file = reference("net");
  models::Net net = net_without_dropout();
  check_f64(train(net, file, nll, DType::f64), file);
  check_final(net, file, 1e-8);
}

TEST_CASE("Net trains as in PyTorch, f32") {
  const io::Safetensors file = reference("net");
  models::Net net = net_without_dropout();
  check_f32(train(net, file, nll, DType::f32), file);
}

// Net's forward with PyTorch's dropout masks given as tensors.
TEST_CASE("Net's dropout step is PyTorch's when the masks are") {
  const io::Safetensors file = reference("net");
  models::Net net;
  net.load_state_dict(with_prefix(file, "init/"));
  net.to(DType::f64);
  Tensor x = batch_input(file, 0, DType::f64);
  x = relu(max_pool2d(net.conv1(x), {.kernel_size = 2}));
  x = relu(max_pool2d(net.conv2(x) * file.at("dropout/mask2d"), {.kernel_size = 2}));
  x = relu(net.fc1(x.reshape({-1, 320}))) * file.at("dropout/mask");
  const Tensor loss = nll_loss(log_softmax(net.fc2(x), 1), file.at("labels")[0]);
  loss.backward();
  CHECK(std::fabs(loss.item<double>() - file.at("dropout/loss").item<double>()) <= 1e-10);
  for (const auto& [name, p] : net.named_parameters()) {
    const std::string capture = name;
    CAPTURE(capture);
    CHECK(max_difference(p.grad(), file.at("dropout/grad/" + name)) <= 1e-10);
  }
}

TEST_CASE(
    "SGD follows PyTorch's rule through momentum, dampening, decay, nesterov and late gradients") {
  const io::Safetensors file = reference("sgd");
  int cases = 0;
  for (const auto& [name, options] : file.tensors) {
    if (!name.ends_with("/options")) continue;
    const std::string prefix = name.substr(0, name.size() - 7);
    CAPTURE(prefix);
    const std::vector<double> o = options.to_vector<double>();
    Tensors parameters;
    for (const char* p : {"p0/init", "p1/init"})
      parameters.push_back(Parameter(file.at(p).clone()));
    optim::SGD sgd(parameters, {.lr = o[0],
                                .momentum = o[1],
                                .dampening = o[2],
                                .weight_decay = o[3],
                                .nesterov = o[4] != 0});
    for (std::int64_t step = 0; step < 6; ++step) {
      sgd.zero_grad();
      parameters[0].set_grad(file.at("p0/grad")[step]);
      const bool late = prefix == "late/" && step < 2;
      if (!late) parameters[1].set_grad(file.at("p1/grad")[step]);
      sgd.step();
      CHECK(max_difference(parameters[0], file.at(prefix + "p0")[step]) <= 1e-14);
      CHECK(max_difference(parameters[1], file.at(prefix + "p1")[step]) <= 1e-14);
    }
    ++cases;
  }
  CHECK(cases >= 4);
}

}  // namespace
}  // namespace glassbox
