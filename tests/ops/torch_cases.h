// The cases of tests/data/ops: PyTorch's outputs and gradients of every op (made by make_ops.py
// there), and how an op is compared with them.
#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/io/safetensors.h"

namespace glassbox::test {

using Json = nlohmann::json;

// One case: its options and tensors.
struct Case {
  std::string name;
  Json options;
  const io::Safetensors& file;

  Tensor find(const std::string& tensor) const {
    const std::string full = name + "/" + tensor;
    return file.contains(full) ? file.at(full).clone() : Tensor();
  }
  Tensor in(int i) const { return find("in" + std::to_string(i)); }
  Pair pair(const char* key, Pair fallback) const {
    if (!options.contains(key)) return fallback;
    return {options[key][0].get<int>(), options[key][1].get<int>()};
  }
  template <class T>
  T value(const char* key, T fallback) const {
    return options.value(key, fallback);
  }
};

// Runs f for every case of `op`; returns how many there were. `part` begins the names of the files.
template <class F>
int for_cases(const std::string& op, const F& f, const std::string& part = "") {
  const std::string folder = GLASSBOX_TEST_DATA "/ops/" + part;
  const io::Safetensors file = io::load_safetensors(folder + "ops.safetensors");
  const Json cases = Json::parse(std::ifstream(folder + "cases.json"));
  int count = 0;
  for (const auto& [name, options] : cases.items()) {
    if (!name.starts_with(op + "/")) continue;
    const std::string label = name;  // a binding cannot be captured in clang 14
    INFO(label);
    f(Case{name, options, file});
    ++count;
  }
  return count;
}

inline double difference(const Tensor& got, const Tensor& want) {
  REQUIRE(got.shape() == want.shape());
  const std::vector<double> a = got.to_vector<double>(), b = want.to_vector<double>();
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double error = std::abs(a[i] - b[i]) / std::max(1.0, std::abs(b[i]));
    worst = std::max(worst, std::isnan(error) ? INFINITY : error);
  }
  return worst;
}

// Runs `f` on the inputs, those with a stored gradient as leaves, and compares y and the gradients.
template <class F>
void check(const Case& c, const F& f) {
  Tensors inputs;
  for (int i = 0; i < c.value("inputs", 0); ++i) inputs.push_back(c.in(i));
  const auto gradient = [&](std::size_t i) { return c.find("din" + std::to_string(i)); };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (gradient(i).defined()) inputs[i].set_requires_grad();
  }
  const Tensor y = f(inputs), want = c.find("out0");
  CHECK(y.dtype() == want.dtype());
  CHECK(difference(y, want) < 1e-12);
  if (!c.find("dy0").defined()) return;  // nothing has a gradient
  y.backward(c.find("dy0"));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    INFO("gradient of input ", i);
    if (gradient(i).defined()) CHECK(difference(inputs[i].grad(), gradient(i)) < 1e-12);
  }
}

}  // namespace glassbox::test
