// Ops that rearrange elements. Reshape and Select are views: they alias their input's memory, since
// tensors are dense and row-major. The others copy.
#pragma once
#include <vector>

#include "engine/apply.h"

namespace glassbox {
namespace ops {

struct Reshape {  // the same elements in the same order under another shape; one size may be -1
  static constexpr std::string_view name = "reshape", kind = "Reshape";
  std::vector<std::int64_t> shape = {};
  bool operator==(const Reshape&) const = default;
  Attrs attrs(Specs) const { return {{"shape", shape}}; }
  int alias(int) const { return 0; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs, Specs) const { return {}; }
  void backward(const Saved&, Ins dy, Grads&) const;
};

struct Select {  // y = x[index]; negative counts from the end
  static constexpr std::string_view name = "select", kind = "Gather";
  std::int64_t index = 0;
  bool operator==(const Select&) const = default;
  Attrs attrs(Specs) const { return {{"index", index, index == 0}}; }
  int alias(int) const { return 0; }
  std::size_t view_offset(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs, Specs) const { return {}; }
  void backward(const Saved&, Ins dy, Grads&) const;
};

struct Copy {  // the same values in memory of their own
  static constexpr std::string_view name = "copy", kind = "Identity";
  bool operator==(const Copy&) const = default;
  Attrs attrs(Specs) const { return {}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
  void backward(const Saved&, Ins dy, Grads& grads) const { grads.set(0, dy[0]); }
};

struct ToDevice {  // the same values on another device
  static constexpr std::string_view name = "to_device", kind = "Identity";
  Device device = {};
  bool operator==(const ToDevice&) const = default;
  Attrs attrs(Specs) const { return {{"device", to_string(device)}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
  void backward(const Saved&, Ins dy, Grads& grads) const;
};

struct Permute {  // y's dimension i is x's dimension dims[i]
  static constexpr std::string_view name = "permute", kind = "Transpose";
  std::vector<int> dims = {};
  bool operator==(const Permute&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

struct Slice {  // y = x[..., start:stop:step, ...] along dim, with Python's rules for the bounds
  static constexpr std::string_view name = "slice", kind = "Slice";
  static constexpr std::int64_t to_end = INT64_MAX;
  int dim = 0;
  std::int64_t start = 0, stop = to_end, step = 1;
  bool operator==(const Slice&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct SliceGrad {  // zeros of `size` along dim, with dy at the slice
  static constexpr std::string_view name = "slice_grad", kind = "SliceGrad";
  Slice slice = {};
  std::int64_t size = 0;
  bool operator==(const SliceGrad&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
};

struct Concat {  // joins along dim; the other sizes are equal. Any number of inputs
  static constexpr std::string_view name = "concat", kind = "Concat";
  int dim = 0;
  bool operator==(const Concat&) const = default;
  Attrs attrs(Specs) const { return {{"dim", dim, dim == 0}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

struct Pad {  // constant padding; amounts as in PyTorch: {left, right, top, bottom, ...}, last dim
              // first
  static constexpr std::string_view name = "pad", kind = "Pad";
  std::vector<std::int64_t> amounts = {};  // negative crops
  double value = 0;
  bool operator==(const Pad&) const = default;
  Attrs attrs(Specs) const { return {{"amounts", amounts}, {"value", value, value == 0}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

struct Expand {  // repeats dimensions of size 1 up to `shape`, by numpy's broadcasting rule
  static constexpr std::string_view name = "expand", kind = "Expand";
  Shape shape = {};
  bool operator==(const Expand&) const = default;
  Attrs attrs(Specs) const { return {{"shape", shape}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

}  // namespace ops

void run(const ops::Copy&, cpu::Context&, Ins, Outs);
void run(const ops::Permute&, cpu::Context&, Ins, Outs);
void run(const ops::Slice&, cpu::Context&, Ins, Outs);
void run(const ops::SliceGrad&, cpu::Context&, Ins, Outs);
void run(const ops::Concat&, cpu::Context&, Ins, Outs);
void run(const ops::Pad&, cpu::Context&, Ins, Outs);
void run(const ops::Expand&, cpu::Context&, Ins, Outs);

Tensor reshape(const Tensor& x, std::initializer_list<std::int64_t> shape);
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor flatten(const Tensor& x, int start_dim = 0, int end_dim = -1);
Tensor squeeze(const Tensor& x);           // drops every dimension of size 1
Tensor squeeze(const Tensor& x, int dim);  // drops dim if its size is 1
Tensor unsqueeze(const Tensor& x, int dim);
Tensor select(const Tensor& x, std::int64_t index);
Tensor copy(const Tensor& x);
Tensor permute(const Tensor& x, std::vector<int> dims);
Tensor transpose(const Tensor& x, int dim0, int dim1);
Tensor slice(const Tensor& x, const ops::Slice& op);
Tensor concat(std::span<const Tensor> xs, int dim = 0);
inline Tensor concat(std::initializer_list<Tensor> xs, int dim = 0) {
  return concat(std::span(xs.begin(), xs.size()), dim);
}
Tensor stack(std::span<const Tensor> xs, int dim = 0);
inline Tensor stack(std::initializer_list<Tensor> xs, int dim = 0) {
  return stack(std::span(xs.begin(), xs.size()), dim);
}
Tensor pad(const Tensor& x, const ops::Pad& op);
Tensor expand(const Tensor& x, const Shape& shape);

}  // namespace glassbox
