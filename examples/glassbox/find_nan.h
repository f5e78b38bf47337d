// Where a value that is not finite comes from.
#pragma once
#include <string>

#include "layers/module.h"

namespace glassbox {

// Calls the model once more and returns a sentence that says where the first value that is not
// finite comes from; "" when all is finite.
std::string first_non_finite(layers::ModuleBase& model, const Tensor& inputs);

}  // namespace glassbox
