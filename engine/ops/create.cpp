#include "engine/ops/create.h"

#include <cmath>

namespace glassbox {
namespace ops {

SpecList Arange::infer(Specs, bool) const {
  if (step == 0 || !std::isfinite(start) || !std::isfinite(end) || !std::isfinite(step)) {
    fail(name, cat("start ", start, ", end ", end, " and step ", step,
                   " must be finite and the step not zero"));
  }
  if (dtype == DType::boolean) fail(name, "has no boolean form");
  const double n = std::ceil((end - start) / step);
  if (n > 1e15) fail(name, cat("would make ", n, " elements"));
  return {Spec{Shape{n > 0 ? static_cast<std::int64_t>(n) : 0}, dtype, {}}};
}

SpecList Linspace::infer(Specs, bool) const {
  if (steps < 0) fail(name, cat("steps ", steps, " is negative"));
  if (!is_floating(dtype)) fail(name, cat("needs a floating-point type, got ", dtype));
  return {Spec{Shape{steps}, dtype, {}}};
}

}  // namespace ops

namespace {
// An op without inputs runs on the default device.
template <class Op>
Tensor create(const Op& op, Device device) {
  if (device == default_device()) return apply(op)[0];
  const DeviceScope scope(device);
  return apply(op)[0];
}
}  // namespace

Tensor full(const Shape& shape, double value, DType dtype, Device device) {
  return create(ops::Full{shape, value, dtype}, device);
}
Tensor zeros(const Shape& shape, DType dtype, Device device) {
  return full(shape, 0, dtype, device);
}
Tensor ones(const Shape& shape, DType dtype, Device device) {
  return full(shape, 1, dtype, device);
}
Tensor arange(std::int64_t end) { return arange({.end = static_cast<double>(end)}); }
Tensor arange(const ops::Arange& op) { return create(op, default_device()); }
Tensor linspace(double start, double end, std::int64_t steps, DType dtype) {
  return create(ops::Linspace{start, end, steps, dtype}, default_device());
}

}  // namespace glassbox
