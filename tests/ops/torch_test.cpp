// Convolution, pooling and batch norm against PyTorch: outputs, gradients and running statistics,
// ties and NaN included.
#include "engine/ops/conv.h"
#include "engine/ops/norm.h"
#include "engine/ops/pool.h"
#include "tests/ops/torch_cases.h"

namespace glassbox::test {

TEST_CASE("torch: conv2d") {
  const int cases = for_cases("conv2d", [](const Case& c) {
    const ops::Conv2d op{c.pair("stride", 1), c.pair("padding", 0), c.pair("dilation", 1),
                         c.value("groups", 1)};
    check(c, [&](const Tensors& in) {
      return conv2d(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), op);
    });
  });
  CHECK(cases >= 17);
}

TEST_CASE("torch: max_pool2d") {
  const int cases = for_cases("max_pool2d", [](const Case& c) {
    const ops::MaxPool2d op{c.pair("kernel_size", 0), c.pair("stride", {}), c.pair("padding", 0),
                            c.pair("dilation", 1), c.value("ceil_mode", false)};
    check(c, [&](const Tensors& in) { return max_pool2d(in[0], op); });
  });
  CHECK(cases >= 15);
}

TEST_CASE("torch: avg_pool2d") {
  const int cases = for_cases("avg_pool2d", [](const Case& c) {
    const ops::AvgPool2d op{c.pair("kernel_size", 0), c.pair("stride", {}), c.pair("padding", 0),
                            c.value("ceil_mode", false), c.value("count_include_pad", true)};
    check(c, [&](const Tensors& in) { return avg_pool2d(in[0], op); });
  });
  CHECK(cases >= 16);
}

TEST_CASE("torch: adaptive pools") {
  int cases = for_cases("adaptive_max_pool2d", [](const Case& c) {
    check(c, [&](const Tensors& in) {
      return adaptive_max_pool2d(in[0], {c.pair("output_size", 0)});
    });
  });
  cases += for_cases("adaptive_avg_pool2d", [](const Case& c) {
    check(c, [&](const Tensors& in) {
      return adaptive_avg_pool2d(in[0], {c.pair("output_size", 0)});
    });
  });
  CHECK(cases >= 16);
}

TEST_CASE("torch: batch_norm") {
  const int cases = for_cases("batch_norm", [](const Case& c) {
    const bool affine = c.value("affine", true), training = c.value("training", false);
    BatchNormState state;
    check(c, [&](const Tensors& in) {
      const std::size_t n = in.size();
      state = {in[n - 2], in[n - 1], from<std::int64_t>({0}, {})};
      return batch_norm(in[0], affine ? in[1] : Tensor(), affine ? in[2] : Tensor(), state,
                        {.training = training,
                         .momentum = c.value("momentum", 0.1),
                         .eps = c.value("eps", 1e-5)});
    });
    CHECK(state.num_batches_tracked.item<int>() == (training ? 1 : 0));
    if (!training) return;
    CHECK(difference(state.running_mean, c.find("out1")) < 1e-12);
    CHECK(difference(state.running_var, c.find("out2")) < 1e-12);
  });
  CHECK(cases >= 14);
}

TEST_CASE("batch_norm: without running statistics the batch's are used in evaluation too") {
  const Tensor x = from<double>({1, 2, 3, 10, 20, 60}, {6, 1});
  const Tensor training = batch_norm(x, {}, {}, {}, {.training = true});
  const Tensor evaluation = batch_norm(x, {}, {}, {}, {.training = false});
  CHECK(difference(training, evaluation) == 0);
}

TEST_CASE("batch_norm: the cumulative average, and a batch without images") {
  BatchNormState state{from<double>({0}, {1}), from<double>({1}, {1}), from<std::int64_t>({0}, {})};
  const BatchNormOptions options{.training = true, .momentum = std::nullopt};
  batch_norm(from<double>({1, 3}, {2, 1}), {}, {}, state, options);
  batch_norm(from<double>({5, 9}, {2, 1}), {}, {}, state, options);
  CHECK(state.running_mean.item<double>() == doctest::Approx((2 + 7) / 2.0));
  CHECK(state.running_var.item<double>() == doctest::Approx((2 + 8) / 2.0));  // unbiased
  batch_norm(empty({0, 1}, DType::f64), {}, {}, state, options);
  CHECK(state.running_mean.item<double>() == doctest::Approx(4.5));
  CHECK(state.num_batches_tracked.item<int>() == 3);
}

}  // namespace glassbox::test
