// Ops whose result is a position: the largest and smallest elements and where they are. Of equal
// elements the first wins; a NaN counts as largest for max and as smallest for min, as in PyTorch.
#pragma once
#include <optional>

#include "engine/apply.h"

namespace glassbox {
namespace ops {

// Outputs: values and their indices along dim (i64). The gradient goes to the index.
struct Max {
  static constexpr std::string_view name = "max", kind = "ReduceMax";
  int dim = 0;
  bool keepdim = false;
  bool operator==(const Max&) const = default;
  Attrs attrs(Specs) const { return {{"dim", dim, dim == 0}, {"keepdim", keepdim, !keepdim}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const {
    return streaming_cost(static_cast<double>(in[0].numel()), in, out);
  }
  Saves saves() const { return Saves().output(1); }
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct Min {
  static constexpr std::string_view name = "min", kind = "ReduceMin";
  int dim = 0;
  bool keepdim = false;
  bool operator==(const Min&) const = default;
  Attrs attrs(Specs) const { return {{"dim", dim, dim == 0}, {"keepdim", keepdim, !keepdim}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const {
    return streaming_cost(static_cast<double>(in[0].numel()), in, out);
  }
  Saves saves() const { return Saves().output(1); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

// Over all elements; equal ones share the gradient evenly.
struct MaxAll {
  static constexpr std::string_view name = "max_all", kind = "ReduceMax";
  bool operator==(const MaxAll&) const = default;
  Attrs attrs(Specs) const { return {}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const {
    return streaming_cost(static_cast<double>(in[0].numel()), in, out);
  }
  Saves saves() const { return Saves().input(0).output(0); }
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct MinAll {
  static constexpr std::string_view name = "min_all", kind = "ReduceMin";
  bool operator==(const MinAll&) const = default;
  Attrs attrs(Specs) const { return {}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const {
    return streaming_cost(static_cast<double>(in[0].numel()), in, out);
  }
  Saves saves() const { return Saves().input(0).output(0); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

// Index of the largest element along dim, or in the flattened tensor; i64.
struct ArgMax {
  static constexpr std::string_view name = "argmax", kind = "ArgMax";
  std::optional<int> dim = {};
  bool keepdim = false;
  bool operator==(const ArgMax&) const = default;
  Attrs attrs(Specs) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const {
    return streaming_cost(static_cast<double>(in[0].numel()), in, out);
  }
};

// Zeros of `size` along dim with dy where the indices say. Inputs: dy, indices (without dim, or
// with it as 1 when keepdim).
struct PickGrad {
  static constexpr std::string_view name = "pick_grad", kind = "PickGrad";
  int dim = 0;
  bool keepdim = false;
  std::int64_t size = 0;
  bool operator==(const PickGrad&) const = default;
  Attrs attrs(Specs) const {
    return {{"dim", dim, dim == 0}, {"keepdim", keepdim, !keepdim}, {"size", size, size == 0}};
  }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
};

}  // namespace ops

void run(const ops::Max&, cpu::Context&, Ins, Outs);
void run(const ops::Min&, cpu::Context&, Ins, Outs);
void run(const ops::MaxAll&, cpu::Context&, Ins, Outs);
void run(const ops::MinAll&, cpu::Context&, Ins, Outs);
void run(const ops::ArgMax&, cpu::Context&, Ins, Outs);
void run(const ops::PickGrad&, cpu::Context&, Ins, Outs);

struct ValuesIndices {
  Tensor values, indices;
};
// Each throws Error for an empty reduction.
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);
ValuesIndices max(const Tensor& x, int dim, bool keepdim = false);
ValuesIndices min(const Tensor& x, int dim, bool keepdim = false);
Tensor argmax(const Tensor& x);
Tensor argmax(const Tensor& x, int dim, bool keepdim = false);

}  // namespace glassbox
