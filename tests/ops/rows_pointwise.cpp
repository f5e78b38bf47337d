// Rows of the pointwise family (engine/ops/pointwise.h).
#include "tests/ops/op_table.h"

namespace glassbox::test {

std::vector<Row> pointwise_rows() {
  std::vector<Row> rows;
  return rows;
}

}  // namespace glassbox::test
