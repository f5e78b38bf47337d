// The pointwise family against PyTorch: broadcasting, saturated values, kinks, poles and NaN.
#include "engine/ops/pointwise.h"
#include "tests/ops/torch_cases.h"

namespace glassbox::test {

TEST_CASE("torch: functions of one tensor") {
  using Unary = Tensor (*)(const Tensor&);
  const std::vector<std::pair<std::string, Unary>> functions{
      {"relu", relu}, {"silu", silu}, {"sigmoid", sigmoid}, {"tanh", tanh},
      {"exp", exp},   {"abs", abs},   {"neg", neg},         {"sin", sin},
      {"cos", cos},   {"log", log},   {"sqrt", sqrt},       {"gelu", gelu}};
  int cases = 0;
  for (const auto& entry : functions) {
    cases += for_cases(entry.first, [&](const Case& c) {
      check(c, [&](const Tensors& in) { return entry.second(in[0]); });
    });
  }
  CHECK(cases == 42);
}

TEST_CASE("torch: leaky_relu, clamp, pow") {
  int cases = for_cases("leaky_relu", [](const Case& c) {
    check(c,
          [&](const Tensors& in) { return leaky_relu(in[0], {c.value("negative_slope", 0.01)}); });
  });
  CHECK(cases == 6);
  cases = for_cases("clamp", [](const Case& c) {
    const ops::Clamp open;
    check(c, [&](const Tensors& in) {
      return clamp(in[0], {.min = c.value("min", open.min), .max = c.value("max", open.max)});
    });
  });
  CHECK(cases == 9);
  int tensor_exponents = 0;  // the engine's exponent is a number
  cases = for_cases("pow", [&](const Case& c) {
    if (!c.options.contains("exponent")) {
      ++tensor_exponents;
    } else {
      check(c, [&](const Tensors& in) { return pow(in[0], c.value("exponent", 1.0)); });
    }
  });
  CHECK(cases - tensor_exponents == 14);
}

TEST_CASE("torch: functions of two tensors, and where") {
  using Binary = Tensor (*)(const Tensor&, const Tensor&);
  const std::vector<std::pair<std::string, Binary>> functions{
      {"add", [](const Tensor& a, const Tensor& b) { return a + b; }},
      {"sub", [](const Tensor& a, const Tensor& b) { return a - b; }},
      {"mul", [](const Tensor& a, const Tensor& b) { return a * b; }},
      {"div", [](const Tensor& a, const Tensor& b) { return a / b; }},
      {"minimum", minimum},
      {"maximum", maximum},
      {"eq", eq},
      {"ne", ne},
      {"lt", lt},
      {"le", le},
      {"gt", gt},
      {"ge", ge}};
  int cases = 0;
  for (const auto& entry : functions) {
    cases += for_cases(entry.first, [&](const Case& c) {
      check(c, [&](const Tensors& in) { return entry.second(in[0], in[1]); });
    });
  }
  CHECK(cases == 115);
  cases = for_cases("where", [](const Case& c) {
    check(c, [](const Tensors& in) { return where(in[0], in[1], in[2]); });
  });
  CHECK(cases == 7);
}

}  // namespace glassbox::test
