// Rows of the reductions (engine/ops/reduce.h).
#include <algorithm>

#include "engine/ops/reduce.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

// Which dimensions are reduced.
std::vector<bool> reduced_dims(const Shape& x, const std::vector<int>& dims) {
  std::vector<bool> reduced(static_cast<std::size_t>(x.rank()), dims.empty());
  for (int d : dims) reduced[static_cast<std::size_t>(d < 0 ? d + x.rank() : d)] = true;
  return reduced;
}

// Where the element at `index` goes, with reduced dimensions kept as 1.
Index kept_index(Index index, const std::vector<bool>& reduced) {
  for (std::size_t d = 0; d < index.size(); ++d) {
    if (reduced[d]) index[d] = 0;
  }
  return index;
}

Shape kept_shape(const Shape& x, const std::vector<bool>& reduced) {
  Shape kept = x;
  for (int d = 0; d < x.rank(); ++d) {
    if (reduced[static_cast<std::size_t>(d)]) kept[d] = 1;
  }
  return kept;
}

// The same elements without the reduced dimensions.
Values drop(const Values& kept, const std::vector<bool>& reduced) {
  Shape shape;
  for (int d = 0; d < kept.shape().rank(); ++d) {
    if (!reduced[static_cast<std::size_t>(d)]) shape.push_back(kept.size(d));
  }
  Values out(shape);
  for (std::int64_t i = 0; i < out.numel(); ++i) out[i] = kept[i];
  return out;
}

template <class Op>
Tensors naive_sum(const Op& op, const Tensors& in, bool mean) {
  const Values x(in[0]);
  const std::vector<bool> reduced = reduced_dims(x.shape(), op.dims);
  Values y(kept_shape(x.shape(), reduced));
  for_each_index(x.shape(), [&](const Index& i) { y.at(kept_index(i, reduced)) += x.at(i); });
  double count = 1;
  for (int d = 0; d < x.shape().rank(); ++d) {
    if (reduced[static_cast<std::size_t>(d)]) count *= static_cast<double>(x.size(d));
  }
  for (std::int64_t i = 0; mean && i < y.numel(); ++i) y[i] /= count;
  return {(op.keepdim ? y : drop(y, reduced)).tensor()};
}

template <class Op>
Row sum_row(bool mean) {
  Row row{.op = std::string(Op::name)};
  row.samples = {
      sample("all", Op{}, {values({3, 4, 5})}),
      sample("all, kept", Op{{}, true}, {values({3, 4, 5}, 1)}),
      sample("last", Op{{-1}}, {values({3, 4, 5}, 2)}),
      sample("first", Op{{0}}, {values({3, 4, 5}, 3)}),
      sample("middle, kept", Op{{1}, true}, {values({3, 4, 5}, 4)}),
      sample("outer two", Op{{2, 0}}, {values({3, 4, 5, 2}, 5)}),
      sample("channels", Op{{0, 2, 3}}, {values({3, 7, 5, 3}, 6)}),
      sample("no dimensions", Op{}, {values({}, 7)}),
      sample("size one", Op{{0}}, {values({1, 6}, 8)}),
      sample("batch of one", Op{{1}}, {values({1, 6}, 9)}),
      sample("empty batch", Op{{1}}, {values({0, 6}, 10)}),
      sample("of nothing", Op{{0}}, {values({0, 6}, 11)}),
      sample("all of nothing", Op{}, {values({0, 6}, 12)}),
      sample("one long", Op{}, {values({3, 50001}, 13)}),
      sample("few long", Op{{1}}, {values({3, 40007}, 14)}),
      sample("few long across", Op{{0}}, {values({40007, 2}, 15)}),
      sample("many short", Op{{1}}, {values({5001, 9}, 16)}),
  };
  for (Sample& s : row.samples) {
    if (s.inputs[0].numel() <= 10000) continue;
    s.tolerance_f64 = 1e-11;       // the loop adds up more error
    s.gradcheck_tolerance = 1e-6;  // so many small differences round
  }
  row.reference =
      naive<Op>([mean](const Op& op, const Tensors& in) { return naive_sum(op, in, mean); });
  row.wrong = {
      wrong(Op{{2}}, {values({2, 2})}, "dimension 2 is out of range for a tensor of 2 dimensions"),
      wrong(Op{{0, -2}}, {values({2, 2})}, "dimension -2 is named twice"),
      wrong(Op{}, {integers({2, 2})}, "needs floating-point tensors, got [2,2] i64"),
  };
  row.batched = true;
  return row;
}

Tensors naive_var(const Var& op, const Tensors& in) {
  const Values x(in[0]), mean(naive_sum(Mean{op.dims, true}, in, true)[0]);
  const std::vector<bool> reduced = reduced_dims(x.shape(), op.dims);
  Values y(kept_shape(x.shape(), reduced));
  for_each_index(x.shape(), [&](const Index& i) {
    const double d = x.at(i) - mean.at(kept_index(i, reduced));
    y.at(kept_index(i, reduced)) += d * d;
  });
  double count = 1;
  for (int d = 0; d < x.shape().rank(); ++d) {
    if (reduced[static_cast<std::size_t>(d)]) count *= static_cast<double>(x.size(d));
  }
  for (std::int64_t i = 0; i < y.numel(); ++i) y[i] /= std::max(0.0, count - op.correction);
  return {(op.keepdim ? y : drop(y, reduced)).tensor()};
}

Row var_row() {
  Row row{.op = "var"};
  row.samples = {
      sample("all", Var{}, {values({3, 4, 5})}),
      sample("population", Var{.correction = 0}, {values({3, 4, 5}, 1)}),
      sample("last, kept", Var{.dims = {-1}, .keepdim = true}, {values({3, 4, 5}, 2)}),
      sample("first", Var{.dims = {0}}, {values({3, 4, 5}, 3)}),
      sample("outer two", Var{.dims = {2, 0}, .correction = 2}, {values({3, 4, 5, 2}, 4)}),
      sample("channels", Var{.dims = {0, 2, 3}}, {values({3, 7, 5, 3}, 5)}),
      sample("far from zero", Var{.dims = {1}}, {values({3, 9}, 6, 1000, 1001)}),
      sample("batch of one", Var{.dims = {1}}, {values({1, 6}, 7)}),
      sample("empty batch", Var{.dims = {1}}, {values({0, 6}, 8)}),
      sample("of nothing", Var{.dims = {0}}, {values({0, 6}, 9)}),
      sample("one long", Var{}, {values({3, 50001}, 10)}),
      sample("few long across", Var{.dims = {0}}, {values({40007, 2}, 11)}),
      sample("wide", Var{.dims = {0}}, {values({7, 6001}, 12)}),
  };
  row.samples[0].flops = 4 * 3 * 4 * 5;
  row.samples[6].tolerance_f32 = 1e-3;      // the inputs are rounded to 1/16000
  row.samples[6].gradcheck_step = 1e-7;     // times |x|
  row.samples[9].differentiable = {false};  // NaN
  for (Sample& s : row.samples) {
    if (s.inputs[0].numel() <= 10000) continue;
    s.tolerance_f64 = 1e-11;       // the loop adds up more error
    s.gradcheck_tolerance = 1e-6;  // so many small differences round
  }
  row.reference = naive<Var>(naive_var);
  row.wrong = {
      wrong(Var{.correction = -1}, {values({2, 2})}, "correction -1 is negative"),
      wrong(Var{.dims = {2}}, {values({2, 2})}, "dimension 2 is out of range"),
      wrong(Var{}, {integers({2, 2})}, "needs floating-point tensors, got [2,2] i64"),
  };
  row.batched = true;
  return row;
}

}  // namespace

std::vector<Row> reduce_rows() { return {sum_row<Sum>(false), sum_row<Mean>(true), var_row()}; }

}  // namespace glassbox::test
