// Rows of the norm family (engine/ops/norm.h).
#include "tests/ops/op_table.h"

namespace glassbox::test {

std::vector<Row> norm_rows() {
  std::vector<Row> rows;
  return rows;
}

}  // namespace glassbox::test
