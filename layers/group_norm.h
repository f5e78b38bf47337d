// Group normalisation (Wu & He 2018): y = (x - mean) / sqrt(var + eps) * weight + bias, with mean
// and variance of a group of channels of one image, in training and evaluation alike. Defaults are
// PyTorch's.
#pragma once
#include "engine/ops/group_norm.h"
#include "layers/module.h"

namespace glassbox::layers {

struct GroupNormOptions {
  double eps = 1e-5;
  bool affine = true;  // weight (ones) and bias (zeros), one of each channel
};

struct GroupNorm : Module<GroupNorm> {
  Parameter weight, bias;
  int num_groups;
  double eps;

  // Throws Error when a size is below 1 or the groups do not divide the channels.
  GroupNorm(int num_groups, std::int64_t num_channels, const GroupNormOptions& options = {});
  // x [N, num_channels, ...]
  Tensor forward(const Tensor& x) { return group_norm(x, num_groups, weight, bias, eps); }
  void fields(Fields& f) {
    f("weight", weight);
    f("bias", bias);
  }
};

}  // namespace glassbox::layers
