#include "engine/ops/random.h"

#include <cmath>
#include <map>
#include <mutex>

#include "engine/autograd/tape.h"
#include "engine/core/transfer.h"
#include "engine/ops/create.h"

namespace glassbox {

namespace {

Tensor make_state(std::uint64_t seed, Device device) {
  return from({static_cast<std::int64_t>(seed), std::int64_t(0)}, {2}, device);
}

struct Defaults {
  std::mutex mutex;
  Generator cpu{0, Device::cpu()};
  Generator meta{0, Device::meta()};
  std::map<int, Generator> cuda;  // made when first asked for
  std::uint64_t seed = 0;
};
Defaults& defaults() {
  static Defaults& all =
      *new Defaults;  // Why never destroyed: a static model may be made or freed at any time.
  return all;
}

}  // namespace

Generator::Generator(std::uint64_t seed, Device device) : state_(make_state(seed, device)) {}

void Generator::manual_seed(std::uint64_t seed) {
  const std::int64_t state[] = {static_cast<std::int64_t>(seed), 0};
  write_bytes(state_, 0, state, sizeof state);
}

void Generator::set_state(const Tensor& state) {
  if (state.shape() != Shape{2} || state.dtype() != DType::i64) {
    fail("Generator", cat("state must be [2] i64, got ", to_string(state.spec())));
  }
  copy_elements(state, state_);
  state_.storage()->bump_version();
}

Generator& default_generator(Device device) {
  if (device.is_cpu()) return defaults().cpu;
  if (device.is_meta()) return defaults().meta;
  Defaults& all = defaults();
  const std::lock_guard lock(all.mutex);
  const auto found = all.cuda.find(device.index());
  if (found != all.cuda.end()) return found->second;
  return all.cuda.emplace(device.index(), Generator(all.seed, device)).first->second;
}

void manual_seed(std::uint64_t seed) {
  Defaults& all = defaults();
  const std::lock_guard lock(all.mutex);
  all.seed = seed;
  all.cpu.manual_seed(seed);
  for (auto& [index, generator] : all.cuda) generator.manual_seed(seed);
}

namespace ops {

namespace {

void check_state(std::string_view op, const Spec& state) {
  if (!state.defined || state.shape != Shape{2} || state.dtype != DType::i64) {
    fail(op, cat("generator state must be [2] i64, got ", to_string(state)));
  }
}

SpecList drawn(std::string_view op, Specs in, const Shape& shape, DType dtype) {
  check_state(op, in[0]);
  return {Spec{shape, dtype, {}}, in[0]};
}

void check_probability(std::string_view op, double p) {
  if (!(p >= 0 && p <= 1)) fail(op, cat("p ", p, " is not a probability"));
}

// Inputs: x or dy, then a state or counter.
void check_dropout(std::string_view op, Specs in, double p, bool channels) {
  check_defined(op, in);
  check_floating(op, in.first(1));
  check_state(op, in[1]);
  check_probability(op, p);
  if (channels && in[0].shape.rank() < 2) {
    fail(op, cat("dropping channels needs [N,C,...], got ", to_string(in[0])));
  }
}

}  // namespace

Attrs Uniform::attrs(Specs) const {
  return {{"shape", shape},
          {"low", low, low == 0},
          {"high", high, high == 1},
          {"dtype", std::string(name_of(dtype)), dtype == DType::f32}};
}
SpecList Uniform::infer(Specs in, bool) const {
  if (!is_floating(dtype)) fail(name, cat("needs a floating-point type, got ", dtype));
  if (!(low <= high)) fail(name, cat("low ", low, " is above high ", high));
  if (!std::isfinite(high - low))
    fail(name, cat("the range from ", low, " to ", high, " is not finite"));
  return drawn(name, in, shape, dtype);
}
Cost Uniform::cost(Specs in, Specs out) const {
  return streaming_cost(2.0 * static_cast<double>(out[0].numel()), in, out);
}

Attrs Normal::attrs(Specs) const {
  return {{"shape", shape},
          {"mean", mean, mean == 0},
          {"std", std, std == 1},
          {"dtype", std::string(name_of(dtype)), dtype == DType::f32}};
}
SpecList Normal::infer(Specs in, bool) const {
  if (!is_floating(dtype)) fail(name, cat("needs a floating-point type, got ", dtype));
  if (!(std >= 0)) fail(name, cat("std ", std, " must be at least 0"));
  return drawn(name, in, shape, dtype);
}
Cost Normal::cost(Specs in, Specs out) const {
  return streaming_cost(10.0 * static_cast<double>(out[0].numel()), in, out);
}

Attrs RandInt::attrs(Specs) const {
  return {{"shape", shape}, {"low", low, low == 0}, {"high", high, high == 1}};
}
SpecList RandInt::infer(Specs in, bool) const {
  if (low >= high) fail(name, cat("low ", low, " must be below high ", high));
  return drawn(name, in, shape, DType::i64);
}
Cost RandInt::cost(Specs in, Specs out) const {
  return streaming_cost(static_cast<double>(out[0].numel()), in, out);
}

SpecList Dropout::infer(Specs in, bool grad) const {
  check_dropout(name, in, p, channels);
  // Without a gradient nobody reads the counter, but alias() needs every output in its place.
  Spec counter = in[1];
  counter.internal = grad;
  return {in[0], counter, in[1]};
}
Cost Dropout::cost(Specs in, Specs out) const {
  return streaming_cost(static_cast<double>(in[0].numel()), in, out);
}
void Dropout::backward(const Saved& saved, Ins dy, Grads& grads) const {
  if (!dy[0].defined()) return;
  grads.set(0, apply(DropoutGrad{p, channels}, dy[0], saved.output(1))[0]);
}

SpecList DropoutGrad::infer(Specs in, bool) const {
  check_dropout(name, in, p, channels);
  return {in[0]};
}
Cost DropoutGrad::cost(Specs in, Specs out) const {
  return streaming_cost(static_cast<double>(in[0].numel()), in, out);
}

}  // namespace ops

namespace {
template <class Op>
Tensor draw(const Op& op) {
  return apply(op, default_generator().state())[0];
}

Tensor drop(const Tensor& x, const DropoutOptions& options, bool channels) {
  if (!(options.p >= 0 && options.p <= 1))
    fail("dropout", cat("p ", options.p, " is not a probability"));
  if (!options.training || options.p == 0) return x;
  return apply(ops::Dropout{options.p, channels}, x, default_generator(x.device()).state())[0];
}
}  // namespace

Tensor rand(const Shape& shape, DType dtype) { return draw(ops::Uniform{shape, 0, 1, dtype}); }
Tensor randn(const Shape& shape, DType dtype) { return draw(ops::Normal{shape, 0, 1, dtype}); }
Tensor uniform(const Shape& shape, double low, double high, DType dtype) {
  return draw(ops::Uniform{shape, low, high, dtype});
}
Tensor normal(const Shape& shape, double mean, double std, DType dtype) {
  return draw(ops::Normal{shape, mean, std, dtype});
}
Tensor randint(const Shape& shape, std::int64_t low, std::int64_t high) {
  return draw(ops::RandInt{shape, low, high});
}
Tensor dropout(const Tensor& x, const DropoutOptions& options) { return drop(x, options, false); }
Tensor dropout2d(const Tensor& x, const DropoutOptions& options) { return drop(x, options, true); }

}  // namespace glassbox
