// Random numbers: Philox words of {seed, offset} and the element's number, so they are the same on
// every device and for any number of threads. The generator is a state tensor {seed, offset} that a
// random op reads and advances by one; what backward needs is the counter that the op used, never
// the generator itself, whose next draw would change it.
#pragma once
#include "engine/apply.h"

namespace glassbox {

// A source of random numbers on a device. Copies share the state.
class Generator {
 public:
  explicit Generator(std::uint64_t seed = 0, Device device = Device::cpu());
  void manual_seed(std::uint64_t seed);           // and offset 0
  const Tensor& state() const { return state_; }  // i64 [2] = {seed, offset}
  void set_state(const Tensor& state);

 private:
  Tensor state_;
};

// The generator that random functions and layers use on a device.
Generator& default_generator(Device device = default_device());
// Seeds every default generator.
void manual_seed(std::uint64_t seed);

namespace ops {

// Each takes the generator's state as its last input and writes it: its last output is that state.

struct Uniform {  // [low, high)
  static constexpr std::string_view name = "uniform", kind = "RandomUniform";
  static constexpr bool writes = true;
  Shape shape;
  double low = 0, high = 1;
  DType dtype = DType::f32;
  bool operator==(const Uniform&) const = default;
  Attrs attrs(Specs) const;
  int alias(int output) const { return output == 1 ? 0 : -1; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

struct Normal {  // by Box & Muller's transform, computed in double
  static constexpr std::string_view name = "normal", kind = "RandomNormal";
  static constexpr bool writes = true;
  Shape shape;
  double mean = 0, std = 1;
  DType dtype = DType::f32;
  bool operator==(const Normal&) const = default;
  Attrs attrs(Specs) const;
  int alias(int output) const { return output == 1 ? 0 : -1; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

struct RandInt {  // integers in [low, high), i64
  static constexpr std::string_view name = "randint", kind = "RandomInteger";
  static constexpr bool writes = true;
  Shape shape;
  std::int64_t low = 0, high = 1;
  bool operator==(const RandInt&) const = default;
  Attrs attrs(Specs) const;
  int alias(int output) const { return output == 1 ? 0 : -1; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

// y = x keep / (1 - p), keep with probability 1 - p for each element, or for each channel of each
// image. Inputs: x, state. Outputs: y, the counter i64 [2] that was used, the state.
struct Dropout {
  static constexpr std::string_view name = "dropout", kind = "Dropout";
  static constexpr bool writes = true;
  double p = 0.5;
  bool channels = false;
  bool operator==(const Dropout&) const = default;
  Attrs attrs(Specs) const { return {{"p", p, p == 0.5}, {"channels", channels, !channels}}; }
  int alias(int output) const { return output == 2 ? 1 : -1; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().output(1); }
  void backward(const Saved&, Ins dy, Grads&) const;
};
// The same mask on dy. Inputs: dy, counter.
struct DropoutGrad {
  static constexpr std::string_view name = "dropout_grad", kind = "DropoutGrad";
  double p = 0.5;
  bool channels = false;
  bool operator==(const DropoutGrad&) const = default;
  Attrs attrs(Specs) const { return {{"p", p, p == 0.5}, {"channels", channels, !channels}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

}  // namespace ops

void run(const ops::Uniform&, cpu::Context&, Ins, Outs);
void run(const ops::Normal&, cpu::Context&, Ins, Outs);
void run(const ops::RandInt&, cpu::Context&, Ins, Outs);
void run(const ops::Dropout&, cpu::Context&, Ins, Outs);
void run(const ops::DropoutGrad&, cpu::Context&, Ins, Outs);

Tensor rand(const Shape& shape, DType dtype = DType::f32);   // [0, 1)
Tensor randn(const Shape& shape, DType dtype = DType::f32);  // mean 0, standard deviation 1
Tensor uniform(const Shape& shape, double low, double high, DType dtype = DType::f32);
Tensor normal(const Shape& shape, double mean, double std, DType dtype = DType::f32);
Tensor randint(const Shape& shape, std::int64_t low, std::int64_t high);  // [low, high), i64

struct DropoutOptions {
  double p = 0.5;
  bool training = true;
};
// Not training or p = 0: x itself. Throws Error when p is outside [0, 1].
Tensor dropout(const Tensor& x, const DropoutOptions& options = {});
// Whole channels of [N, C, ...].
Tensor dropout2d(const Tensor& x, const DropoutOptions& options = {});

}  // namespace glassbox
