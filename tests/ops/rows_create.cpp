// Rows of the create family (engine/ops/create.h).
#include "tests/ops/op_table.h"

namespace glassbox::test {

std::vector<Row> create_rows() {
  std::vector<Row> rows;
  return rows;
}

}  // namespace glassbox::test
