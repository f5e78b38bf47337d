// Batch normalisation (Ioffe & Szegedy 2015): y = (x - mean) / sqrt(var + eps) * weight + bias per
// channel. In training mean and variance are the batch's and the running ones follow with
// `momentum`; else the running ones are used. Defaults and state are PyTorch's.
#pragma once
#include <optional>

#include "engine/ops/norm.h"
#include "layers/module.h"

namespace glassbox::layers {

struct BatchNormOptions {
  double eps = 1e-5;
  std::optional<double> momentum = 0.1;  // nullopt: the running statistics are plain averages
  bool affine = true;                    // weight (ones) and bias (zeros)
  bool track_running_stats = true;
};

// What BatchNorm1d and BatchNorm2d share; `rank` is checked by them.
template <class T>
struct BatchNorm : Module<T> {
  Parameter weight, bias;
  Buffer running_mean, running_var, num_batches_tracked;
  BatchNormOptions options;

  explicit BatchNorm(std::int64_t num_features, const BatchNormOptions& o = {}) : options(o) {
    make(num_features);
  }
  void fields(Fields& f) {
    f("weight", weight);
    f("bias", bias);
    f("running_mean", running_mean);
    f("running_var", running_var);
    f("num_batches_tracked", num_batches_tracked);
  }

 protected:
  void make(std::int64_t num_features);
  Tensor normalize(const Tensor& x);
};

// x [N, C, H, W]
struct BatchNorm2d : BatchNorm<BatchNorm2d> {
  using BatchNorm<BatchNorm2d>::BatchNorm;
  Tensor forward(const Tensor& x);
};

// x [N, C] or [N, C, L]
struct BatchNorm1d : BatchNorm<BatchNorm1d> {
  using BatchNorm<BatchNorm1d>::BatchNorm;
  Tensor forward(const Tensor& x);
};

}  // namespace glassbox::layers
