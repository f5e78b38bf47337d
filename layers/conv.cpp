#include "layers/conv.h"

#include <cmath>

#include "layers/init.h"

namespace glassbox::layers {

Conv2d::Conv2d(std::int64_t in_channels, std::int64_t out_channels, Pair kernel_size,
               const Conv2dOptions& options)
    : op{options.stride, options.padding, options.dilation, options.groups} {
  if (in_channels < 1 || out_channels < 1 || kernel_size.h < 1 || kernel_size.w < 1) {
    fail("Conv2d", cat("needs channels and kernel of at least 1, got ", in_channels, " -> ",
                       out_channels, " with kernel ", to_string(kernel_size)));
  }
  if (op.groups < 1 || in_channels % op.groups != 0 || out_channels % op.groups != 0) {
    fail("Conv2d", cat("groups ", op.groups, " must divide ", in_channels, " and ", out_channels));
  }
  weight = empty({out_channels, in_channels / op.groups, kernel_size.h, kernel_size.w});
  const double bound = 1 / std::sqrt(init::fan_of(weight, init::Fan::in));
  init::uniform(weight, -bound, bound);
  if (options.bias) {
    bias = empty({out_channels});
    init::uniform(bias, -bound, bound);
  }
}

}  // namespace glassbox::layers
