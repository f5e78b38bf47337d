// Rows of the matmul family (engine/ops/matmul.h).
#include "tests/ops/op_table.h"

namespace glassbox::test {

std::vector<Row> matmul_rows() {
  std::vector<Row> rows;
  return rows;
}

}  // namespace glassbox::test
