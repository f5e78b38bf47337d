// Rows of the conv family (engine/ops/conv.h).
#include "tests/ops/op_table.h"

namespace glassbox::test {

std::vector<Row> conv_rows() {
  std::vector<Row> rows;
  return rows;
}

}  // namespace glassbox::test
