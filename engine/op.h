// What an op is. An op is an aggregate of its options with a name, shape inference, cost and
// gradient; `apply` (engine/apply.h) runs it. Ops are values: they are compared, copied, recorded.
//
//   struct Conv2d {
//     static constexpr std::string_view name = "conv2d", kind = "Conv";
//     Pair stride = 1, padding = 0, dilation = 1;
//     int groups = 1;
//     bool operator==(const Conv2d&) const = default;
//     Attrs attrs(Specs in) const;                       // what titles, patterns and errors show
//     SpecList infer(Specs in, bool grad) const;         // every user-facing shape error
//     Cost cost(Specs in, Specs out) const;
//     Saves saves() const;                               // optional: what backward reads
//     void backward(const Saved&, Ins dy, Grads&) const; // optional: written in ops
//     static constexpr bool writes = true;               // optional: aliased outputs are written
//     int alias(int output) const;                 // optional: input whose memory an output is
//     std::size_t view_offset(Specs in) const;     // optional: bytes from the input's start
//     Device device;               // optional, of a transfer alone: where the output is
//   };
//   void run(const Conv2d&, cpu::Context&, Ins, Outs);   // the CPU kernel, found by overload
//   std::size_t scratch(const Conv2d&, const cpu::Context&, Specs in, Specs out);  // optional
//
// Arity is fixed: an absent optional input keeps its place as an undefined Tensor or Spec.
#pragma once
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "engine/core/tensor.h"

namespace glassbox {

namespace cpu {
class Context;
}
namespace cuda {
class Context;
}

using Specs = std::span<const Spec>;
using SpecList = SmallVector<Spec, 4>;
using Ins = std::span<const Tensor>;
using Outs = std::span<Tensor>;
using TensorList = SmallVector<Tensor, 4>;

// One option of an op as people read it. `is_default` values are left out of titles.
struct Attr {
  using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>>;
  std::string name;
  Value value;
  bool is_default = false;

  Attr(std::string n, Value v, bool d) : name(std::move(n)), value(std::move(v)), is_default(d) {}
  template <class T>
  requires std::is_arithmetic_v<T> Attr(std::string n, T v, bool d = false)
      : Attr(std::move(n), to_value(v), d) {}
  Attr(std::string n, const char* v, bool d = false)
      : Attr(std::move(n), Value(std::string(v)), d) {}
  Attr(std::string n, Pair v, bool d = false)
      : Attr(std::move(n), Value(std::vector<std::int64_t>{v.h, v.w}), d) {}
  Attr(std::string n, std::vector<std::int64_t> v, bool d = false)
      : Attr(std::move(n), Value(std::move(v)), d) {}
  Attr(std::string n, std::string v, bool d = false) : Attr(std::move(n), Value(std::move(v)), d) {}
  Attr(std::string n, const Shape& v, bool d = false)
      : Attr(std::move(n), Value(std::vector<std::int64_t>(v.begin(), v.end())), d) {}
  friend bool operator==(const Attr&, const Attr&) = default;

 private:
  static Value to_value(bool v) { return v; }
  static Value to_value(double v) { return v; }
  static Value to_value(std::int64_t v) { return v; }
  static Value to_value(int v) { return std::int64_t(v); }
};
using Attrs = std::vector<Attr>;
std::string to_string(const Attr::Value& value);

// What running an op once costs. A multiply-add is two FLOPs. Bytes are those of the operands, each
// read or written once.
struct Cost {
  double flops = 0;
  std::int64_t bytes_read = 0, bytes_written = 0;
  double macs = 0;  // multiply-adds of matrix products, contained in flops
};
// The bytes of all inputs and outputs, with `flops`: right for every op that touches each once.
Cost streaming_cost(double flops, Specs in, Specs out);
// The same of an op that is `macs` multiply-adds and `flops` more.
Cost product_cost(double macs, double flops, Specs in, Specs out);

// Which inputs and outputs backward reads, each with the inputs whose gradient needs it.
struct Saves {
  struct Item {
    bool is_output;
    std::uint8_t index;
    std::uint32_t needed_by;  // bit i: the gradient of input i
  };
  SmallVector<Item, 4> items;
  static constexpr std::uint32_t all = ~0u;

  Saves& input(int index, std::uint32_t needed_by = all) {
    items.push_back({false, static_cast<std::uint8_t>(index), needed_by});
    return *this;
  }
  Saves& output(int index, std::uint32_t needed_by = all) {
    items.push_back({true, static_cast<std::uint8_t>(index), needed_by});
    return *this;
  }
};
// Bit of "the gradient of input i", for Saves.
constexpr std::uint32_t grad_of(int input) { return 1u << input; }

// What backward is given: every input's and output's Spec, which gradients are wanted, and the data
// that saves() chose.
class Saved {
 public:
  virtual const Spec& in_spec(int i) const = 0;
  virtual const Spec& out_spec(int i) const = 0;
  virtual int inputs() const = 0;
  virtual bool needs(int input) const = 0;
  virtual Tensor input(int i) const = 0;   // throws Error when saves() did not choose it
  virtual Tensor output(int i) const = 0;  // the same

 protected:
  ~Saved() = default;
};

// Where backward puts the gradients, by input position.
class Grads {
 public:
  explicit Grads(std::size_t inputs) : grads_(inputs) {}
  void set(int input, Tensor grad) { grads_[static_cast<std::size_t>(input)] = std::move(grad); }
  const Tensor& operator[](std::size_t i) const { return grads_[i]; }
  std::size_t size() const { return grads_.size(); }

 private:
  SmallVector<Tensor, 6> grads_;
};

// The op's type, erased: one table per op, made by op_type<Op>() in engine/apply.h.
struct OpType {
  std::string_view name, kind;
  bool writes = false;  // aliased outputs are written (an update), not just viewed
  Device (*device)(const void* op) = nullptr;  // null: outputs are where the inputs are
  Attrs (*attrs)(const void* op, Specs in) = nullptr;
  SpecList (*infer)(const void* op, Specs in, bool grad) = nullptr;
  Cost (*cost)(const void* op, Specs in, Specs out) = nullptr;
  Saves (*saves)(const void* op) = nullptr;
  void (*backward)(const void* op, const Saved&, Ins dy, Grads&) = nullptr;  // null: none
  int (*alias)(const void* op, int output) = nullptr;                        // null: none
  std::size_t (*view_offset)(const void* op, Specs in) = nullptr;
  bool (*equal)(const void* a, const void* b) = nullptr;
  std::shared_ptr<const void> (*copy)(const void* op) = nullptr;
  // Kernels; null where a backend has none. The CUDA one is filled when its library is loaded.
  void (*run_cpu)(const void* op, cpu::Context&, Ins, Outs) = nullptr;
  std::size_t (*scratch_cpu)(const void* op, const cpu::Context&, Specs in, Specs out) = nullptr;
  void (*run_cuda)(const void* op, cuda::Context&, Ins, Outs) = nullptr;
  std::size_t (*scratch_cuda)(const void* op, const cuda::Context&, Specs, Specs) = nullptr;
};

// An op of any type, by value: what tapes and recordings hold.
class AnyOp {
 public:
  AnyOp() = default;
  AnyOp(const OpType& type, std::shared_ptr<const void> op) : type_(&type), op_(std::move(op)) {}
  explicit operator bool() const { return type_ != nullptr; }
  const OpType& type() const { return *type_; }
  const void* get() const { return op_.get(); }
  std::string_view name() const { return type_->name; }
  std::string_view kind() const { return type_->kind; }
  Attrs attrs(Specs in) const { return type_->attrs(op_.get(), in); }
  Cost cost(Specs in, Specs out) const { return type_->cost(op_.get(), in, out); }
  int alias(int output) const { return type_->alias ? type_->alias(op_.get(), output) : -1; }
  template <class Op>
  const Op* as() const {
    return type_ && type_->name == Op::name ? static_cast<const Op*>(op_.get()) : nullptr;
  }
  friend bool operator==(const AnyOp& a, const AnyOp& b) {
    return a.type_ == b.type_ && (!a.type_ || a.type_->equal(a.get(), b.get()));
  }

 private:
  const OpType* type_ = nullptr;
  std::shared_ptr<const void> op_;
};

// Helpers for infer: each throws Error in the op's name with the operands' specs.
// The first `count` inputs are there; all of them by default.
void check_defined(std::string_view op, Specs in, std::size_t count = SIZE_MAX);
void check_floating(std::string_view op, Specs in);
void check_same_dtype(std::string_view op, Specs in);
void check_rank(std::string_view op, std::string_view operand, const Spec& spec, int rank);

}  // namespace glassbox
