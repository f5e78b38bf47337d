// Rows of the index family (engine/ops/index.h).
#include <cmath>

#include "engine/ops/index.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

// `candidate` takes the place of `held`, which came before it.
bool replaces(double candidate, double held, bool smallest) {
  if (std::isnan(held)) return false;
  if (std::isnan(candidate)) return true;
  return smallest ? candidate < held : candidate > held;
}

// The best element along dim and where it is; shapes have dim as 1.
struct Found {
  Values values, indices;
};
Found find(const Values& x, int dim, bool smallest) {
  Shape shape = x.shape();
  shape[dim] = 1;
  Found found{Values(shape), Values(shape)};
  for_each_index(shape, [&](const Index& at) {
    Index from = at;
    std::int64_t& i = from[static_cast<std::size_t>(dim)];
    double best = x.at(from);
    for (i = 1; i < x.size(dim); ++i) {
      if (!replaces(x.at(from), best, smallest)) continue;
      best = x.at(from);
      found.indices.at(at) = static_cast<double>(i);
    }
    found.values.at(at) = best;
  });
  return found;
}

// The same elements without dim, or with it as 1.
Tensor without(const Values& kept, int dim, bool keepdim, DType dtype) {
  Shape shape = kept.shape();
  if (!keepdim) shape.erase(dim);
  return filled(shape, dtype, [&](std::int64_t i) { return kept[i]; });
}

int own_dim(int dim, const Tensor& x) { return dim < 0 ? dim + x.dim() : dim; }

// Three rows with equal elements, NaN and infinities.
Tensor peculiar(const Shape& shape) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const double list[] = {1, 3, 3, -inf, nan, 2, nan, 7, -inf, inf, -5, -5, 0, -0.0, inf};
  return filled(shape, DType::f64, [&](std::int64_t i) { return list[i % 15]; });
}

template <class Op>
Row extremum_row() {
  constexpr bool smallest = std::is_same_v<Op, Min>;
  Row row{.op = std::string(Op::name)};
  row.samples = {
      sample("first", Op{}, {values({3, 5})}),
      sample("last, kept", Op{-1, true}, {values({3, 5}, 1)}),
      sample("middle", Op{1}, {values({3, 5, 7}, 2)}),
      sample("batch of one", Op{1}, {values({1, 9}, 3)}),
      sample("empty batch", Op{1}, {values({0, 9}, 4)}),
      sample("one element", Op{0}, {values({1}, 5)}),
      sample("integers", Op{1}, {integers({3, 50}, -5, 5, 6)}),
      sample("32-bit integers", Op{1}, {integers({3, 50}, -5, 5, 7, DType::i32)}),
      sample("equal, NaN and infinite", Op{1}, {peculiar({3, 5})}),
      sample("many rows", Op{1}, {values({4001, 11}, 8)}),
  };
  row.samples[0].flops = 3 * 5;
  row.samples[8].differentiable = {false};
  row.reference = naive<Op>([](const Op& op, const Tensors& in) -> Tensors {
    const int dim = own_dim(op.dim, in[0]);
    const Found found = find(Values(in[0]), dim, smallest);
    const DType dtype = is_floating(in[0].dtype()) ? DType::f64 : in[0].dtype();
    return {without(found.values, dim, op.keepdim, dtype),
            without(found.indices, dim, op.keepdim, DType::i64)};
  });
  row.wrong = {
      wrong(Op{1}, {values({3, 0})}, "no largest or smallest of nothing: x is [3,0]"),
      wrong(Op{2}, {values({3, 2})}, "dimension 2 is out of range"),
      wrong(Op{}, {booleans({3})}, "the CPU computes f32 and f64, not bool"),
  };
  row.batched = true;
  return row;
}

template <class Op>
Row all_row() {
  constexpr bool smallest = std::is_same_v<Op, MinAll>;
  Row row{.op = std::string(Op::name)};
  row.samples = {
      sample("plain", Op{}, {values({3, 5})}),
      sample("no dimensions", Op{}, {values({}, 1)}),
      sample("integers", Op{}, {integers({3, 5}, -50, 50, 2)}),
      sample("NaN", Op{}, {peculiar({3, 5})}),
      sample("long", Op{}, {values({50001}, 3)}),
  };
  row.samples[0].flops = 3 * 5;
  row.samples[3].differentiable = {false};
  row.reference = naive<Op>([=](const Op&, const Tensors& in) -> Tensors {
    Values x(Shape{in[0].numel()});
    for (std::int64_t i = 0; i < x.numel(); ++i) x[i] = Values(in[0].reshape({-1}))[i];
    const DType dtype = is_floating(in[0].dtype()) ? DType::f64 : in[0].dtype();
    return {without(find(x, 0, smallest).values, 0, false, dtype)};
  });
  row.wrong = {wrong(Op{}, {values({3, 0})}, "no largest or smallest of nothing: x is [3,0]")};
  return row;
}

Row argmax_row() {
  Row row{.op = "argmax"};
  row.samples = {
      sample("all", ArgMax{}, {values({3, 5})}),
      sample("all, kept", ArgMax{.keepdim = true}, {values({3, 5}, 1)}),
      sample("last", ArgMax{.dim = -1}, {values({3, 5}, 2)}),
      sample("middle, kept", ArgMax{.dim = 1, .keepdim = true}, {values({3, 5, 7}, 3)}),
      sample("batch of one", ArgMax{.dim = 1}, {values({1, 9}, 4)}),
      sample("empty batch", ArgMax{.dim = 1}, {values({0, 9}, 5)}),
      sample("integers", ArgMax{.dim = 0}, {integers({50, 3}, -5, 5, 6)}),
      sample("equal, NaN and infinite", ArgMax{.dim = 1}, {peculiar({3, 5})}),
      sample("equal and NaN over all", ArgMax{}, {peculiar({3, 5})}),
      sample("many rows", ArgMax{.dim = 1}, {values({4001, 11}, 7)}),
      sample("long", ArgMax{}, {values({50001}, 8)}),
  };
  row.samples[0].flops = 3 * 5;
  row.reference = naive<ArgMax>([](const ArgMax& op, const Tensors& in) -> Tensors {
    const Values given(in[0]);
    if (op.dim) {
      const int dim = own_dim(*op.dim, in[0]);
      return {without(find(given, dim, false).indices, dim, op.keepdim, DType::i64)};
    }
    Values flat(Shape{given.numel()});
    for (std::int64_t i = 0; i < flat.numel(); ++i) flat[i] = given[i];
    const double index = find(flat, 0, false).indices[0];
    Shape shape;
    for (int d = 0; op.keepdim && d < in[0].dim(); ++d) shape.push_back(1);
    return {Values(shape, index).tensor(DType::i64)};
  });
  row.wrong = {
      wrong(ArgMax{}, {values({3, 0})}, "no largest or smallest of nothing: x is [3,0]"),
      wrong(ArgMax{.dim = 0}, {values({0, 3})}, "no largest or smallest of nothing: x is [0,3]"),
      wrong(ArgMax{.dim = -3}, {values({3, 2})}, "dimension -3 is out of range"),
  };
  row.batched = true;
  return row;
}

Row pick_grad_row() {
  Row row{.op = "pick_grad"};
  const auto picks = [](const Shape& shape, std::int64_t size, std::uint64_t seed) -> Tensors {
    return {values(shape, seed), integers(shape, 0, size, seed + 1)};
  };
  row.samples = {
      sample("first", PickGrad{.size = 5}, picks({3}, 5, 0)),
      sample("last, kept", PickGrad{-1, true, 5}, picks({3, 1}, 5, 2)),
      sample("middle", PickGrad{1, false, 4}, picks({3, 5}, 4, 4)),
      sample("batch of one", PickGrad{1, false, 4}, picks({1, 5}, 4, 6)),
      sample("empty batch", PickGrad{1, false, 4}, picks({0, 5}, 4, 8)),
      sample("of no dimensions", PickGrad{.size = 3}, picks({}, 3, 10)),
      sample("many rows", PickGrad{1, false, 11}, picks({4001}, 11, 12)),
  };
  row.reference = naive<PickGrad>([](const PickGrad& op, const Tensors& in) -> Tensors {
    const Values dy(in[0]), index(in[1]);
    const int dim = op.dim < 0 ? op.dim + in[0].dim() + (op.keepdim ? 0 : 1) : op.dim;
    Shape kept = in[0].shape(), full = kept;
    if (!op.keepdim) kept.insert(dim, 1);
    full = kept;
    full[dim] = op.size;
    Values dx(full);
    std::int64_t i = 0;
    for_each_index(kept, [&](const Index& at) {
      Index to = at;
      to[static_cast<std::size_t>(dim)] = static_cast<std::int64_t>(index[i]);
      dx.at(to) = dy[i++];
    });
    return {dx.tensor()};
  });
  row.wrong = {
      wrong(PickGrad{.size = 4}, {values({3}), integers({2})},
            "indices [2] i64 do not match dy [3] f64"),
      wrong(PickGrad{.size = 4}, {values({3}), values({3})},
            "indices [3] f64 do not match dy [3] f64"),
      wrong(PickGrad{0, true, 4}, {values({3}), integers({3})},
            "dy [3] must have size 1 along dimension 0"),
      wrong(PickGrad{.size = -1}, {values({3}), integers({3})}, "size -1 is negative"),
  };
  row.batched = true;
  return row;
}

}  // namespace

std::vector<Row> index_rows() {
  return {extremum_row<Max>(), extremum_row<Min>(), all_row<MaxAll>(),
          all_row<MinAll>(),   argmax_row(),        pick_grad_row()};
}

}  // namespace glassbox::test
