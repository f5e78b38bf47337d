// Ops that write state in place: gradients here, parameters and moments in optim.h, running
// statistics in norm.h. Their outputs are the tensors they wrote, whose version rises.
#pragma once
#include "engine/apply.h"

namespace glassbox {
namespace ops {

struct Assign {  // destination = source
  static constexpr std::string_view name = "assign", kind = "Assign";
  static constexpr bool writes = true;
  bool operator==(const Assign&) const = default;
  Attrs attrs(Specs) const { return {}; }
  int alias(int) const { return 0; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in.subspan(1), out); }
};

struct AddTo {  // destination += source
  static constexpr std::string_view name = "add_to", kind = "AssignAdd";
  static constexpr bool writes = true;
  bool operator==(const AddTo&) const = default;
  Attrs attrs(Specs) const { return {}; }
  int alias(int) const { return 0; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const {
    return streaming_cost(static_cast<double>(out[0].numel()), in, out);
  }
};

}  // namespace ops

void run(const ops::Assign&, cpu::Context&, Ins, Outs);
void run(const ops::AddTo&, cpu::Context&, Ins, Outs);

// destination = source; same shape, type and device. Not differentiable.
void assign(Tensor& destination, const Tensor& source);
// destination += source; floating-point.
void add_to(Tensor& destination, const Tensor& source);

}  // namespace glassbox
