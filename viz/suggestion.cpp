// What to change in a model whose shapes do not fit.
#include <vector>

#include "viz/summary_rows.h"

namespace glassbox::viz::detail {
namespace {

std::string for_broadcast(const Shape& a, const Shape& b) {
  for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
    const std::int64_t x = a[a.rank() - i], y = b[b.rank() - i];
    if (x != y && x != 1 && y != 1) {
      return cat("sizes ", x, " and ", y, " at the ",
                 i == 1 ? "last" : cat(i, "th dimension from the end"),
                 " must be equal, or one of them 1");
    }
  }
  return "";
}

}  // namespace

std::string suggestion_for(std::string_view op, const std::vector<Spec>& in) {
  const auto rank = [&in](std::size_t i) {
    return i < in.size() && in[i].defined ? in[i].shape.rank() : -1;
  };
  if (op == "linear" && rank(0) >= 1 && rank(1) == 2) {
    const std::int64_t given = in[0].shape[rank(0) - 1], out = in[1].shape[0];
    std::int64_t flat = 1;
    for (int d = 1; d < rank(0); ++d) flat *= in[0].shape[d];
    if (rank(0) > 2 && flat == in[1].shape[1]) return "flatten what it reads first: x.flatten(1)";
    return cat("Linear{", given, ", ", out, "} takes it");
  }
  if (op == "conv2d" && rank(1) == 4) {
    if (rank(0) != 4) return cat("it reads images [N,C,H,W]; this has ", rank(0), " dimensions");
    const std::int64_t given = in[0].shape[1], groups = std::max<std::int64_t>(1, given);
    if (in[1].shape[1] == 1 && in[1].shape[0] % groups == 0)
      return cat("Conv2d{", given, ", ", in[1].shape[0], ", ", in[1].shape[2],
                 ", {.groups = ", given, "}} takes it");
    return cat("Conv2d{", given, ", ", in[1].shape[0], ", ", in[1].shape[2], ", ...} takes it");
  }
  if (op == "batch_norm" && rank(0) >= 2) return cat("BatchNorm2d{", in[0].shape[1], "} takes it");
  if (op == "matmul" && rank(0) == 2 && rank(1) == 2) {
    return cat("the inner sizes ", in[0].shape[1], " and ", in[1].shape[0],
               " must be equal; perhaps one operand is to be transposed");
  }
  if (op == "concat" && rank(0) >= 1) return "all sizes but that of dim must be equal";
  if (op == "reshape" && rank(0) >= 0)
    return cat("the new shape must have ", in[0].shape.numel(), " elements, or one size -1");
  if (rank(0) >= 0 && rank(1) >= 0) return for_broadcast(in[0].shape, in[1].shape);
  return "";
}

}  // namespace glassbox::viz::detail
