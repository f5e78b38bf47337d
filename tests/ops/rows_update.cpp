// Rows of the update family (engine/ops/update.h).
#include "tests/ops/op_table.h"

namespace glassbox::test {

std::vector<Row> update_rows() {
  std::vector<Row> rows;
  return rows;
}

}  // namespace glassbox::test
