// Rows of the clipping of gradients (engine/ops/clip.h).
#include <cmath>

#include "engine/ops/clip.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

constexpr double infinity = std::numeric_limits<double>::infinity();

Tensors naive_norm(const ClipGradNorm& op, const Tensors& in) {
  double norm = 0;
  for (const Tensor& gradient : in) {
    const Values g(gradient);
    for (std::int64_t i = 0; i < g.numel(); ++i) {
      const double x = std::abs(g[i]);
      norm = std::isinf(op.norm_type) ? std::max(norm, x) : norm + std::pow(x, op.norm_type);
    }
  }
  if (!std::isinf(op.norm_type)) norm = std::pow(norm, 1 / op.norm_type);
  const double factor = std::min(1.0, op.max_norm / (norm + 1e-6));
  Tensors out{Values(Shape{}, norm).tensor()};
  for (const Tensor& gradient : in) {
    Values g(gradient);
    for (std::int64_t i = 0; i < g.numel(); ++i) g[i] *= factor;
    out.push_back(g.tensor());
  }
  return out;
}

Row norm_row() {
  Row row{.op = "clip_grad_norm"};
  const Tensors two{values({3, 5}), values({7}, 1)};
  row.samples = {
      sample("one", ClipGradNorm{}, {values({3, 5})}),
      sample("two", ClipGradNorm{.max_norm = 0.3}, two),
      sample("short enough", ClipGradNorm{.max_norm = 100, .error_if_nonfinite = true}, two),
      sample("sum", ClipGradNorm{.norm_type = 1}, two),
      sample("largest", ClipGradNorm{.norm_type = infinity}, two),
      sample("order 3", ClipGradNorm{.norm_type = 3}, two),
      sample("none", ClipGradNorm{.max_norm = 2}, {}),
      sample("zeros, and an empty one", ClipGradNorm{.max_norm = 0},
             {filled({3}, DType::f64, [](std::int64_t) { return 0; }), values({0, 2})}),
      sample("many", ClipGradNorm{}, {values({50001}), values({}, 1), values({3, 17001}, 2)}),
      sample("many, largest", ClipGradNorm{.norm_type = infinity}, {values({50001}), values({7})}),
  };
  row.samples[0].flops = 15 * 3;
  row.reference = naive<ClipGradNorm>(naive_norm);
  const Tensor bad = from<double>({1, infinity}, {2});
  row.wrong = {
      wrong(ClipGradNorm{.max_norm = -1}, {values({2})},
            "max_norm -1 is not a number of at least 0"),
      wrong(ClipGradNorm{.max_norm = NAN}, {values({2})}, "max_norm nan is not a number"),
      wrong(ClipGradNorm{.norm_type = 0}, {values({2})},
            "norm_type 0 is not above 0; infinity takes the largest element"),
      wrong(ClipGradNorm{.error_if_nonfinite = true}, {bad},
            "the norm of order 2 of the gradients is inf; without error_if_nonfinite"),
      wrong(ClipGradNorm{}, {values({2}), Tensor()}, "operand 1 is undefined"),
      wrong(ClipGradNorm{}, {integers({2})}, "needs floating-point tensors"),
  };
  return row;
}

Row value_row() {
  Row row{.op = "clip_grad_value"};
  row.samples = {
      sample("one", ClipGradValue{}, {values({3, 5})}),
      sample("two, and an empty one", ClipGradValue{.clip_value = 0.3},
             {values({3, 5}), values({}, 1), values({0, 2})}),
      sample("nothing stays", ClipGradValue{.clip_value = 0}, {values({7})}),
      sample("NaN and infinity", ClipGradValue{.clip_value = 2},
             {from<double>({NAN, infinity, -infinity}, {3})}),
      sample("many", ClipGradValue{}, {values({50001})}),
  };
  row.samples[0].flops = 15 * 2;
  row.reference = naive<ClipGradValue>([](const ClipGradValue& op, const Tensors& in) {
    Tensors out;
    for (const Tensor& gradient : in) {
      Values g(gradient);
      for (std::int64_t i = 0; i < g.numel(); ++i) {
        if (!std::isnan(g[i])) g[i] = std::clamp(g[i], -op.clip_value, op.clip_value);
      }
      out.push_back(g.tensor());
    }
    return out;
  });
  row.wrong = {
      wrong(ClipGradValue{.clip_value = -1}, {values({2})},
            "clip_value -1 is not a number of at least 0"),
      wrong(ClipGradValue{}, {Tensor()}, "operand 0 is undefined"),
      wrong(ClipGradValue{}, {integers({2})}, "needs floating-point tensors"),
  };
  return row;
}

}  // namespace

std::vector<Row> clip_rows() { return {norm_row(), value_row()}; }

}  // namespace glassbox::test
