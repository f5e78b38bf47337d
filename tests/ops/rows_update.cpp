// Rows of the ops that write state (engine/ops/update.h, engine/ops/ema.h).
#include <cmath>

#include "engine/ops/ema.h"
#include "engine/ops/update.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

template <class Op>
std::vector<WrongInput> two_operands_wrong() {
  return {
      wrong(Op{}, {values({2, 3}), values({3, 2})},
            "destination [2,3] f64 does not match source [3,2] f64"),
      wrong(Op{}, {values({2, 3}), values({3})}, "does not match source [3] f64"),
      wrong(Op{}, {values({2}), filled({2}, DType::f32, [](std::int64_t) { return 1; })},
            "destination [2] f64 does not match source [2] f32"),
  };
}

Row assign_row() {
  Row row{.op = "assign"};
  row.samples = {
      sample("matrix", Assign{}, {values({3, 5}), values({3, 5}, 1)}),
      sample("one", Assign{}, {values({1}), values({1}, 1)}),
      sample("no dimensions", Assign{}, {values({}), values({}, 1)}),
      sample("empty", Assign{}, {values({0, 3}), values({0, 3}, 1)}),
      sample("i64", Assign{}, {integers({7}), integers({7}, 0, 9, 1)}),
      sample("bool", Assign{}, {booleans({7}), booleans({7}, 1)}),
      sample("many", Assign{}, {values({3, 17001}), values({3, 17001}, 1)}),
  };
  row.reference = naive<Assign>([](const Assign&, const Tensors& in) -> Tensors {
    return {Values(in[1]).tensor(in[0].dtype())};
  });
  row.wrong = two_operands_wrong<Assign>();
  row.batched = true;
  row.bytes = [](const AnyOp&, Specs in, Specs out) {
    return std::pair(static_cast<std::int64_t>(in[1].bytes()),
                     static_cast<std::int64_t>(out[0].bytes()));
  };
  return row;
}

Row add_to_row() {
  Row row{.op = "add_to"};
  row.samples = {
      sample("matrix", AddTo{}, {values({3, 5}), values({3, 5}, 1)}),
      sample("one", AddTo{}, {values({1}), values({1}, 1)}),
      sample("no dimensions", AddTo{}, {values({}), values({}, 1)}),
      sample("empty", AddTo{}, {values({0, 3}), values({0, 3}, 1)}),
      sample("many", AddTo{}, {values({3, 17001}), values({3, 17001}, 1)}),
  };
  row.samples[0].flops = 15;
  row.reference = naive<AddTo>([](const AddTo&, const Tensors& in) -> Tensors {
    Values y(in[0]);
    const Values x(in[1]);
    for (std::int64_t i = 0; i < y.numel(); ++i) y[i] += x[i];
    return {y.tensor()};
  });
  row.wrong = two_operands_wrong<AddTo>();
  row.wrong.push_back(
      wrong(AddTo{}, {integers({2}), integers({2})}, "needs floating-point tensors"));
  row.batched = true;
  return row;
}

}  // namespace

std::vector<Row> update_rows() { return {assign_row(), add_to_row()}; }

}  // namespace glassbox::test
