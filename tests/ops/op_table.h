// The table that drives the generic op tests (op_table_test.cpp): one row per op, with sample
// inputs, a naive reference in double and inputs that the op must refuse. One file per family,
// rows_*.cpp.
//
//   rows.push_back({.op = "scale",
//                   .samples = {sample("by two", Scale{2}, {values({3, 5})})},
//                   .reference = naive<Scale>([](const Scale& op, const Tensors& in) -> Tensors {
//                     Values x(in[0]), y(x.shape());
//                     for (std::int64_t i = 0; i < y.numel(); ++i) y[i] = op.factor * x[i];
//                     return {y.tensor()};
//                   }),
//                   .wrong = {wrong(Scale{2}, {integers({3})}, "needs floating-point tensors")}});
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/apply.h"

namespace glassbox::test {

// One call of an op. Floating-point inputs are f64; the tests make the f32 ones from them. Values
// must be away from kinks and ties by more than the gradcheck step.
struct Sample {
  std::string label = {};
  AnyOp op = {};
  Tensors inputs = {};  // an undefined tensor is an absent optional input
  // By input; empty means every floating-point input, if the op has a backward.
  std::vector<bool> differentiable = {};
  // |got - want| / max(1, |want|) against the reference, by the output's type.
  double tolerance_f64 = 1e-12, tolerance_f32 = 1e-5;
  // See engine/autograd/gradcheck.h.
  double gradcheck_step = 1e-5, gradcheck_tolerance = 1e-7;
  bool f32 = true;  // false: the op has no f32 form of this call
  // By input: f64 whatever the others are (an optimizer's scalars).
  std::vector<bool> keeps_f64 = {};
  // FLOPs counted by hand; NaN: not stated.
  double flops = std::numeric_limits<double>::quiet_NaN();
};

// A call that the op refuses. `message` is part of the error, which begins with the op's name.
struct WrongInput {
  AnyOp op;
  Tensors inputs;
  std::string message;
};

struct Row {
  std::string op = {};  // Op::name
  std::vector<Sample> samples = {};
  // Plain loops in double over sample.inputs; no engine ops. Gives the outputs in order, those that
  // only backward reads too; an undefined tensor, or one left out at the end, is not compared.
  std::function<Tensors(const Sample&)> reference = {};
  std::vector<WrongInput> wrong = {};
  bool accepts_anything = false;  // no input is wrong, so `wrong` may be empty
  // Some samples must have 1 and 0 as size 0 of input 0, and some an odd size above 1.
  bool batched = false;
  // Operand elements from which the kernel may use several threads: a sample must have as many. 0:
  // it never does.
  std::int64_t threads_from = 40000;
  // Bytes read and written where they are not those of all inputs and all outputs.
  std::function<std::pair<std::int64_t, std::int64_t>(const AnyOp&, Specs in, Specs out)> bytes =
      {};
  std::string note = {};
};

std::vector<Row> create_rows();
std::vector<Row> shape_rows();
std::vector<Row> reduce_rows();
std::vector<Row> update_rows();
std::vector<Row> optim_rows();
std::vector<Row> clip_rows();
std::vector<Row> scaler_rows();
std::vector<Row> pointwise_rows();
std::vector<Row> conv_rows();
std::vector<Row> pool_rows();
std::vector<Row> norm_rows();
std::vector<Row> layer_norm_rows();
std::vector<Row> embedding_rows();
std::vector<Row> attention_rows();
std::vector<Row> lstm_rows();
std::vector<Row> matmul_rows();
std::vector<Row> softmax_rows();
std::vector<Row> random_rows();
std::vector<Row> augment_rows();
std::vector<Row> index_rows();
std::vector<Row> conv_transpose_rows();
std::vector<Row> group_norm_rows();
std::vector<Row> gather_rows();
const std::vector<Row>& all_rows();

// --- making rows
// ----------------------------------------------------------------------------------

template <class Op>
Sample sample(std::string label, const Op& op, Tensors inputs) {
  Sample made;
  made.label = std::move(label);
  made.op = any_op(op);
  made.inputs = std::move(inputs);
  return made;
}
template <class Op>
WrongInput wrong(const Op& op, Tensors inputs, std::string message) {
  return {any_op(op), std::move(inputs), std::move(message)};
}
// A reference from a function of the op's options and the inputs.
template <class Op, class F>
std::function<Tensors(const Sample&)> naive(F reference) {
  return [reference](const Sample& s) -> Tensors {
    return reference(*static_cast<const Op*>(s.op.get()), s.inputs);
  };
}

// Deterministic inputs; another `seed` gives others. `values` are f64, all different, spread evenly
// over [low, high) in random order, and never 0.
Tensor values(const Shape& shape, std::uint64_t seed = 0, double low = -2, double high = 2);
Tensor integers(const Shape& shape, std::int64_t low = 0, std::int64_t high = 10,
                std::uint64_t seed = 0, DType dtype = DType::i64);  // in [low, high)
Tensor booleans(const Shape& shape, std::uint64_t seed = 0);
// A tensor of any type with the values that `value` gives for each flat index.
Tensor filled(const Shape& shape, DType dtype, const std::function<double(std::int64_t)>& value);

// --- plain loops
// ----------------------------------------------------------------------------------

using Index = std::vector<std::int64_t>;
// Calls f(index) for every index of the shape, in row-major order.
void for_each_index(const Shape& shape, const std::function<void(const Index&)>& f);

// An array of double: a tensor's values, or a result in the making.
class Values {
 public:
  explicit Values(const Tensor& tensor);  // any type
  explicit Values(const Shape& shape, double value = 0);

  const Shape& shape() const { return shape_; }
  std::int64_t numel() const { return static_cast<std::int64_t>(data_.size()); }
  std::int64_t size(int d) const { return shape_.size(d); }
  double& operator[](std::int64_t i) { return data_[static_cast<std::size_t>(i)]; }  // flat
  double operator[](std::int64_t i) const { return data_[static_cast<std::size_t>(i)]; }
  double& at(const Index& index) { return data_[flat(index)]; }
  double at(const Index& index) const { return data_[flat(index)]; }
  // y(n, c, h, w)
  template <class... I>
  double& operator()(I... index) {
    return at({static_cast<std::int64_t>(index)...});
  }
  template <class... I>
  double operator()(I... index) const {
    return at({static_cast<std::int64_t>(index)...});
  }
  // By numpy's rule, the element that broadcasting to an array of index's rank puts there.
  double broadcast(const Index& index) const;
  Tensor tensor(DType dtype = DType::f64) const;

 private:
  std::size_t flat(const Index& index) const;
  Shape shape_;
  std::vector<double> data_;
};

}  // namespace glassbox::test
