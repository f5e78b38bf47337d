#include "layers/init.h"

#include <cmath>

#include "engine/autograd/tape.h"
#include "engine/ops/create.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/random.h"
#include "engine/ops/update.h"

namespace glassbox::init {

namespace {
// Draws on the tensor's own device, whatever the default is.
template <class Make>
void overwrite(Tensor& tensor, const Make& make) {
  if (tensor.device().is_meta()) return;
  const NoGrad no_grad;
  const DeviceScope scope(tensor.device());
  assign(tensor, cast(make(), tensor.dtype()));
}
}  // namespace

void uniform(Tensor& tensor, double low, double high) {
  overwrite(tensor, [&] { return glassbox::uniform(tensor.shape(), low, high); });
}
void normal(Tensor& tensor, double mean, double std) {
  overwrite(tensor, [&] { return glassbox::normal(tensor.shape(), mean, std); });
}
void constant(Tensor& tensor, double value) {
  overwrite(tensor, [&] { return full(tensor.shape(), value); });
}

double fan_of(const Tensor& weight, Fan fan) {
  const Shape& shape = weight.shape();
  if (shape.rank() < 2) fail("init", cat("a weight of shape ", shape, " has no fan"));
  const std::int64_t kernel = shape.product(2, shape.rank());
  return static_cast<double>((fan == Fan::in ? shape[1] : shape[0]) * kernel);
}

void kaiming_uniform(Tensor& weight, double a, Fan fan) {
  const double bound = std::sqrt(6.0 / ((1 + a * a) * fan_of(weight, fan)));
  uniform(weight, -bound, bound);
}
void kaiming_normal(Tensor& weight, Fan fan) {
  normal(weight, 0, std::sqrt(2.0 / fan_of(weight, fan)));
}
void xavier_uniform(Tensor& weight, double gain) {
  const double bound = gain * std::sqrt(6.0 / (fan_of(weight, Fan::in) + fan_of(weight, Fan::out)));
  uniform(weight, -bound, bound);
}
void xavier_normal(Tensor& weight, double gain) {
  normal(weight, 0, gain * std::sqrt(2.0 / (fan_of(weight, Fan::in) + fan_of(weight, Fan::out))));
}

}  // namespace glassbox::init
