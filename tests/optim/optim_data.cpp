#include "tests/optim/optim_data.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>

#include "engine/optim/adam.h"
#include "engine/optim/rmsprop.h"
#include "engine/optim/sgd.h"

namespace glassbox::test {

namespace {

const Shape shapes[] = {{2, 3}, {5}};

Tensor tensor_of(const Json& values, const Shape& shape) {
  return from(values.get<std::vector<double>>(), shape);
}

}  // namespace

const Json& optim_data() {
  static const Json data =
      Json::parse(std::ifstream(std::string(GLASSBOX_TEST_DATA) + "/optim/optim.json"));
  return data;
}

Tensors initial_parameters() {
  Tensors out;
  for (std::size_t i = 0; i < 2; ++i) {
    out.push_back(Parameter(tensor_of(optim_data()["init"][i], shapes[i])));
  }
  return out;
}

Tensor gradient(std::size_t step, std::size_t parameter) {
  return tensor_of(optim_data()["gradients"][step][parameter], shapes[parameter]);
}

void set_gradients(Tensors& parameters, std::size_t step, bool late) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    parameters[i].set_grad(late && i == 1 && step < 2 ? Tensor() : gradient(step, i));
  }
}

std::unique_ptr<optim::Optimizer> make_optimizer(const std::string& kind, const Json& options,
                                                 const optim::ParamGroups& groups) {
  const auto set = [&](const char* name, auto& option) {
    if (options.contains(name)) options[name].get_to(option);
  };
  const auto make = [&](auto o, auto make_it) -> std::unique_ptr<optim::Optimizer> {
    set("lr", o.lr);
    set("weight_decay", o.weight_decay);
    set("maximize", o.maximize);
    if constexpr (requires { o.momentum; }) set("momentum", o.momentum);
    if constexpr (requires { o.dampening; }) set("dampening", o.dampening);
    if constexpr (requires { o.nesterov; }) set("nesterov", o.nesterov);
    if constexpr (requires { o.alpha; }) set("alpha", o.alpha);
    if constexpr (requires { o.centered; }) set("centered", o.centered);
    if constexpr (requires { o.eps; }) set("eps", o.eps);
    if constexpr (requires { o.betas; }) set("betas", o.betas);
    if constexpr (requires { o.amsgrad; }) set("amsgrad", o.amsgrad);
    return make_it(o);
  };
  if (kind == "SGD") {
    return make(optim::SGDOptions{},
                [&](const auto& o) { return std::make_unique<optim::SGD>(groups, o); });
  }
  if (kind == "Adam") {
    return make(optim::AdamOptions{},
                [&](const auto& o) { return std::make_unique<optim::Adam>(groups, o); });
  }
  if (kind == "AdamW") {
    return make(optim::AdamWOptions{},
                [&](const auto& o) { return std::make_unique<optim::AdamW>(groups, o); });
  }
  if (kind == "RMSprop") {
    return make(optim::RMSpropOptions{},
                [&](const auto& o) { return std::make_unique<optim::RMSprop>(groups, o); });
  }
  fail("make_optimizer", "does not know " + kind);
}

optim::ParamGroup make_group(const Tensors& parameters, const Json& options) {
  optim::ParamGroup group{.params = parameters};
  const auto set = [&](const char* name, auto& option) {
    if (options.contains(name)) {
      option = options[name].get<typename std::decay_t<decltype(option)>::value_type>();
    }
  };
  set("lr", group.lr);
  set("momentum", group.momentum);
  set("dampening", group.dampening);
  set("weight_decay", group.weight_decay);
  set("alpha", group.alpha);
  set("eps", group.eps);
  set("betas", group.betas);
  set("nesterov", group.nesterov);
  set("amsgrad", group.amsgrad);
  set("centered", group.centered);
  set("maximize", group.maximize);
  return group;
}

std::vector<double> elements(const Tensors& tensors) {
  std::vector<double> out;
  for (const Tensor& t : tensors) {
    const std::vector<double> values = t.to_vector<double>();
    out.insert(out.end(), values.begin(), values.end());
  }
  return out;
}

double worst_difference(const std::vector<double>& got, const Json& want) {
  if (got.size() != want.size()) return INFINITY;
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double w = want[i].get<double>();
    const double error = std::abs(got[i] - w) / std::max(1.0, std::abs(w));
    worst = std::max(worst, std::isnan(error) ? INFINITY : error);
  }
  return worst;
}

bool same_bits(const optim::StateDict& a, const optim::StateDict& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    const std::size_t bytes = x.second.spec().bytes();
    return x.first == y.first && y.second.spec().bytes() == bytes &&
           std::memcmp(x.second.raw(), y.second.raw(), bytes) == 0;
  });
}

}  // namespace glassbox::test
