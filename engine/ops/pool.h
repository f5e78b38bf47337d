// Pooling over [N, C, H, W]. Window o of a dimension covers inputs o*s - p + k*d for k below the
// kernel; adaptive windows are [floor(o H / out), ceil((o+1) H / out)). Rules are PyTorch's: of
// equal values the first wins, the last NaN wins over everything, and with ceil_mode a last window
// that would begin in the right padding is left out.
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

// Outputs: y and, when a gradient is wanted, the index of each maximum in its H x W plane (i32). A
// window whose taps all miss the image gives -inf and index -1.
struct MaxPool2d {
  static constexpr std::string_view name = "max_pool2d", kind = "MaxPool";
  Pair kernel_size = 2;
  Pair stride = {};  // {0, 0}: the kernel's size
  Pair padding = 0, dilation = 1;
  bool ceil_mode = false;
  bool operator==(const MaxPool2d&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().output(1); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

struct AdaptiveMaxPool2d {
  static constexpr std::string_view name = "adaptive_max_pool2d", kind = "AdaptiveMaxPool";
  Pair output_size = 1;
  bool operator==(const AdaptiveMaxPool2d&) const = default;
  Attrs attrs(Specs) const { return {{"output_size", output_size, output_size == Pair(1)}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().output(1); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

// dx of both: dy added where the indices say, and nowhere for -1. Inputs: dy, indices, each of
// which lies in its window: a GPU looks for what to add only there.
struct MaxPool2dGrad {
  static constexpr std::string_view name = "max_pool2d_grad", kind = "MaxPoolGrad";
  Shape x;
  MaxPool2d pool = {};    // its windows
  bool adaptive = false;  // they are adaptive ones, and pool says nothing
  bool operator==(const MaxPool2dGrad&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

struct AvgPool2d {
  static constexpr std::string_view name = "avg_pool2d", kind = "AveragePool";
  Pair kernel_size = 2;
  Pair stride = {};  // {0, 0}: the kernel's size
  Pair padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;  // padding counts in the divisor
  bool operator==(const AvgPool2d&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct AvgPool2dGrad {
  static constexpr std::string_view name = "avg_pool2d_grad", kind = "AveragePoolGrad";
  AvgPool2d pool;
  Shape x;
  bool operator==(const AvgPool2dGrad&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

struct AdaptiveAvgPool2d {
  static constexpr std::string_view name = "adaptive_avg_pool2d", kind = "AdaptiveAvgPool";
  Pair output_size = 1;
  bool operator==(const AdaptiveAvgPool2d&) const = default;
  Attrs attrs(Specs) const { return {{"output_size", output_size, output_size == Pair(1)}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct AdaptiveAvgPool2dGrad {
  static constexpr std::string_view name = "adaptive_avg_pool2d_grad", kind = "AdaptiveAvgPoolGrad";
  Shape x;
  bool operator==(const AdaptiveAvgPool2dGrad&) const = default;
  Attrs attrs(Specs) const { return {{"x", x}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

}  // namespace ops

void run(const ops::MaxPool2d&, cpu::Context&, Ins, Outs);
void run(const ops::AdaptiveMaxPool2d&, cpu::Context&, Ins, Outs);
void run(const ops::MaxPool2dGrad&, cpu::Context&, Ins, Outs);
void run(const ops::AvgPool2d&, cpu::Context&, Ins, Outs);
void run(const ops::AvgPool2dGrad&, cpu::Context&, Ins, Outs);
void run(const ops::AdaptiveAvgPool2d&, cpu::Context&, Ins, Outs);
void run(const ops::AdaptiveAvgPool2dGrad&, cpu::Context&, Ins, Outs);

Tensor max_pool2d(const Tensor& x, const ops::MaxPool2d& op);
Tensor avg_pool2d(const Tensor& x, const ops::AvgPool2d& op);
Tensor adaptive_max_pool2d(const Tensor& x, const ops::AdaptiveMaxPool2d& op = {});
Tensor adaptive_avg_pool2d(const Tensor& x, const ops::AdaptiveAvgPool2d& op = {});

}  // namespace glassbox
