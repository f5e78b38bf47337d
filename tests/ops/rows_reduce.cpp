// Rows of the reduce family (engine/ops/reduce.h).
#include "tests/ops/op_table.h"

namespace glassbox::test {

std::vector<Row> reduce_rows() {
  std::vector<Row> rows;
  return rows;
}

}  // namespace glassbox::test
