// The fast convolution kernels against the reference, im2col and a matrix product.
#include "engine/ops/conv.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/core/threads.h"
#include "engine/cpu/conv.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

struct Case {
  ops::Conv2d op;
  Shape x, w;
};

const Case cases[] = {
    {{.padding = 1}, {3, 3, 32, 32}, {16, 3, 3, 3}},
    {{.padding = 1}, {2, 16, 32, 32}, {16, 16, 3, 3}},
    {{.padding = 1}, {5, 32, 8, 8}, {32, 32, 3, 3}},
    {{}, {4, 10, 12, 12}, {20, 10, 5, 5}},
    {{.padding = 1}, {1, 40, 13, 17}, {25, 40, 3, 3}},
    {{.stride = 2, .padding = 3}, {1, 3, 37, 41}, {8, 3, 7, 7}},
    {{.stride = {2, 3}, .padding = {2, 1}, .dilation = {2, 1}}, {3, 5, 19, 23}, {7, 5, 3, 4}},
    {{.stride = 2}, {2, 24, 15, 15}, {13, 24, 1, 1}},
    {{.padding = 1, .groups = 12}, {3, 12, 19, 21}, {12, 1, 3, 3}},
    {{.stride = 2, .padding = 2, .groups = 6}, {3, 6, 19, 21}, {12, 1, 5, 5}},
};

struct Results {
  Tensor y, dx, dw;
};

Results convolve(const Case& c, DType dtype, bool reference, int threads) {
  const NumThreadsScope scope(threads);
  cpu::force_reference_conv(reference);
  const Tensor x = values(c.x, 1).to(dtype), w = values(c.w, 2).to(dtype);
  const Tensor b = values({c.w[0]}, 3).to(dtype);
  Results r;
  r.y = conv2d(x, w, b, c.op);
  const Tensor dy = values(r.y.shape(), 4).to(dtype);
  r.dx = conv2d_grad_input(dy, w, c.x, c.op);
  r.dw = conv2d_grad_weight(x, dy, c.w, c.op);
  cpu::force_reference_conv(false);
  return r;
}

// The largest difference over the largest magnitude.
double difference(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  REQUIRE(a.shape() == b.shape());
  double worst = 0, scale = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    worst = std::max(worst, std::abs(x[i] - y[i]));
    scale = std::max(scale, std::abs(y[i]));
  }
  return worst / scale;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return std::equal(a.raw(), a.raw() + a.spec().bytes(), b.raw(), b.raw() + b.spec().bytes());
}

}  // namespace

TEST_CASE("conv: fast kernels agree with the reference") {
  for (const Case& c : cases) {
    CAPTURE(to_string(c.x));
    CAPTURE(to_string(c.w));
    for (DType dtype : {DType::f32, DType::f64}) {
      const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-13;
      const Results fast = convolve(c, dtype, false, 2), reference = convolve(c, dtype, true, 2);
      CHECK(difference(fast.y, reference.y) < tolerance);
      CHECK(difference(fast.dx, reference.dx) < tolerance);
      CHECK(difference(fast.dw, reference.dw) < tolerance);
    }
  }
}

TEST_CASE("conv: the same bits at any number of threads") {
  for (const Case& c : cases) {
    CAPTURE(to_string(c.x));
    CAPTURE(to_string(c.w));
    for (bool reference : {false, true}) {
      const Results one = convolve(c, DType::f32, reference, 1);
      for (int threads : {2, 3, 5}) {
        const Results more = convolve(c, DType::f32, reference, threads);
        CHECK(same_bits(one.y, more.y));
        CHECK(same_bits(one.dx, more.dx));
        CHECK(same_bits(one.dw, more.dw));
      }
    }
  }
}

TEST_CASE("conv: working memory stays small") {
  // What im2col of the whole batch would take: 9 * 16 * 32 * 32 * 128 floats.
  const Device meta = Device::meta();
  const Tensor x = empty({128, 16, 32, 32}, DType::f32, meta),
               w = empty({16, 16, 3, 3}, DType::f32, meta);
  for (bool reference : {false, true}) {
    cpu::force_reference_conv(reference);
    allocator(meta).reset_peak();
    const std::size_t before = allocator(meta).stats().allocated;
    const Tensor y = conv2d(x, w, {.padding = 1});
    const std::size_t scratch = allocator(meta).stats().peak - before - y.spec().bytes();
    CHECK(scratch < std::size_t(num_threads()) * (1 << 20));
    cpu::force_reference_conv(false);
  }
}

}  // namespace glassbox::test
