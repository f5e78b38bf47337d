// Rows of the conv family (engine/ops/conv.h).
#include "engine/ops/conv.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

// Calls f(y index, x index, w index), all flat, for every product of a convolution, padding left
// out.
template <class F>
void for_products(const ops::Conv2d& op, const Shape& x, const Shape& w, const Shape& y,
                  const F& f) {
  std::int64_t o = 0;
  for_each_index(y, [&](const Index& at) {
    const std::int64_t group = at[1] / (w[0] / op.groups);
    std::int64_t k = at[1] * w.product(1, 4);
    for (std::int64_t c = 0; c < w[1]; ++c) {
      const std::int64_t plane = (at[0] * x[1] + group * w[1] + c) * x[2];
      for (std::int64_t i = 0; i < w[2]; ++i) {
        for (std::int64_t j = 0; j < w[3]; ++j, ++k) {
          const std::int64_t h = at[2] * op.stride.h + i * op.dilation.h - op.padding.h;
          const std::int64_t v = at[3] * op.stride.w + j * op.dilation.w - op.padding.w;
          if (h >= 0 && h < x[2] && v >= 0 && v < x[3]) f(o, (plane + h) * x[3] + v, k);
        }
      }
    }
    ++o;
  });
}

std::int64_t output_size(std::int64_t n, std::int64_t kernel, int stride, int padding,
                         int dilation) {
  std::int64_t count = 0;
  for (std::int64_t at = -padding; at + (kernel - 1) * dilation < n + padding; at += stride)
    ++count;
  return count;
}

Shape output_shape(const ops::Conv2d& op, const Shape& x, const Shape& w) {
  return {x[0], w[0], output_size(x[2], w[2], op.stride.h, op.padding.h, op.dilation.h),
          output_size(x[3], w[3], op.stride.w, op.padding.w, op.dilation.w)};
}

Tensors reference(const ops::Conv2d& op, const Tensors& in) {
  const Values x(in[0]), w(in[1]);
  Values y(output_shape(op, x.shape(), w.shape()));
  if (in[2].defined()) {
    const Values b(in[2]);
    for_each_index(y.shape(), [&](const Index& at) { y.at(at) = b[at[1]]; });
  }
  for_products(op, x.shape(), w.shape(), y.shape(),
               [&](std::int64_t o, std::int64_t i, std::int64_t k) { y[o] += x[i] * w[k]; });
  return {y.tensor()};
}

Tensors reference_grad_input(const ops::Conv2dGradInput& op, const Tensors& in) {
  const Values dy(in[0]), w(in[1]);
  Values dx(op.x);
  for_products(op.conv, op.x, w.shape(), dy.shape(),
               [&](std::int64_t o, std::int64_t i, std::int64_t k) { dx[i] += dy[o] * w[k]; });
  return {dx.tensor()};
}

Tensors reference_grad_weight(const ops::Conv2dGradWeight& op, const Tensors& in) {
  const Values x(in[0]), dy(in[1]);
  Values dw(op.w);
  for_products(op.conv, x.shape(), op.w, dy.shape(),
               [&](std::int64_t o, std::int64_t i, std::int64_t k) { dw[k] += dy[o] * x[i]; });
  return {dw.tensor()};
}

struct Case {
  std::string label;
  ops::Conv2d op;
  Shape x, w;
  bool bias;
};

// The direct kernel, the loop over planes and the matrix product each have some.
std::vector<Case> cases() {
  const ops::Conv2d skewed{.stride = {2, 3}, .padding = {1, 2}, .dilation = {2, 1}};
  return {
      {"3x3", {}, {2, 3, 5, 7}, {4, 3, 3, 3}, true},
      {"3x3 padded", {.padding = 1}, {2, 3, 5, 7}, {5, 3, 3, 3}, true},
      {"1x1", {}, {3, 5, 3, 3}, {7, 5, 1, 1}, false},
      {"1x1 stride 2", {.stride = 2}, {2, 2, 5, 6}, {3, 2, 1, 1}, true},
      {"5x5 stride 2", {.stride = 2, .padding = 2}, {1, 2, 9, 8}, {3, 2, 5, 5}, true},
      {"kernel as large as the input", {}, {2, 2, 3, 4}, {3, 2, 3, 4}, true},
      {"stride, padding, dilation differ by axis", skewed, {2, 2, 8, 11}, {3, 2, 3, 4}, true},
      {"padding beyond the kernel", {.padding = {2, 3}}, {2, 2, 3, 4}, {3, 2, 1, 2}, true},
      {"two groups", {.padding = 1, .groups = 2}, {2, 4, 5, 3}, {6, 2, 3, 3}, true},
      {"three groups, all options",
       {.stride = {2, 1}, .padding = {0, 1}, .dilation = {1, 2}, .groups = 3},
       {2, 6, 7, 6},
       {3, 2, 2, 3},
       false},
      {"depthwise", {.padding = 1, .groups = 3}, {2, 3, 5, 18}, {3, 1, 3, 3}, true},
      {"depthwise, two outputs each",
       {.stride = {1, 2}, .padding = {1, 0}, .dilation = {2, 1}, .groups = 3},
       {2, 3, 7, 6},
       {6, 1, 2, 3},
       false},
      {"depthwise, large kernel", {.padding = 3, .groups = 2}, {1, 2, 4, 5}, {2, 1, 7, 7}, true},
      {"batch 1", {.padding = 1}, {1, 3, 4, 4}, {2, 3, 3, 3}, true},
      {"empty batch", {.padding = 1}, {0, 3, 4, 4}, {2, 3, 3, 3}, true},
      {"empty batch, groups", {.groups = 2}, {0, 4, 4, 4}, {2, 2, 3, 3}, true},
      {"threads", {.padding = 1}, {5, 16, 23, 23}, {9, 16, 3, 3}, true},
      {"threads, groups",
       {.stride = 2, .padding = 1, .groups = 2},
       {20, 8, 17, 17},
       {6, 4, 3, 3},
       true},
      {"threads, depthwise", {.padding = 1, .groups = 8}, {20, 8, 17, 17}, {8, 1, 3, 3}, true},
  };
}

std::vector<WrongInput> wrong_inputs() {
  const ops::Conv2d plain;
  const auto x = [](const Shape& shape) { return values(shape); };
  const auto options = [&](const ops::Conv2d& op, std::string message) {
    return wrong(op, {x({1, 4, 5, 5}), x({4, 4, 3, 3}), {}}, std::move(message));
  };
  return {
      wrong(plain,
            {filled({64, 3, 32, 32}, DType::f32, [](auto) { return 0.0; }),
             filled({32, 16, 3, 3}, DType::f32, [](auto) { return 0.0; }),
             {}},
            "input has 3 channels but weight expects 16 (x [64,3,32,32], w [32,16,3,3])"),
      wrong(ops::Conv2d{.groups = 2}, {x({1, 4, 5, 5}), x({2, 3, 3, 3}), {}},
            "input has 4 channels but weight expects 6 (3 in each of 2 groups) (x [1,4,5,5], w "
            "[2,3,3,3])"),
      wrong(ops::Conv2d{.groups = 2}, {x({1, 5, 5, 5}), x({2, 3, 3, 3}), {}},
            "the 5 channels of x [1,5,5,5] do not divide into 2 groups"),
      wrong(ops::Conv2d{.groups = 2}, {x({1, 4, 5, 5}), x({3, 2, 3, 3}), {}},
            "the 3 output channels of w [3,2,3,3] do not divide into 2 groups"),
      wrong(plain, {x({3, 5, 5}), x({4, 3, 3, 3}), {}}, "x must have 4 dimensions, got [3,5,5]"),
      wrong(plain, {x({1, 3, 5, 5}), x({4, 27}), {}}, "w must have 4 dimensions, got [4,27]"),
      wrong(plain, {x({1, 3, 5, 5}), x({4, 3, 0, 3}), {}}, "weight [4,3,0,3] is empty"),
      wrong(plain, {x({1, 3, 5, 5}), x({4, 3, 3, 3}), x({3})},
            "bias must be [4] for w [4,3,3,3], got [3]"),
      wrong(plain, {x({1, 1, 5, 4}), x({1, 1, 3, 5}), {}},
            "kernel 3x5 is larger than the padded input 5x4 (x [1,1,5,4], w [1,1,3,5])"),
      wrong(ops::Conv2d{.padding = 1, .dilation = 4}, {x({1, 1, 5, 5}), x({1, 1, 3, 3}), {}},
            "kernel 3x3 (9x9 dilated) is larger than the padded input 7x7"),
      options({.stride = {1, 0}}, "stride 1x0 must be at least 1"),
      options({.padding = {0, -1}}, "padding 0x-1 is negative"),
      options({.dilation = 0}, "dilation 0x0 must be at least 1"),
      options({.groups = 0}, "groups 0 must be at least 1"),
      wrong(plain, {{}, x({1, 1, 1, 1}), {}}, "x is undefined"),
      wrong(plain, {x({1, 1, 1, 1}), {}, {}}, "w is undefined"),
      wrong(plain, {integers({1, 1, 3, 3}), integers({1, 1, 3, 3}), {}},
            "needs floating-point tensors"),
      wrong(plain,
            {x({1, 1, 3, 3}), filled({1, 1, 3, 3}, DType::f32, [](auto) { return 1.0; }), {}},
            "operands have different types"),
  };
}

}  // namespace

std::vector<Row> conv_rows() {
  Row forward{.op = "conv2d",
              .reference = naive<ops::Conv2d>(reference),
              .wrong = wrong_inputs(),
              .batched = true};
  Row grad_input{.op = "conv2d_grad_input",
                 .reference = naive<ops::Conv2dGradInput>(reference_grad_input),
                 .wrong = {wrong(ops::Conv2dGradInput{{}, {1, 3, 5, 5}},
                                 {values({1, 4, 3, 4}), values({4, 3, 3, 3})},
                                 "dy [1,4,3,4] is not the output [1,4,3,3] of x [1,3,5,5] and w "
                                 "[4,3,3,3]"),
                           wrong(ops::Conv2dGradInput{{}, {3, 5, 5}},
                                 {values({1, 4, 3, 3}), values({4, 3, 3, 3})},
                                 "x must have 4 dimensions, got [3,5,5]")},
                 .batched = true};
  Row grad_weight{.op = "conv2d_grad_weight",
                  .reference = naive<ops::Conv2dGradWeight>(reference_grad_weight),
                  .wrong = {wrong(ops::Conv2dGradWeight{{}, {4, 3, 3, 3}},
                                  {values({1, 3, 5, 5}), values({1, 3, 3, 3})},
                                  "dy [1,3,3,3] is not the output [1,4,3,3] of x [1,3,5,5] and w "
                                  "[4,3,3,3]"),
                            wrong(ops::Conv2dGradWeight{{}, {4, 27}},
                                  {values({1, 3, 5, 5}), values({1, 4, 3, 3})},
                                  "w must have 4 dimensions, got [4,27]")},
                  .batched = true};
  for (const Case& c : cases()) {
    const Shape dy = output_shape(c.op, c.x, c.w);
    const Tensor x = values(c.x, 1), w = values(c.w, 2, -1, 1);
    Sample made = sample(c.label, c.op, {x, w, c.bias ? values({c.w[0]}, 3) : Tensor()});
    made.flops = 2.0 * static_cast<double>(dy.numel() * c.w[1] * c.w[2] * c.w[3]) +
                 (c.bias ? static_cast<double>(dy.numel()) : 0);
    made.gradcheck_step = 1e-3;  // linear in each input, so a large step is exact
    forward.samples.push_back(made);
    grad_input.samples.push_back(
        sample(c.label, ops::Conv2dGradInput{c.op, c.x}, {values(dy, 4), w}));
    // The sum is over images and pixels, so f32 rounds off more of it.
    made = sample(c.label, ops::Conv2dGradWeight{c.op, c.w}, {x, values(dy, 4)});
    made.tolerance_f32 = 1e-4;
    grad_weight.samples.push_back(made);
  }
  return {forward, grad_input, grad_weight};
}

}  // namespace glassbox::test
