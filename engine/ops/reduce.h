// Reductions over some dimensions or, with none named, over all. Sums are f32 or wider and are
// taken in an order that depends on the shape alone, so the bits do not depend on threads.
#pragma once
#include <vector>

#include "engine/apply.h"

namespace glassbox {
namespace ops {

struct Sum {
  static constexpr std::string_view name = "sum", kind = "ReduceSum";
  std::vector<int> dims = {};  // empty: all
  bool keepdim = false;
  bool operator==(const Sum&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const {
    return streaming_cost(static_cast<double>(in[0].numel()), in, out);
  }
  void backward(const Saved&, Ins dy, Grads&) const;
};

struct Mean {
  static constexpr std::string_view name = "mean", kind = "ReduceMean";
  std::vector<int> dims = {};
  bool keepdim = false;
  bool operator==(const Mean&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const {
    return streaming_cost(static_cast<double>(in[0].numel() + out[0].numel()), in, out);
  }
  void backward(const Saved&, Ins dy, Grads&) const;
};

// The variance: the sum of squared deviations from the mean, over count - correction.
struct Var {
  static constexpr std::string_view name = "var", kind = "ReduceVar";
  std::vector<int> dims = {};
  int correction = 1;
  bool keepdim = false;
  bool operator==(const Var&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const {
    return streaming_cost(4.0 * static_cast<double>(in[0].numel()), in, out);
  }
  Saves saves() const { return Saves().input(0); }
  void backward(const Saved&, Ins dy, Grads&) const;
};

// The shape that is left, and the same with the reduced dimensions kept as 1.
Shape reduced_shape(std::string_view op, const Shape& x, const std::vector<int>& dims,
                    bool keepdim);

}  // namespace ops

void run(const ops::Sum&, cpu::Context&, Ins, Outs);
void run(const ops::Mean&, cpu::Context&, Ins, Outs);
void run(const ops::Var&, cpu::Context&, Ins, Outs);
std::size_t scratch(const ops::Sum&, const cpu::Context&, Specs in, Specs out);
std::size_t scratch(const ops::Mean&, const cpu::Context&, Specs in, Specs out);
std::size_t scratch(const ops::Var&, const cpu::Context&, Specs in, Specs out);

Tensor sum(const Tensor& x, const ops::Sum& op = {});
Tensor mean(const Tensor& x, const ops::Mean& op = {});
Tensor var(const Tensor& x, const ops::Var& op = {});
// Sums over the dimensions that broadcasting from `shape` to x's shape repeated.
Tensor sum_to(const Tensor& x, const Shape& shape);

}  // namespace glassbox
