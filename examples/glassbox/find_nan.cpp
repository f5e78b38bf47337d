#include "glassbox/find_nan.h"

#include "viz/health.h"

namespace glassbox {

std::string first_non_finite(layers::ModuleBase& model, const Tensor& inputs) {
  const auto found = viz::find_non_finite(model, {inputs});
  return found ? found->text : "";
}

}  // namespace glassbox
