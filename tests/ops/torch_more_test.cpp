// Transposed convolution, group norm and gather against PyTorch (the cases of make_more_ops.py).
#include "engine/ops/conv.h"
#include "engine/ops/gather.h"
#include "engine/ops/group_norm.h"
#include "tests/ops/torch_cases.h"

namespace glassbox::test {

TEST_CASE("torch: conv_transpose2d") {
  const auto one = [](const Case& c) {
    const ops::ConvTranspose2d op{c.pair("stride", 1), c.pair("padding", 0),
                                  c.pair("output_padding", 0), c.pair("dilation", 1),
                                  c.value("groups", 1)};
    check(c, [&](const Tensors& in) {
      return conv_transpose2d(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), op);
    });
  };
  CHECK(for_cases("conv_transpose2d", one, "more_") == 19);
}

TEST_CASE("torch: group_norm") {
  const auto one = [](const Case& c) {
    check(c, [&](const Tensors& in) {
      const bool affine = in.size() > 1;
      return group_norm(in[0], c.value("groups", 1), affine ? in[1] : Tensor(),
                        affine ? in[2] : Tensor(), c.value("eps", 1e-5));
    });
  };
  CHECK(for_cases("group_norm", one, "more_") == 14);
}

TEST_CASE("torch: gather") {
  const auto one = [](const Case& c) {
    check(c, [&](const Tensors& in) { return gather(in[0], c.value("dim", 0), in[1]); });
  };
  CHECK(for_cases("gather", one, "more_") == 11);
}

}  // namespace glassbox::test
