// Rows of gather (engine/ops/gather.h).
#include "engine/ops/gather.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using ops::Gather;
using ops::GatherGrad;

// Calls f(place in index, place in x) for every index.
template <class F>
void each(int dim, const Tensor& index, int rank, const F& f) {
  const Values at_dim(index);
  for_each_index(index.shape(), [&](const Index& at) {
    Index from = at;
    from[static_cast<std::size_t>(dim < 0 ? dim + rank : dim)] =
        static_cast<std::int64_t>(at_dim.at(at));
    f(at, from);
  });
}

struct Case {
  std::string label;
  int dim;
  Shape x, index;
};

std::vector<Case> cases() {
  return {
      {"one dimension", 0, {7}, {5}},
      {"first of two", 0, {4, 3}, {6, 3}},
      {"last", -1, {3, 5}, {3, 2}},
      {"middle", 1, {3, 5, 7}, {3, 9, 7}},
      {"first of three", 0, {3, 5, 2}, {4, 5, 2}},
      {"one of each row", 1, {5, 4}, {5, 1}},
      {"index smaller in other dimensions", 1, {4, 5, 6}, {2, 7, 3}},
      {"the same, first", 0, {4, 5, 6}, {3, 2, 5}},
      {"the same, last", -1, {4, 5, 6}, {3, 2, 8}},
      {"batch 1", 1, {1, 5}, {1, 3}},
      {"empty batch", 1, {0, 5}, {0, 3}},
      {"no index", 0, {3, 5}, {0, 5}},
      {"threads", 0, {5, 61, 67}, {9, 61, 67}},
      {"threads, last", 2, {60, 61, 3}, {60, 61, 9}},
  };
}

Tensor index_of(const Case& c, std::uint64_t seed) {
  return integers(c.index, 0, std::max<std::int64_t>(1, c.x.size(c.dim)), seed);
}

Row forward_row() {
  Row row{.op = "gather", .batched = true};
  for (const Case& c : cases()) {
    row.samples.push_back(sample(c.label, Gather{c.dim}, {values(c.x, 1), index_of(c, 2)}));
    row.samples.back().flops = 0;
  }
  row.samples.push_back(sample("integers", Gather{1}, {integers({3, 5}), integers({3, 4}, 0, 5)}));
  row.samples.push_back(sample("booleans", Gather{}, {booleans({5, 3}), integers({4, 3}, 0, 5)}));
  row.reference = naive<Gather>([](const Gather& op, const Tensors& in) -> Tensors {
    const Values x(in[0]);
    Values y(in[1].shape());
    each(op.dim, in[1], in[0].dim(),
         [&](const Index& at, const Index& from) { y.at(at) = x.at(from); });
    return {y.tensor(is_floating(in[0].dtype()) ? DType::f64 : in[0].dtype())};
  });
  row.bytes = [](const AnyOp&, Specs in, Specs out) {  // of x only what is picked
    const auto picked = static_cast<std::int64_t>(out[0].bytes());
    return std::pair(picked + static_cast<std::int64_t>(in[1].bytes()), picked);
  };
  const Tensor x = values({3, 5}), five = from<std::int64_t>({0, 4, 5, 1}, {1, 4});
  row.wrong = {
      wrong(Gather{1}, {x, five},
            "index 5 at [0,2] is outside the 5 elements of x [3,5] along dimension 1"),
      wrong(Gather{0}, {x, from<std::int64_t>({2, 0, -1}, {3, 1})},
            "index -1 at [2,0] is outside the 3 elements of x [3,5] along dimension 0"),
      wrong(Gather{0}, {values({0, 2}), from<std::int64_t>({0}, {1, 1})},
            "index 0 at [0,0] is outside the 0 elements"),
      wrong(Gather{1}, {x, integers({4, 2}, 0, 5)},
            "index [4,2] is larger than x [3,5] in dimension 0, which is not the gathered 1"),
      wrong(Gather{1}, {x, integers({3}, 0, 5)},
            "index [3] must have as many dimensions as x [3,5]"),
      wrong(Gather{1}, {x, values({3, 2})}, "index must be i64, got [3,2] f64"),
      wrong(Gather{1}, {x, integers({3, 2}, 0, 5, 0, DType::i32)}, "index must be i64"),
      wrong(Gather{2}, {x, integers({3, 2}, 0, 5)}, "dimension 2 is out of range"),
      wrong(Gather{}, {{}, integers({3, 2})}, "x is undefined"),
      wrong(Gather{}, {x, {}}, "index is undefined"),
  };
  return row;
}

Row grad_row() {
  Row row{.op = "gather_grad", .batched = true};
  for (const Case& c : cases()) {
    row.samples.push_back(
        sample(c.label, GatherGrad{c.dim, c.x}, {values(c.index, 3), index_of(c, 4)}));
    row.samples.back().flops = static_cast<double>(c.index.numel());
  }
  row.reference = naive<GatherGrad>([](const GatherGrad& op, const Tensors& in) -> Tensors {
    const Values dy(in[0]);
    Values dx(op.x);
    each(op.dim, in[1], op.x.rank(),
         [&](const Index& at, const Index& to) { dx.at(to) += dy.at(at); });
    return {dx.tensor()};
  });
  row.wrong = {
      wrong(GatherGrad{0, {3, 5}}, {values({4, 5}), integers({3, 5}, 0, 3)},
            "dy [4,5] does not match index [3,5]"),
      wrong(GatherGrad{0, {3, 5}}, {integers({3, 5}), integers({3, 5}, 0, 3)},
            "needs floating-point tensors"),
      wrong(GatherGrad{0, {3, 5}}, {values({1, 2}), from<std::int64_t>({1, 3}, {1, 2})},
            "index 3 at [0,1] is outside the 3 elements of x [3,5] along dimension 0"),
      wrong(GatherGrad{0, {3, 5}}, {values({2, 6}), integers({2, 6}, 0, 3)},
            "index [2,6] is larger than x [3,5] in dimension 1"),
      wrong(GatherGrad{}, {{}, integers({3, 2})}, "dy is undefined"),
      wrong(GatherGrad{}, {values({3}), {}}, "index is undefined"),
  };
  return row;
}

}  // namespace

std::vector<Row> gather_rows() { return {forward_row(), grad_row()}; }

}  // namespace glassbox::test
