// Rows of the pointwise ops of one input and of their gradients (engine/ops/pointwise.h). The other
// pointwise ops are in rows_binary.cpp.
#include <cmath>
#include <limits>

#include "engine/ops/pointwise.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = 3.14159265358979323846;

template <class F>
struct Case {
  std::string label;
  F f;
  double low = -2, high = 2;  // of the inputs
};

Tensor list(const std::vector<double>& x) { return from(x, {static_cast<std::int64_t>(x.size())}); }

template <class F>
std::vector<WrongInput> unary_wrong() {
  return {
      wrong(F{}, {integers({3})}, "needs floating-point tensors, got [3] i64; cast it with to("),
      wrong(F{}, {booleans({3})}, "needs floating-point tensors"),
      wrong(F{}, {Tensor()}, "operand 0 is undefined"),
      wrong(F{}, {integers({3}, 0, 3, 0, DType::f16)}, "the CPU computes f32 and f64, not f16"),
  };
}

// `value` is f(x), `slope` f'(x) from those of x and y that the gradient op is given. `special`
// values are compared with the reference and not differentiated.
template <class F>
void add(std::vector<Row>& rows, const std::vector<Case<F>>& cases,
         double (*value)(const F&, double x), double (*slope)(const F&, double x, double y),
         const std::vector<double>& special = {}) {
  Row row{.op = std::string(F::name)};
  Row grad{.op = std::string(PointwiseGrad<F>::name)};
  const auto add_case = [&](const Case<F>& c, const std::string& label, const Shape& shape) {
    const Tensor x = values(shape, rows.size(), c.low, c.high);
    row.samples.push_back(sample(c.label + label, c.f, {x}));
    Values y(x);
    for (std::int64_t i = 0; i < y.numel(); ++i) y[i] = value(c.f, y[i]);
    grad.samples.push_back(sample(c.label + label, PointwiseGrad<F>{c.f},
                                  {values(shape, 99), F::grad_reads_x ? x : Tensor(),
                                   F::grad_reads_y ? y.tensor() : Tensor()}));
  };
  for (const Case<F>& c : cases) add_case(c, " odd", {3, 5, 7});
  const Case<F>& last = cases.back();
  add_case(last, " no dimensions", {});
  add_case(last, " batch of one", {1, 17});
  add_case(last, " empty batch", {0, 3});
  add_case(last, " many", {3, 20001});
  if (!special.empty()) {
    row.samples.push_back(sample("special values", last.f, {list(special)}));
    row.samples.back().differentiable = {false};
  }
  row.reference = naive<F>([value](const F& f, const Tensors& in) -> Tensors {
    Values y(in[0]);
    for (std::int64_t i = 0; i < y.numel(); ++i) y[i] = value(f, y[i]);
    return {y.tensor()};
  });
  grad.reference =
      naive<PointwiseGrad<F>>([slope](const PointwiseGrad<F>& op, const Tensors& in) -> Tensors {
        Values dx(in[0]);
        const Values absent(in[0].shape(), nan);
        const Values x = in[1].defined() ? Values(in[1]) : absent;
        const Values y = in[2].defined() ? Values(in[2]) : absent;
        for (std::int64_t i = 0; i < dx.numel(); ++i) dx[i] *= slope(op.f, x[i], y[i]);
        return {dx.tensor()};
      });
  row.samples[0].flops = F::flops * 105;
  row.wrong = unary_wrong<F>();
  const Tensor dy = values({2, 3});
  grad.wrong = {
      wrong(PointwiseGrad<F>{}, {integers({3}), Tensor(), Tensor()},
            "needs floating-point tensors"),
      wrong(PointwiseGrad<F>{}, {Tensor(), dy, dy}, "operand 0 is undefined"),
  };
  if (F::grad_reads_x || F::grad_reads_y) {
    const Tensor other = values({3, 2});
    grad.wrong.push_back(
        wrong(PointwiseGrad<F>{}, {dy, other, other}, "[3,2] f64 does not match dy [2,3] f64"));
    grad.wrong.push_back(wrong(PointwiseGrad<F>{}, {dy, Tensor(), Tensor()}, "is undefined"));
  }
  row.batched = grad.batched = true;
  rows.push_back(std::move(row));
  rows.push_back(std::move(grad));
}

template <class F>
Case<F> plain(double low = -3, double high = 3) {
  return {"", F{}, low, high};
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double logistic(double x) { return 1 / (1 + std::exp(-x)); }

void add_activations(std::vector<Row>& rows) {
  add<Relu>(
      rows, {plain<Relu>()}, [](const Relu&, double x) { return x > 0 || std::isnan(x) ? x : 0; },
      [](const Relu&, double, double y) { return y > 0 ? 1.0 : 0.0; }, {0, -0.0, inf, -inf, nan});
  add<LeakyRelu>(
      rows, {plain<LeakyRelu>(), {"slope 0.3", {0.3}}, {"slope -1", {-1}}},
      [](const LeakyRelu& f, double x) { return x > 0 ? x : f.negative_slope * x; },
      [](const LeakyRelu& f, double x, double) { return x > 0 ? 1 : f.negative_slope; },
      {0, -0.0, inf, -inf, nan});
  add<Gelu>(
      rows, {plain<Gelu>(-6, 6)}, [](const Gelu&, double x) { return x * normal_cdf(x); },
      [](const Gelu&, double x, double) {
        return normal_cdf(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * pi);
      },
      {0, -0.0, 40, -40, inf, nan});
  add<Silu>(
      rows, {plain<Silu>(-6, 6)}, [](const Silu&, double x) { return x * logistic(x); },
      [](const Silu&, double x, double) {
        return logistic(x) + x * logistic(x) * (1 - logistic(x));
      },
      {0, -0.0, 800, -800, inf, nan});
  add<Sigmoid>(
      rows, {plain<Sigmoid>(-6, 6)}, [](const Sigmoid&, double x) { return logistic(x); },
      [](const Sigmoid&, double, double y) { return y - y * y; },
      {0, -0.0, 800, -800, inf, -inf, nan});
  add<Tanh>(
      rows, {plain<Tanh>()}, [](const Tanh&, double x) { return std::tanh(x); },
      [](const Tanh&, double, double y) { return 1 - y * y; },
      {0, -0.0, 1e-9, -3e-5, 30, -800, inf, -inf, nan});
}

void add_functions(std::vector<Row>& rows) {
  add<Exp>(
      rows, {plain<Exp>()}, [](const Exp&, double x) { return std::exp(x); },
      [](const Exp&, double, double y) { return y; }, {0, -0.0, -800, inf, -inf, nan});
  add<Log>(
      rows, {plain<Log>(0.05, 9)}, [](const Log&, double x) { return std::log(x); },
      [](const Log&, double x, double) { return 1 / x; }, {1, 0, -1, inf, nan});
  add<Sqrt>(
      rows, {plain<Sqrt>(0.05, 9)}, [](const Sqrt&, double x) { return std::sqrt(x); },
      [](const Sqrt&, double, double y) { return 0.5 / y; }, {0, -0.0, 4, -1, inf, nan});
  add<Abs>(
      rows, {plain<Abs>()}, [](const Abs&, double x) { return std::fabs(x); },
      [](const Abs&, double x, double) { return x > 0 ? 1.0 : -1.0; }, {0, -0.0, inf, -inf, nan});
  add<Neg>(
      rows, {plain<Neg>()}, [](const Neg&, double x) { return -x; },
      [](const Neg&, double, double) { return -1.0; }, {0, -0.0, inf, -inf, nan});
  add<Sin>(
      rows, {plain<Sin>(-10, 10)}, [](const Sin&, double x) { return std::sin(x); },
      [](const Sin&, double x, double) { return std::cos(x); }, {0, -0.0, 1e3, -1e3, inf, nan});
  add<Cos>(
      rows, {plain<Cos>(-10, 10)}, [](const Cos&, double x) { return std::cos(x); },
      [](const Cos&, double x, double) { return -std::sin(x); }, {0, -0.0, 1e3, -1e3, inf, nan});
  add<Clamp>(
      rows,
      {plain<Clamp>(), {"below", {.min = -0.5}}, {"above", {.max = 0.75}}, {"both", {-0.5, 0.75}}},
      [](const Clamp& f, double x) { return x < f.min   ? f.min
                                            : x > f.max ? f.max
                                                        : x; },
      [](const Clamp& f, double x, double) { return x >= f.min && x <= f.max ? 1.0 : 0.0; },
      {0, -0.5, 0.75, inf, -inf, nan});
  add<Pow>(
      rows,
      {plain<Pow>(),
       {"cubed", {3}},
       {"to the 0", {0}},
       {"to the 1", {1}},
       {"inverse square", {-2}, 0.5, 3},
       {"root", {0.5}, 0.1, 3},
       {"to the 2.5", {2.5}, 0.1, 3}},
      [](const Pow& f, double x) { return std::pow(x, f.exponent); },
      [](const Pow& f, double x, double) {
        return f.exponent == 0 ? 0 : f.exponent * std::pow(x, f.exponent - 1);
      },
      {0, 1, 2, inf, nan});
}

void add_scalars(std::vector<Row>& rows) {
  add<AddScalar>(
      rows, {plain<AddScalar>(), {"1.5", {1.5}}},
      [](const AddScalar& f, double x) { return x + f.value; },
      [](const AddScalar&, double, double) { return 1.0; }, {0, inf, -inf, nan});
  add<MulScalar>(
      rows, {plain<MulScalar>(), {"-2.5", {-2.5}}},
      [](const MulScalar& f, double x) { return x * f.value; },
      [](const MulScalar& f, double, double) { return f.value; }, {0, inf, -inf, nan});
  add<DivScalar>(
      rows, {plain<DivScalar>(), {"-2.5", {-2.5}}},
      [](const DivScalar& f, double x) { return x / f.value; },
      [](const DivScalar& f, double, double) { return 1 / f.value; }, {0, inf, -inf, nan});
  add<RdivScalar>(
      rows, {plain<RdivScalar>(0.3, 3), {"-2.5", {-2.5}, -3, -0.3}},
      [](const RdivScalar& f, double x) { return f.value / x; },
      [](const RdivScalar& f, double x, double) { return -f.value / (x * x); },
      {0, -0.0, inf, -inf, nan});
  add<RsubScalar>(
      rows, {plain<RsubScalar>(), {"1.5", {1.5}}},
      [](const RsubScalar& f, double x) { return f.value - x; },
      [](const RsubScalar&, double, double) { return -1.0; }, {0, inf, -inf, nan});
}

}  // namespace

std::vector<Row> binary_rows();  // rows_binary.cpp

std::vector<Row> pointwise_rows() {
  std::vector<Row> rows;
  add_activations(rows);
  add_functions(rows);
  add_scalars(rows);
  const std::vector<Row> others = binary_rows();
  rows.insert(rows.end(), others.begin(), others.end());
  return rows;
}

}  // namespace glassbox::test
