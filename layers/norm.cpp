#include "layers/norm.h"

#include "layers/init.h"

namespace glassbox::layers {

template <class T>
void BatchNorm<T>::make(std::int64_t num_features) {
  if (num_features < 1) fail("BatchNorm", cat("needs at least 1 feature, got ", num_features));
  const auto filled = [num_features](double value) {
    Tensor t = empty({num_features});
    init::constant(t, value);
    return t;
  };
  if (options.affine) {
    weight = filled(1);
    bias = filled(0);
  }
  if (options.track_running_stats) {
    running_mean = filled(0);
    running_var = filled(1);
    num_batches_tracked = empty({}, DType::i64);
    init::constant(num_batches_tracked, 0);
  }
}

template <class T>
Tensor BatchNorm<T>::normalize(const Tensor& x) {
  BatchNormState state{running_mean, running_var, num_batches_tracked};
  return batch_norm(
      x, weight, bias, state,
      {.training = this->is_training(), .momentum = options.momentum, .eps = options.eps});
}

Tensor BatchNorm2d::forward(const Tensor& x) {
  if (x.dim() != 4) fail("BatchNorm2d", cat("needs [N, C, H, W], got ", x.shape()));
  return normalize(x);
}

Tensor BatchNorm1d::forward(const Tensor& x) {
  if (x.dim() != 2 && x.dim() != 3)
    fail("BatchNorm1d", cat("needs [N, C] or [N, C, L], got ", x.shape()));
  return normalize(x);
}

template struct BatchNorm<BatchNorm2d>;
template struct BatchNorm<BatchNorm1d>;

}  // namespace glassbox::layers
