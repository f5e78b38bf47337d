// Pooling layers over [N, C, H, W]. Options are the ops' own (engine/ops/pool.h).
#pragma once
#include "engine/ops/pool.h"
#include "layers/module.h"

namespace glassbox::layers {

struct MaxPool2dOptions {
  Pair stride = {};  // {0, 0}: the kernel's size
  Pair padding = 0, dilation = 1;
  bool ceil_mode = false;
};

struct MaxPool2d : Module<MaxPool2d> {
  ops::MaxPool2d op;
  explicit MaxPool2d(Pair kernel_size, const MaxPool2dOptions& o = {})
      : op{kernel_size, o.stride, o.padding, o.dilation, o.ceil_mode} {}
  Tensor forward(const Tensor& x) { return max_pool2d(x, op); }
};

struct AvgPool2dOptions {
  Pair stride = {};  // {0, 0}: the kernel's size
  Pair padding = 0;
  bool ceil_mode = false, count_include_pad = true;
};

struct AvgPool2d : Module<AvgPool2d> {
  ops::AvgPool2d op;
  explicit AvgPool2d(Pair kernel_size, const AvgPool2dOptions& o = {})
      : op{kernel_size, o.stride, o.padding, o.ceil_mode, o.count_include_pad} {}
  Tensor forward(const Tensor& x) { return avg_pool2d(x, op); }
};

struct AdaptiveMaxPool2d : Module<AdaptiveMaxPool2d> {
  ops::AdaptiveMaxPool2d op;
  explicit AdaptiveMaxPool2d(Pair output_size) : op{output_size} {}
  Tensor forward(const Tensor& x) { return adaptive_max_pool2d(x, op); }
};

struct AdaptiveAvgPool2d : Module<AdaptiveAvgPool2d> {
  ops::AdaptiveAvgPool2d op;
  explicit AdaptiveAvgPool2d(Pair output_size) : op{output_size} {}
  Tensor forward(const Tensor& x) { return adaptive_avg_pool2d(x, op); }
};

}  // namespace glassbox::layers
