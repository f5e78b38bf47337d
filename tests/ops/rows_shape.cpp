// Rows of the shape family (engine/ops/shape.h).
#include "tests/ops/op_table.h"

namespace glassbox::test {

std::vector<Row> shape_rows() {
  std::vector<Row> rows;
  return rows;
}

}  // namespace glassbox::test
