#include "layers/linear.h"

#include <cmath>

#include "layers/init.h"

namespace glassbox::layers {

Linear::Linear(std::int64_t in_features, std::int64_t out_features, const LinearOptions& options) {
  if (in_features < 1 || out_features < 1) {
    fail("Linear", cat("needs at least 1 feature, got ", in_features, " -> ", out_features));
  }
  weight = empty({out_features, in_features});
  const double bound = 1 / std::sqrt(static_cast<double>(in_features));
  init::uniform(weight, -bound, bound);
  if (options.bias) {
    bias = empty({out_features});
    init::uniform(bias, -bound, bound);
  }
}

}  // namespace glassbox::layers
