// Rows of the pointwise ops of two and three inputs, comparisons, where and cast
// (engine/ops/pointwise.h).
#include <cmath>
#include <limits>

#include "engine/ops/pointwise.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Shape broadcast_shape(const Tensors& in) {
  Shape out;
  int rank = 0;
  for (const Tensor& x : in) rank = std::max(rank, x.dim());
  for (int d = 0; d < rank; ++d) {
    std::int64_t size = 1;
    for (const Tensor& x : in) {
      const int own = d - (rank - x.dim());
      if (own >= 0 && x.shape()[own] != 1) size = x.shape()[own];
    }
    out.push_back(size);
  }
  return out;
}

// f over the broadcast inputs, as doubles.
Tensor naive_pointwise(const Tensors& in, DType dtype,
                       const std::function<double(const std::vector<double>&)>& f) {
  std::vector<Values> x;
  for (const Tensor& t : in) x.emplace_back(t);
  Values y(broadcast_shape(in));
  for_each_index(y.shape(), [&](const Index& i) {
    std::vector<double> operands;
    for (const Values& v : x) operands.push_back(v.broadcast(i));
    y.at(i) = f(operands);
  });
  return y.tensor(dtype);
}

Tensor list(const std::vector<double>& x) { return from(x, {static_cast<std::int64_t>(x.size())}); }

Tensor f32(const Shape& shape) {
  return filled(shape, DType::f32, [](std::int64_t i) { return static_cast<double>(i); });
}

struct Shapes {
  const char* label;
  Shape a, b;
};
const Shapes broadcasts[] = {
    {"same", {3, 5, 7}, {3, 5, 7}},
    {"row", {3, 5}, {5}},
    {"column", {3, 5}, {3, 1}},
    {"scalar", {3, 5}, {}},
    {"scalar first", {}, {3, 5}},
    {"outer", {3, 1}, {1, 5}},
    {"channels", {2, 3, 4, 5}, {3, 1, 1}},
    {"both ways", {3, 1, 5}, {4, 1}},
    {"no dimensions", {}, {}},
    {"batch of one", {1, 6}, {6}},
    {"empty batch", {0, 6}, {6}},
    {"many", {3, 20001}, {3, 20001}},
    {"many rows", {9001, 5}, {9001, 1}},
};

template <class F>
Row binary_row(double (*f)(double a, double b), double low_b = -2) {
  Row row{.op = std::string(F::name)};
  for (const auto& [label, a, b] : broadcasts) {
    row.samples.push_back(sample(label, F{}, {values(a, 1), values(b, 2, low_b, 2.5)}));
  }
  row.samples.push_back(
      sample("special values", F{},
             {list({0, inf, -inf, nan, 1, nan, inf}), list({1, -inf, 2, 1, nan, nan, inf})}));
  row.samples.back().differentiable = {false, false};
  row.samples[0].flops = F::flops * 105;
  row.reference = [f](const Sample& s) -> Tensors {
    return {naive_pointwise(s.inputs, DType::f64,
                            [f](const std::vector<double>& x) { return f(x[0], x[1]); })};
  };
  row.wrong = {
      wrong(F{}, {values({2, 3}), values({2})},
            "shapes [2,3] and [2] do not broadcast: 3 against 2 in dimension 1"),
      wrong(F{}, {values({2}), f32({2})}, "operands have different types: [2] f64 and [2] f32"),
      wrong(F{}, {values({2}), Tensor()}, "operand 1 is undefined"),
      wrong(F{}, {integers({2}), integers({2})}, "needs floating-point tensors, got [2] i64"),
  };
  row.batched = true;
  return row;
}

template <class F>
Row with_ties(Row row) {
  // The derivative at a tie is half on either side, which is also what central differences give.
  row.samples.push_back(sample("ties", F{}, {list({1, 2, 3, -1}), list({1, 3, 2, -1})}));
  return row;
}

double propagating_min(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return nan;
  return a < b ? a : b;
}
double propagating_max(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return nan;
  return a > b ? a : b;
}

Row lesser_grad_row() {
  Row row{.op = "lesser_grad"};
  const auto add = [&](const char* label, const Shape& dy, const Shape& a, const Shape& b) {
    row.samples.push_back(sample(label, LesserGrad{}, {values(dy, 3), values(a, 1), values(b, 2)}));
  };
  add("same", {3, 5}, {3, 5}, {3, 5});
  add("broadcast", {3, 5}, {5}, {3, 1});
  add("batch of one", {1, 5}, {1, 5}, {5});
  add("empty batch", {0, 5}, {0, 5}, {5});
  add("many", {3, 14001}, {3, 14001}, {3, 14001});
  row.samples.push_back(
      sample("ties", LesserGrad{}, {list({1, 2, 3}), list({1, 2, 3}), list({1, 1, 4})}));
  row.reference = [](const Sample& s) -> Tensors {
    return {naive_pointwise(s.inputs, DType::f64, [](const std::vector<double>& x) {
      return x[1] < x[2] ? x[0] : x[1] == x[2] ? x[0] / 2 : 0;
    })};
  };
  row.wrong = {
      wrong(LesserGrad{}, {values({2}), values({3}), values({3})}, "do not broadcast"),
      wrong(LesserGrad{}, {values({2}), values({2}), integers({2})},
            "needs floating-point tensors"),
  };
  row.batched = true;
  return row;
}

template <class F>
Row comparison_row(bool (*f)(double a, double b)) {
  Row row{.op = std::string(F::name)};
  for (const auto& [label, a, b] : broadcasts) {
    row.samples.push_back(
        sample(label, F{}, {integers(a, 0, 3, 1, DType::f64), integers(b, 0, 3, 2, DType::f64)}));
  }
  for (DType dtype :
       {DType::f32, DType::f16, DType::bf16, DType::i32, DType::i64, DType::u8, DType::boolean}) {
    row.samples.push_back(
        sample(std::string(name_of(dtype)), F{},
               {integers({3, 7}, 0, 3, 1, dtype), integers({7}, 0, 3, 2, dtype)}));
  }
  row.samples.push_back(
      sample("negative", F{}, {integers({9}, -2, 2, 1), integers({9}, -2, 2, 2)}));
  row.samples.push_back(
      sample("special values", F{},
             {list({0, inf, -inf, nan, 1, nan}), list({-0.0, inf, inf, 1, nan, nan})}));
  row.samples[0].flops = 105;
  row.reference = [f](const Sample& s) -> Tensors {
    return {naive_pointwise(s.inputs, DType::boolean,
                            [f](const std::vector<double>& x) { return f(x[0], x[1]) ? 1 : 0; })};
  };
  row.wrong = {
      wrong(F{}, {values({2, 3}), values({2})}, "shapes [2,3] and [2] do not broadcast"),
      wrong(F{}, {values({2}), integers({2})}, "operands have different types"),
      wrong(F{}, {values({2}), Tensor()}, "operand 1 is undefined"),
  };
  row.batched = true;
  return row;
}

Row where_row() {
  Row row{.op = "where"};
  const auto add = [&](const char* label, const Shape& c, const Shape& a, const Shape& b) {
    row.samples.push_back(sample(label, Where{}, {booleans(c), values(a, 1), values(b, 2)}));
  };
  add("same", {3, 5}, {3, 5}, {3, 5});
  add("one condition a row", {3, 1}, {3, 5}, {5});
  add("scalars", {3, 5}, {}, {});
  add("wide condition", {2, 3, 5}, {5}, {3, 1});
  add("no dimensions", {}, {}, {});
  add("batch of one", {1, 5}, {1, 5}, {5});
  add("empty batch", {0, 5}, {0, 5}, {5});
  add("many", {3, 14001}, {3, 14001}, {3, 14001});
  for (DType dtype : {DType::f16, DType::i32, DType::i64, DType::u8, DType::boolean}) {
    row.samples.push_back(
        sample(std::string(name_of(dtype)), Where{},
               {booleans({7}), integers({7}, 0, 9, 1, dtype), integers({7}, 0, 9, 2, dtype)}));
    row.samples.back().differentiable = {false, false, false};
  }
  row.samples.push_back(sample("not the other's NaN", Where{},
                               {booleans({6}), list({nan, nan, nan, nan, nan, nan}), values({6})}));
  row.samples.back().differentiable = {false, false, false};
  row.reference = [](const Sample& s) -> Tensors {
    return {naive_pointwise(s.inputs, s.inputs[1].dtype(),
                            [](const std::vector<double>& x) { return x[0] != 0 ? x[1] : x[2]; })};
  };
  row.wrong = {
      wrong(Where{}, {values({2}), values({2}), values({2})},
            "the condition must be bool, got [2] f64"),
      wrong(Where{}, {booleans({2}), values({2}), f32({2})}, "operands have different types"),
      wrong(Where{}, {booleans({2}), values({3}), values({3})}, "do not broadcast"),
      wrong(Where{}, {Tensor(), values({3}), values({3})}, "operand 0 is undefined"),
      wrong(Where{}, {booleans({2}), values({2}), Tensor()}, "operand 2 is undefined"),
  };
  row.batched = true;
  return row;
}

Row cast_row() {
  Row row{.op = "cast"};
  constexpr DType types[] = {DType::f32, DType::f64, DType::f16, DType::bf16,
                             DType::i32, DType::i64, DType::u8,  DType::boolean};
  for (DType from : types) {
    for (DType to : types) {
      // Quarters are exact in every floating-point type.
      const bool fraction = is_floating(from);
      row.samples.push_back(
          sample(cat(from, " to ", to), Cast{to}, {filled({3, 7}, from, [&](std::int64_t i) {
                   return fraction ? static_cast<double>(i) / 4 : static_cast<double>(i % 7);
                 })}));
      row.samples.back().differentiable = {from == DType::f64 && to == DType::f64};
    }
  }
  const auto add = [&](const char* label, DType to, const Tensor& x) {
    row.samples.push_back(sample(label, Cast{to}, {x}));
    row.samples.back().differentiable = {false};
  };
  add("truncates", DType::i32, list({1.9, -1.9, 0.5, -0.5, 2147483647.0, -2147483648.0}));
  row.samples.back().f32 = false;
  add("is not zero", DType::boolean, list({0, -0.0, 0.25, -3, nan, inf}));
  add("rounds to even", DType::f16, list({2049, 2051, 1e-8, 65519, 65520, -1e9}));
  add("special values", DType::bf16, list({inf, -inf, nan, 1e39, -0.0}));
  add("batch of one", DType::f64, values({1, 3}));
  add("empty batch", DType::i64, values({0, 3}));
  add("many", DType::f32, values({3, 20001}));
  row.reference = naive<Cast>([](const Cast& op, const Tensors& in) -> Tensors {
    Values y(in[0]);
    const bool to_float = is_floating(op.dtype), to_bool = op.dtype == DType::boolean;
    for (std::int64_t i = 0; i < y.numel(); ++i) {
      if (!to_float) y[i] = to_bool ? static_cast<double>(y[i] != 0) : std::trunc(y[i]);
    }
    return {y.tensor(op.dtype)};
  });
  row.accepts_anything = true;
  row.batched = true;
  return row;
}

}  // namespace

std::vector<Row> binary_rows() {
  return {
      binary_row<Add>([](double a, double b) { return a + b; }),
      binary_row<Sub>([](double a, double b) { return a - b; }),
      binary_row<Mul>([](double a, double b) { return a * b; }),
      binary_row<Div>([](double a, double b) { return a / b; }, 0.3),
      with_ties<Minimum>(binary_row<Minimum>(propagating_min)),
      with_ties<Maximum>(binary_row<Maximum>(propagating_max)),
      lesser_grad_row(),
      comparison_row<Equal>([](double a, double b) { return a == b; }),
      comparison_row<NotEqual>([](double a, double b) { return a != b; }),
      comparison_row<Less>([](double a, double b) { return a < b; }),
      comparison_row<LessEqual>([](double a, double b) { return a <= b; }),
      comparison_row<Greater>([](double a, double b) { return a > b; }),
      comparison_row<GreaterEqual>([](double a, double b) { return a >= b; }),
      where_row(),
      cast_row(),
  };
}

}  // namespace glassbox::test
