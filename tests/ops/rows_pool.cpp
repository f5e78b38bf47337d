// Rows of the pool family (engine/ops/pool.h).
#include "tests/ops/op_table.h"

namespace glassbox::test {

std::vector<Row> pool_rows() {
  std::vector<Row> rows;
  return rows;
}

}  // namespace glassbox::test
