// PyTorch's numbers of tests/data/optim (made by make_optim.py there), and optimizers made from
// their options.
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/optim/optimizer.h"

namespace glassbox::test {

using Json = nlohmann::json;

const Json& optim_data();

// p0 [2,3] and p1 [5] at their initial values.
Tensors initial_parameters();
// Gives them the gradients of a step; with `late` p1 has none in the first two.
void set_gradients(Tensors& parameters, std::size_t step, bool late = false);
Tensor gradient(std::size_t step, std::size_t parameter);

// An optimizer by PyTorch's names of class and options.
std::unique_ptr<optim::Optimizer> make_optimizer(const std::string& kind, const Json& options,
                                                 const optim::ParamGroups& groups);
// A group with options of its own.
optim::ParamGroup make_group(const Tensors& parameters, const Json& options);

// The elements of all tensors, in order.
std::vector<double> elements(const Tensors& tensors);
// The largest |got - want| / max(1, |want|).
double worst_difference(const std::vector<double>& got, const Json& want);
bool same_bits(const optim::StateDict& a, const optim::StateDict& b);

// The message of the Error that f throws; empty if it throws none.
template <class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace glassbox::test
