// Convolution layers. Weights and biases are initialised as in PyTorch: both U(-b, b) with b =
// 1/sqrt(fan in), the product of all sizes of a weight but the first.
#pragma once
#include "engine/ops/conv.h"
#include "layers/module.h"

namespace glassbox::layers {

struct Conv2dOptions {
  Pair stride = 1, padding = 0, dilation = 1;
  int groups = 1;
  bool bias = true;
};

// Weight [out, in/groups, kh, kw], bias [out].
struct Conv2d : Module<Conv2d> {
  Parameter weight, bias;
  ops::Conv2d op;

  // Throws Error when a size is below 1 or groups do not divide the channels.
  Conv2d(std::int64_t in_channels, std::int64_t out_channels, Pair kernel_size,
         const Conv2dOptions& options = {});
  // x [N, in, H, W] -> [N, out, (H + 2p - d(kh - 1) - 1)/s + 1, ...]
  Tensor forward(const Tensor& x) { return conv2d(x, weight, bias, op); }
  void fields(Fields& f) {
    f("weight", weight);
    f("bias", bias);
  }
};

struct ConvTranspose2dOptions {
  Pair stride = 1, padding = 0;
  Pair output_padding = 0;  // more rows and columns at the end, fewer than stride or dilation
  Pair dilation = 1;
  int groups = 1;
  bool bias = true;
};

// Weight [in, out/groups, kh, kw], bias [out].
struct ConvTranspose2d : Module<ConvTranspose2d> {
  Parameter weight, bias;
  ops::ConvTranspose2d op;

  // Throws Error when a size is below 1 or groups do not divide the channels.
  ConvTranspose2d(std::int64_t in_channels, std::int64_t out_channels, Pair kernel_size,
                  const ConvTranspose2dOptions& options = {});
  // x [N, in, H, W] -> [N, out, (H - 1)s - 2p + d(kh - 1) + 1 + output_padding, ...]
  Tensor forward(const Tensor& x) { return conv_transpose2d(x, weight, bias, op); }
  void fields(Fields& f) {
    f("weight", weight);
    f("bias", bias);
  }
};

}  // namespace glassbox::layers
