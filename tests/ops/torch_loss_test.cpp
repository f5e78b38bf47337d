// Losses against PyTorch: reductions, class weights, ignore_index and label smoothing of the cases
// in tests/data/ops, through the layers too.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/io/safetensors.h"
#include "layers/loss.h"
#include "tests/ops/op_run.h"

namespace glassbox::test {
namespace {

using Json = nlohmann::json;

Reduction reduction_of(const Json& options) {
  const std::string name = options.value("reduction", "mean");
  return name == "none" ? Reduction::none : name == "sum" ? Reduction::sum : Reduction::mean;
}

// Calls make(options, weight) for each case of `op` and compares its loss and gradient; returns how
// many cases there were.
template <class Make>
int check_cases(const std::string& op, const Make& make) {
  const std::string folder = GLASSBOX_TEST_DATA "/ops/";
  const io::Safetensors file = io::load_safetensors(folder + "ops.safetensors");
  const Json cases = Json::parse(std::ifstream(folder + "cases.json"));
  int count = 0;
  for (const auto& item : cases.items()) {
    const std::string name = item.key();
    if (!name.starts_with(op + "/")) continue;
    CAPTURE(name);
    const Json& options = item.value();
    const Tensor weight =
        options.value("weight", false) ? file.at(name + "/in2").clone() : Tensor();
    Tensor x = file.at(name + "/in0").clone().set_requires_grad();
    auto loss = make(options, weight);
    const Tensor y = loss(x, file.at(name + "/in1"));
    CHECK(difference(y, file.at(name + "/out0")) < 1e-13);
    y.backward(file.at(name + "/dy0"));
    CHECK(difference(x.grad(), file.at(name + "/din0")) < 1e-13);
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("torch: cross_entropy") {
  const int cases = check_cases("cross_entropy", [](const Json& o, const Tensor& weight) {
    return layers::CrossEntropyLoss({.reduction = reduction_of(o),
                                     .ignore_index = o.value("ignore_index", -100),
                                     .label_smoothing = o.value("label_smoothing", 0.0)},
                                    weight);
  });
  CHECK(cases >= 30);
}

TEST_CASE("torch: nll_loss") {
  const int cases = check_cases("nll_loss", [](const Json& o, const Tensor& weight) {
    return layers::NLLLoss(
        {.reduction = reduction_of(o), .ignore_index = o.value("ignore_index", -100)}, weight);
  });
  CHECK(cases >= 20);
}

}  // namespace glassbox::test
