#include "layers/group_norm.h"

#include "layers/init.h"

namespace glassbox::layers {

GroupNorm::GroupNorm(int groups, std::int64_t num_channels, const GroupNormOptions& options)
    : num_groups(groups), eps(options.eps) {
  if (groups < 1 || num_channels < 1) {
    fail("GroupNorm", cat("needs at least 1 group and channel, got ", groups, " groups of ",
                          num_channels, " channels"));
  }
  if (num_channels % groups != 0) {
    fail("GroupNorm", cat("groups ", groups, " must divide ", num_channels));
  }
  if (!options.affine) return;
  weight = empty({num_channels});
  init::constant(weight, 1);
  bias = empty({num_channels});
  init::constant(bias, 0);
}

}  // namespace glassbox::layers
