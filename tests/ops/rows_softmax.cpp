// Rows of the softmax family (engine/ops/softmax.h).
#include "tests/ops/op_table.h"

namespace glassbox::test {

std::vector<Row> softmax_rows() {
  std::vector<Row> rows;
  return rows;
}

}  // namespace glassbox::test
