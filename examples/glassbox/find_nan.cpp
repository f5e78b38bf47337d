#include "glassbox/find_nan.h"

#include <cmath>

#include "engine/autograd/tape.h"

namespace glassbox {

namespace {

bool finite(const Tensor& t) {
  if (!t.defined() || !is_floating(t.dtype())) return true;
  for (const double v : t.to_vector<double>()) {
    if (!std::isfinite(v)) return false;
  }
  return true;
}

bool finite(const Tensors& tensors) {
  for (const Tensor& t : tensors) {
    if (!finite(t)) return false;
  }
  return true;
}

}  // namespace

std::string first_non_finite(layers::ModuleBase& model, const Tensor& inputs) {
  const NoGrad no_grad;
  if (!finite(inputs)) return "the input batch holds values that are not finite";
  std::string found;
  std::vector<layers::HookHandle> hooks;
  for (const auto& [path, module] : model.named_modules()) {
    // A container's output is its last child's: the children, which complete first, are named.
    hooks.push_back(module->on_forward(
        [&found, path = path](layers::ModuleBase& self, const Tensors& in, const Tensors& out) {
          if (!found.empty() || finite(out) || !finite(in)) return;
          found = self.type_name() + (path.empty() ? "" : " at " + path);
          self.visit_tensors([&](std::string_view name, Tensor& tensor, bool) {
            if (!finite(tensor)) found += cat(" (its ", name, " is not finite)");
          });
        }));
  }
  model.call({inputs});
  return found.empty() ? "" : "the first module with an output that is not finite is " + found;
}

}  // namespace glassbox
