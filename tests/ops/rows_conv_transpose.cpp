// The row of the transposed convolution (engine/ops/conv.h).
#include "engine/ops/conv.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using Op = ops::ConvTranspose2d;

std::int64_t output_size(std::int64_t n, std::int64_t kernel, int stride, int padding, int extra,
                         int dilation) {
  return (n - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1;
}

// Every product of a pixel and a weight, put where the definition says.
Tensors reference(const Op& op, const Tensors& in) {
  const Values x(in[0]), w(in[1]);
  const std::int64_t of_group = w.size(1), from_group = x.size(1) / op.groups;
  Values y({x.size(0), of_group * op.groups,
            output_size(x.size(2), w.size(2), op.stride.h, op.padding.h, op.output_padding.h,
                        op.dilation.h),
            output_size(x.size(3), w.size(3), op.stride.w, op.padding.w, op.output_padding.w,
                        op.dilation.w)});
  if (in[2].defined()) {
    const Values b(in[2]);
    for_each_index(y.shape(), [&](const Index& at) { y.at(at) = b[at[1]]; });
  }
  for_each_index(x.shape(), [&](const Index& at) {
    for_each_index({of_group, w.size(2), w.size(3)}, [&](const Index& k) {
      const std::int64_t h = at[2] * op.stride.h + k[1] * op.dilation.h - op.padding.h;
      const std::int64_t v = at[3] * op.stride.w + k[2] * op.dilation.w - op.padding.w;
      if (h < 0 || h >= y.size(2) || v < 0 || v >= y.size(3)) return;
      y(at[0], at[1] / from_group * of_group + k[0], h, v) += x.at(at) * w(at[1], k[0], k[1], k[2]);
    });
  });
  return {y.tensor()};
}

std::vector<Sample> samples() {
  std::vector<Sample> all;
  const auto add = [&](std::string label, const Op& op, const Shape& x, const Shape& w,
                       bool bias = true) {
    const std::int64_t out = w[1] * op.groups;
    Sample made = sample(std::move(label), op,
                         {values(x, 1), values(w, 2, -1, 1), bias ? values({out}, 3) : Tensor()});
    // A product for each input pixel and each weight of its channel.
    made.flops = 2.0 * static_cast<double>(x.numel() * w.product(1, 4));
    if (bias) {
      made.flops += static_cast<double>(x[0] * out) *
                    static_cast<double>(output_size(x[2], w[2], op.stride.h, op.padding.h,
                                                    op.output_padding.h, op.dilation.h) *
                                        output_size(x[3], w[3], op.stride.w, op.padding.w,
                                                    op.output_padding.w, op.dilation.w));
    }
    made.gradcheck_step = 1e-3;  // linear in each input, so a large step is exact
    made.tolerance_f32 = 1e-4;   // the weight's gradient is a sum over images and pixels
    all.push_back(std::move(made));
  };
  add("3x3", {}, {2, 4, 5, 7}, {4, 3, 3, 3});
  add("3x3 padded", {.padding = 1}, {2, 3, 5, 7}, {3, 5, 3, 3});
  add("1x1", {}, {3, 5, 3, 3}, {5, 7, 1, 1}, false);
  add("2x2 stride 2", {.stride = 2}, {2, 4, 3, 5}, {4, 3, 2, 2});
  add("3x3 stride 2, output padding", {.stride = 2, .padding = 1, .output_padding = 1},
      {2, 3, 4, 5}, {3, 2, 3, 3});
  add("1x1 stride 3: pixels apart", {.stride = 3}, {1, 2, 3, 3}, {2, 3, 1, 1});
  add("all options differ by axis",
      {.stride = {2, 3}, .padding = {1, 2}, .output_padding = {1, 2}, .dilation = {2, 1}},
      {2, 2, 4, 5}, {2, 3, 3, 4});
  add("output padding below the dilation alone", {.output_padding = {2, 1}, .dilation = {3, 2}},
      {2, 3, 4, 5}, {3, 2, 2, 3});
  add("the same, padded beyond the stride",
      {.stride = {1, 2}, .padding = {2, 3}, .output_padding = {1, 3}, .dilation = {2, 4}},
      {2, 2, 5, 6}, {2, 3, 3, 2});
  add("the same, depthwise", {.output_padding = 1, .dilation = 2, .groups = 3}, {2, 3, 4, 5},
      {3, 1, 2, 3});
  add("padding beyond the kernel", {.padding = {2, 3}}, {2, 2, 7, 8}, {2, 3, 1, 2});
  add("two groups", {.padding = 1, .groups = 2}, {2, 6, 5, 3}, {6, 2, 3, 3});
  add("three groups, all options",
      {.stride = {2, 1},
       .padding = {0, 1},
       .output_padding = {1, 0},
       .dilation = {1, 2},
       .groups = 3},
      {2, 6, 4, 6}, {6, 2, 2, 3}, false);
  add("depthwise, stride 2", {.stride = 2, .padding = 1, .groups = 3}, {2, 3, 5, 9}, {3, 1, 4, 4});
  add("one pixel", {}, {2, 3, 1, 1}, {3, 2, 4, 5});
  add("batch 1", {.stride = 2}, {1, 3, 4, 4}, {3, 2, 2, 2});
  add("empty batch", {.stride = 2}, {0, 3, 4, 4}, {3, 2, 2, 2});
  add("threads", {.padding = 1}, {5, 4, 40, 40}, {4, 3, 3, 3});
  add("threads, stride 2", {.stride = 2}, {5, 8, 17, 17}, {8, 6, 2, 2});
  return all;
}

std::vector<WrongInput> wrong_inputs() {
  const auto x = [](const Shape& shape) { return values(shape); };
  const auto options = [&](const Op& op, std::string message) {
    return wrong(op, {x({1, 4, 5, 5}), x({4, 4, 3, 3}), {}}, std::move(message));
  };
  return {
      wrong(Op{}, {x({1, 3, 5, 5}), x({4, 3, 3, 3}), {}},
            "input has 3 channels but weight expects 4 (x [1,3,5,5], w [4,3,3,3])"),
      wrong(Op{.groups = 2}, {x({1, 5, 5, 5}), x({5, 3, 3, 3}), {}},
            "the 5 channels of x [1,5,5,5] do not divide into 2 groups"),
      wrong(Op{}, {x({3, 5, 5}), x({3, 4, 3, 3}), {}}, "x must have 4 dimensions, got [3,5,5]"),
      wrong(Op{}, {x({1, 3, 5, 5}), x({3, 36}), {}}, "w must have 4 dimensions, got [3,36]"),
      wrong(Op{}, {x({1, 3, 5, 5}), x({3, 4, 0, 3}), {}}, "weight [3,4,0,3] is empty"),
      wrong(Op{}, {x({1, 3, 0, 5}), x({3, 4, 3, 3}), {}}, "x [1,3,0,5] has no pixels"),
      wrong(Op{.groups = 3}, {x({1, 3, 5, 5}), x({3, 4, 3, 3}), x({4})},
            "bias must be [12] for w [3,4,3,3] and 3 groups, got [4]"),
      wrong(Op{.padding = {1, 2}}, {x({1, 1, 3, 2}), x({1, 1, 2, 2}), {}},
            "the output of x [1,1,3,2] and w [1,1,2,2] would be 2x-1: reduce padding 1x2"),
      options({.stride = {2, 1}, .output_padding = {1, 1}},
              "output_padding 1x1 must be smaller than stride 2x1 or dilation 1x1"),
      options({.output_padding = {2, 0}, .dilation = 2},
              "output_padding 2x0 must be smaller than stride 1x1 or dilation 2x2"),
      options({.output_padding = {0, -1}}, "output_padding 0x-1 is negative"),
      options({.stride = {1, 0}}, "stride 1x0 must be at least 1"),
      options({.padding = {0, -1}}, "padding 0x-1 is negative"),
      options({.dilation = 0}, "dilation 0x0 must be at least 1"),
      options({.groups = 0}, "groups 0 must be at least 1"),
      wrong(Op{}, {{}, x({1, 1, 1, 1}), {}}, "x is undefined"),
      wrong(Op{}, {x({1, 1, 1, 1}), {}, {}}, "w is undefined"),
      wrong(Op{}, {integers({1, 1, 3, 3}), integers({1, 1, 3, 3}), {}},
            "needs floating-point tensors"),
      wrong(Op{}, {x({1, 1, 3, 3}), filled({1, 1, 3, 3}, DType::f32, [](auto) { return 1.0; }), {}},
            "operands have different types"),
  };
}

}  // namespace

std::vector<Row> conv_transpose_rows() {
  return {{.op = "conv_transpose2d",
           .samples = samples(),
           .reference = naive<Op>(reference),
           .wrong = wrong_inputs(),
           .batched = true}};
}

}  // namespace glassbox::test
