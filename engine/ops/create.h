// Ops without inputs that make tensors. They are ops so that a recording holds everything that it
// needs: a replay makes these values again.
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

struct Full {
  static constexpr std::string_view name = "full", kind = "Constant";
  Shape shape = {};
  double value = 0;
  DType dtype = DType::f32;
  bool operator==(const Full&) const = default;
  Attrs attrs(Specs) const {
    return {{"shape", shape},
            {"value", value, value == 0},
            {"dtype", std::string(name_of(dtype)), dtype == DType::f32}};
  }
  SpecList infer(Specs, bool) const { return {Spec{shape, dtype, {}}}; }
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
};

struct Arange {  // start, start + step, ... below end; n = ceil((end - start) / step)
  static constexpr std::string_view name = "arange", kind = "Range";
  double start = 0, end = 0, step = 1;
  DType dtype = DType::i64;
  bool operator==(const Arange&) const = default;
  Attrs attrs(Specs) const {
    return {{"start", start, start == 0},
            {"end", end},
            {"step", step, step == 1},
            {"dtype", std::string(name_of(dtype)), dtype == DType::i64}};
  }
  SpecList infer(Specs, bool) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
};

struct Linspace {  // `steps` values from start to end, both included
  static constexpr std::string_view name = "linspace", kind = "Range";
  double start = 0, end = 1;
  std::int64_t steps = 100;
  DType dtype = DType::f32;
  bool operator==(const Linspace&) const = default;
  Attrs attrs(Specs) const {
    return {{"start", start, start == 0},
            {"end", end, end == 1},
            {"steps", steps, steps == 100},
            {"dtype", std::string(name_of(dtype)), dtype == DType::f32}};
  }
  SpecList infer(Specs, bool) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
};

}  // namespace ops

void run(const ops::Full&, cpu::Context&, Ins, Outs);
void run(const ops::Arange&, cpu::Context&, Ins, Outs);
void run(const ops::Linspace&, cpu::Context&, Ins, Outs);

Tensor full(const Shape& shape, double value, DType dtype = DType::f32,
            Device device = default_device());
Tensor zeros(const Shape& shape, DType dtype = DType::f32, Device device = default_device());
Tensor ones(const Shape& shape, DType dtype = DType::f32, Device device = default_device());
// Integers 0 ... end-1 as i64, or start, start+step, ... below end.
Tensor arange(std::int64_t end);
Tensor arange(const ops::Arange& op);
Tensor linspace(double start, double end, std::int64_t steps, DType dtype = DType::f32);

}  // namespace glassbox
