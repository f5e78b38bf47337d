// Rows of the random family (engine/ops/random.h).
#include "tests/ops/op_table.h"

namespace glassbox::test {

std::vector<Row> random_rows() {
  std::vector<Row> rows;
  return rows;
}

}  // namespace glassbox::test
