// Rows of the ops without inputs (engine/ops/create.h).
#include <cmath>

#include "engine/ops/create.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

Row full_row() {
  Row row{.op = "full"};
  row.samples = {sample("zeros", Full{{2, 3}}, {}), sample("no dimensions", Full{{}, 2.5}, {}),
                 sample("no elements", Full{{0, 3}, 1}, {}),
                 sample("many", Full{{5, 9001}, -1.5}, {})};
  for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i32, DType::i64,
                      DType::u8, DType::boolean}) {
    row.samples.push_back(sample(std::string(name_of(dtype)), Full{{3}, 7, dtype}, {}));
  }
  row.samples.push_back(sample("not exact in f32", Full{{3}, 0.1, DType::f64}, {}));
  row.samples.push_back(sample("infinite", Full{{3}, INFINITY}, {}));
  row.reference = naive<Full>([](const Full& op, const Tensors&) -> Tensors {
    return {filled(op.shape, op.dtype, [&](std::int64_t) { return op.value; })};
  });
  row.accepts_anything = true;
  row.note = "a negative size is refused by Shape";
  return row;
}

Row arange_row() {
  Row row{.op = "arange"};
  row.samples = {
      sample("five", Arange{.end = 5}, {}),
      sample("from, by", Arange{2, 11, 3}, {}),
      sample("downwards", Arange{3, -4, -2}, {}),
      sample("nothing", Arange{3, 3}, {}),
      sample("backwards is nothing", Arange{3, 0}, {}),
      sample("a part of a step", Arange{0, 1, 0.3, DType::f64}, {}),
      sample("f32", Arange{0, 1, 0.25, DType::f32}, {}),
      sample("i32", Arange{-3, 3, 1, DType::i32}, {}),
      sample("u8", Arange{.end = 200, .dtype = DType::u8}, {}),
      sample("many", Arange{.end = 50001}, {}),
  };
  row.reference = naive<Arange>([](const Arange& op, const Tensors&) -> Tensors {
    std::int64_t n = 0;
    while (op.step > 0 ? op.start + static_cast<double>(n) * op.step < op.end
                       : op.start + static_cast<double>(n) * op.step > op.end) {
      ++n;
    }
    return {filled({n}, op.dtype,
                   [&](std::int64_t i) { return op.start + static_cast<double>(i) * op.step; })};
  });
  row.wrong = {
      wrong(Arange{0, 5, 0}, {}, "must be finite and the step not zero"),
      wrong(Arange{0, NAN}, {}, "must be finite"),
      wrong(Arange{.end = 2, .dtype = DType::boolean}, {}, "has no boolean form"),
      wrong(Arange{.end = 1e18}, {}, "would make 1e+18 elements"),
  };
  return row;
}

Row linspace_row() {
  Row row{.op = "linspace"};
  row.samples = {
      sample("unit", Linspace{}, {}),
      sample("five", Linspace{-1, 3, 5}, {}),
      sample("downwards", Linspace{2, -2, 7, DType::f64}, {}),
      sample("one", Linspace{4, 9, 1}, {}),
      sample("nothing", Linspace{0, 1, 0}, {}),
      sample("many", Linspace{0, 1, 45001, DType::f64}, {}),
  };
  row.reference = naive<Linspace>([](const Linspace& op, const Tensors&) -> Tensors {
    return {filled({op.steps}, op.dtype, [&](std::int64_t i) {
      if (op.steps == 1) return op.start;
      const double t = static_cast<double>(i) / static_cast<double>(op.steps - 1);
      return (1 - t) * op.start + t * op.end;
    })};
  });
  row.wrong = {
      wrong(Linspace{0, 1, -1}, {}, "steps -1 is negative"),
      wrong(Linspace{0, 1, 3, DType::i64}, {}, "needs a floating-point type, got i64"),
  };
  return row;
}

}  // namespace

std::vector<Row> create_rows() { return {full_row(), arange_row(), linspace_row()}; }

}  // namespace glassbox::test
