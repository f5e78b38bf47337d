// Where a value that is not finite comes from.
#pragma once
#include <string>

#include "layers/module.h"

namespace glassbox {

// Calls the model once more and returns a sentence that names the first module whose inputs are
// finite and whose parameters or output are not; "" when all is finite.
std::string first_non_finite(layers::ModuleBase& model, const Tensor& inputs);

}  // namespace glassbox
