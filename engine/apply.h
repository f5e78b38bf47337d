// apply: the only place where an op runs. It infers the outputs, takes memory, runs the kernel of
// the inputs' device (none on the meta device), links the tape and tells the recorder.
#pragma once
#include <string_view>
#include <type_traits>

#include "engine/op.h"

namespace glassbox {

TensorList apply_op(const OpType& type, const void* op, Ins in);

// Runs the kernel of an op on outputs that exist already; no tape, no recorder. For replays.
void execute(const AnyOp& op, Ins in, Outs out);

namespace detail {

// What an op leaves out, its family may give as free functions of the same names in the op's
// namespace (pointwise.h does): infer(op, in, grad), cost(op, in, out), attrs(op, in), saves(op),
// backward(op, saved, dy, grads).
template <class Op>
Attrs attrs_of(const Op& op, Specs in) {
  if constexpr (requires { op.attrs(in); })
    return op.attrs(in);
  else
    return attrs(op, in);
}
template <class Op>
SpecList infer_of(const Op& op, Specs in, bool grad) {
  if constexpr (requires { op.infer(in, grad); })
    return op.infer(in, grad);
  else
    return infer(op, in, grad);
}
template <class Op>
Cost cost_of(const Op& op, Specs in, Specs out) {
  if constexpr (requires { op.cost(in, out); })
    return op.cost(in, out);
  else
    return cost(op, in, out);
}

template <class Op>
OpType make_op_type() {
  OpType type;
  type.name = Op::name;
  type.kind = Op::kind;
  type.attrs = [](const void* op, Specs in) { return attrs_of(*static_cast<const Op*>(op), in); };
  type.infer = [](const void* op, Specs in, bool grad) {
    return infer_of(*static_cast<const Op*>(op), in, grad);
  };
  type.cost = [](const void* op, Specs in, Specs out) {
    return cost_of(*static_cast<const Op*>(op), in, out);
  };
  type.equal = [](const void* a, const void* b) {
    return *static_cast<const Op*>(a) == *static_cast<const Op*>(b);
  };
  type.copy = [](const void* op) -> std::shared_ptr<const void> {
    return std::make_shared<Op>(*static_cast<const Op*>(op));
  };
  if constexpr (requires { Op::writes; }) type.writes = Op::writes;
  if constexpr (requires(const Op& op) { Device(op.device); }) {
    type.device = [](const void* op) { return static_cast<const Op*>(op)->device; };
  }
  if constexpr (requires(const Op& op) { op.saves(); }) {
    type.saves = [](const void* op) { return static_cast<const Op*>(op)->saves(); };
  } else if constexpr (requires(const Op& op) { saves(op); }) {
    type.saves = [](const void* op) { return saves(*static_cast<const Op*>(op)); };
  }
  if constexpr (requires(const Op& op, const Saved& s, Ins dy, Grads& g) {
                  op.backward(s, dy, g);
                }) {
    type.backward = [](const void* op, const Saved& saved, Ins dy, Grads& grads) {
      static_cast<const Op*>(op)->backward(saved, dy, grads);
    };
  } else if constexpr (requires(const Op& op, const Saved& s, Ins dy, Grads& g) {
                         backward(op, s, dy, g);
                       }) {
    type.backward = [](const void* op, const Saved& saved, Ins dy, Grads& grads) {
      backward(*static_cast<const Op*>(op), saved, dy, grads);
    };
  }
  if constexpr (requires(const Op& op) { op.alias(0); }) {
    type.alias = [](const void* op, int i) { return static_cast<const Op*>(op)->alias(i); };
  }
  if constexpr (requires(const Op& op, Specs in) { op.view_offset(in); }) {
    type.view_offset = [](const void* op, Specs in) {
      return static_cast<const Op*>(op)->view_offset(in);
    };
  }
  if constexpr (requires(const Op& op, cpu::Context& c, Ins in, Outs out) {
                  run(op, c, in, out);
                }) {
    type.run_cpu = [](const void* op, cpu::Context& ctx, Ins in, Outs out) {
      run(*static_cast<const Op*>(op), ctx, in, out);
    };
  }
  if constexpr (requires(const Op& op, const cpu::Context& c, Specs s) { scratch(op, c, s, s); }) {
    type.scratch_cpu = [](const void* op, const cpu::Context& ctx, Specs in, Specs out) {
      return scratch(*static_cast<const Op*>(op), ctx, in, out);
    };
  }
  return type;
}

}  // namespace detail

// The table of an op, one per process. Not const: the CUDA library fills its kernels in.
template <class Op>
OpType& op_type() {
  static OpType type = detail::make_op_type<Op>();
  return type;
}

template <class Op>
AnyOp any_op(const Op& op) {
  return AnyOp(op_type<Op>(), std::make_shared<Op>(op));
}

// Runs `op`; returns all its outputs, the internal ones too.
template <class Op>
TensorList apply(const Op& op, Ins in) {
  return apply_op(op_type<Op>(), &op, in);
}
// The same for a handful of inputs.
template <class Op, class... In>
requires(std::is_convertible_v<const In&, const Tensor&>&&...) TensorList
    apply(const Op& op, const In&... in) {
  if constexpr (sizeof...(In) == 0) {
    return apply_op(op_type<Op>(), &op, Ins());
  } else {
    const Tensor list[] = {static_cast<const Tensor&>(in)...};
    return apply_op(op_type<Op>(), &op, Ins(list, sizeof...(In)));
  }
}

}  // namespace glassbox
