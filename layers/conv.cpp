#include "layers/conv.h"

#include <cmath>

#include "layers/init.h"

namespace glassbox::layers {

namespace {

void check_sizes(std::string_view layer, std::int64_t in, std::int64_t out, Pair kernel,
                 int groups) {
  if (in < 1 || out < 1 || kernel.h < 1 || kernel.w < 1) {
    fail(layer, cat("needs channels and kernel of at least 1, got ", in, " -> ", out,
                    " with kernel ", to_string(kernel)));
  }
  if (groups < 1 || in % groups != 0 || out % groups != 0) {
    fail(layer, cat("groups ", groups, " must divide ", in, " and ", out));
  }
}

void initialize(Parameter& weight, Parameter& bias, std::int64_t out, bool has_bias) {
  const double bound = 1 / std::sqrt(init::fan_of(weight, init::Fan::in));
  init::uniform(weight, -bound, bound);
  if (!has_bias) return;
  bias = empty({out});
  init::uniform(bias, -bound, bound);
}

}  // namespace

Conv2d::Conv2d(std::int64_t in_channels, std::int64_t out_channels, Pair kernel_size,
               const Conv2dOptions& options)
    : op{options.stride, options.padding, options.dilation, options.groups} {
  check_sizes("Conv2d", in_channels, out_channels, kernel_size, op.groups);
  weight = empty({out_channels, in_channels / op.groups, kernel_size.h, kernel_size.w});
  initialize(weight, bias, out_channels, options.bias);
}

ConvTranspose2d::ConvTranspose2d(std::int64_t in_channels, std::int64_t out_channels,
                                 Pair kernel_size, const ConvTranspose2dOptions& options)
    : op{options.stride, options.padding, options.output_padding, options.dilation,
         options.groups} {
  check_sizes("ConvTranspose2d", in_channels, out_channels, kernel_size, op.groups);
  weight = empty({in_channels, out_channels / op.groups, kernel_size.h, kernel_size.w});
  initialize(weight, bias, out_channels, options.bias);
}

}  // namespace glassbox::layers
