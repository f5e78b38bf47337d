// Rows of the pool family (engine/ops/pool.h).
#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/ops/pool.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// One output's inputs along a dimension, and how many count in an average.
struct Window {
  std::vector<std::int64_t> at;  // inside the image
  std::int64_t counted = 0;
};
using Windows = std::vector<Window>;

// PyTorch's windows of a fixed size: with ceil_mode another one begins as long as something of the
// padded input is uncovered, but never beyond the image.
Windows fixed(std::int64_t n, int kernel, int stride, int padding, int dilation, bool ceil_mode,
              bool count_padding) {
  Windows windows;
  std::int64_t covered = -padding - 1;
  for (std::int64_t begin = -padding;; begin += stride) {
    const std::int64_t last = begin + (kernel - 1) * dilation;
    const bool more = ceil_mode ? covered < n + padding - 1 && begin < n : last < n + padding;
    if (!more) return windows;
    Window w;
    for (std::int64_t i = begin; i <= last; i += dilation) {
      if (i >= 0 && i < n) w.at.push_back(i);
      if (count_padding ? i < n + padding : i >= 0 && i < n) ++w.counted;
    }
    windows.push_back(w);
    covered = last;
  }
}

Windows adaptive(std::int64_t n, std::int64_t count) {
  Windows windows(static_cast<std::size_t>(count));
  for (std::int64_t o = 0; o < count; ++o) {
    Window& w = windows[static_cast<std::size_t>(o)];
    for (std::int64_t i = 0; i < n; ++i) {
      // floor(o n / count) <= i < ceil((o + 1) n / count)
      if ((i + 1) * count > o * n && i * count < (o + 1) * n) w.at.push_back(i);
    }
    w.counted = static_cast<std::int64_t>(w.at.size());
  }
  return windows;
}

struct Axes {
  Windows rows, columns;
  Shape output(const Shape& x) const {
    return {x[0], x[1], static_cast<std::int64_t>(rows.size()),
            static_cast<std::int64_t>(columns.size())};
  }
  // Calls f(y index, x index) for every input of every window, row by row.
  template <class F>
  void each(const Shape& x, const F& f) const {
    for_each_index(output(x), [&](const Index& o) {
      for (std::int64_t i : rows[static_cast<std::size_t>(o[2])].at) {
        for (std::int64_t j : columns[static_cast<std::size_t>(o[3])].at) {
          f(o, Index{o[0], o[1], i, j});
        }
      }
    });
  }
  double divisor(const Index& o) const {
    return static_cast<double>(rows[static_cast<std::size_t>(o[2])].counted *
                               columns[static_cast<std::size_t>(o[3])].counted);
  }
};

Pair stride_of(Pair stride, Pair kernel) { return stride == Pair() ? kernel : stride; }

Axes axes(const ops::MaxPool2d& op, const Shape& x) {
  const Pair k = op.kernel_size, s = stride_of(op.stride, k), p = op.padding, d = op.dilation;
  return {fixed(x[2], k.h, s.h, p.h, d.h, op.ceil_mode, false),
          fixed(x[3], k.w, s.w, p.w, d.w, op.ceil_mode, false)};
}
Axes axes(const ops::AvgPool2d& op, const Shape& x) {
  const Pair k = op.kernel_size, s = stride_of(op.stride, k), p = op.padding;
  return {fixed(x[2], k.h, s.h, p.h, 1, op.ceil_mode, op.count_include_pad),
          fixed(x[3], k.w, s.w, p.w, 1, op.ceil_mode, op.count_include_pad)};
}
template <class Adaptive>
requires requires(Adaptive op) { op.output_size; }
Axes axes(const Adaptive& op, const Shape& x) {
  return {adaptive(x[2], op.output_size.h), adaptive(x[3], op.output_size.w)};
}

// The first of equal values, the last NaN; -1 for a window without inputs.
Tensors maxima(const Axes& a, const Values& x) {
  Values y(a.output(x.shape()), -infinity), at(a.output(x.shape()), -1);
  a.each(x.shape(), [&](const Index& o, const Index& i) {
    const double v = x.at(i);
    if (!(v > y.at(o)) && !std::isnan(v) && at.at(o) >= 0) return;
    y.at(o) = v;
    at.at(o) = static_cast<double>(i[2] * x.size(3) + i[3]);
  });
  return {y.tensor(), at.tensor(DType::i32)};
}

Tensors averages(const Axes& a, const Values& x) {
  Values y(a.output(x.shape()));
  a.each(x.shape(), [&](const Index& o, const Index& i) { y.at(o) += x.at(i) / a.divisor(o); });
  return {y.tensor()};
}

Tensors averages_grad(const Axes& a, const Values& dy, const Shape& x) {
  Values dx(x);
  a.each(x, [&](const Index& o, const Index& i) { dx.at(i) += dy.at(o) / a.divisor(o); });
  return {dx.tensor()};
}

template <class Op, class F>
std::function<Tensors(const Sample&)> pooling(F reference) {
  return [reference](const Sample& s) {
    const Values x(s.inputs[0]);
    Tensors outputs = reference(axes(*s.op.as<Op>(), x.shape()), x);
    // Without a gradient there are no indices.
    if (!s.differentiable.empty() && !s.differentiable[0]) outputs.resize(1);
    return outputs;
  };
}

template <class Op>
std::vector<WrongInput> wrong_image(const Op& op) {
  return {wrong(op, {values({3, 5, 5})}, "x must be [N,C,H,W], got [3,5,5] f64"),
          wrong(op, {integers({1, 1, 4, 4})}, "needs floating-point tensors")};
}

// The errors that both fixed windows share.
template <class Op>
std::vector<WrongInput> wrong_windows(Op op) {
  std::vector<WrongInput> all = wrong_image(op);
  const auto with = [&](auto change, std::string message) {
    Op changed = op;
    change(changed);
    all.push_back(wrong(changed, {values({1, 2, 5, 4})}, std::move(message)));
  };
  with([](Op& o) { o.kernel_size = {0, 2}; }, "kernel 0x2");
  with([](Op& o) { o.stride = {2, 0}; }, "stride 2x0");
  with([](Op& o) { o.padding = -1; }, "padding -1x-1 must be at least 0");
  with(
      [](Op& o) {
        o.padding = {0, 2};
      },
      "padding 0x2 must be at least 0 and at most half the kernel 2x2");
  with(
      [](Op& o) {
        o.kernel_size = {2, 5};
      },
      "kernel 2x5 is larger than the padded input of x [1,2,5,4]");
  return all;
}

// --- rows
// -----------------------------------------------------------------------------------------

// Few different values, so that windows tie.
Tensor few(const Shape& shape) {
  return filled(shape, DType::f64, [](std::int64_t i) { return double(i * 7 % 5 % 3); });
}
Tensor with_nan(const Shape& shape, std::vector<std::int64_t> places) {
  const std::vector<double> v = values(shape).to_vector<double>();
  return filled(shape, DType::f64, [&](std::int64_t i) {
    return std::ranges::count(places, i) ? std::nan("") : v[static_cast<std::size_t>(i)];
  });
}

// A sample that is only run forward: kinks have no derivative to compare with.
template <class Op>
Sample kink(std::string label, const Op& op, Tensor x) {
  Sample made = sample(std::move(label), op, {std::move(x)});
  made.differentiable = {false};
  return made;
}

Row max_pool_row() {
  using Op = ops::MaxPool2d;
  Row row{.op = "max_pool2d",
          .reference = pooling<Op>(maxima),
          .wrong = wrong_windows(Op{}),
          .batched = true};
  const auto add = [&](std::string label, const Op& op, const Shape& x) {
    row.samples.push_back(sample(std::move(label), op, {values(x)}));
  };
  add("2x2", {}, {2, 3, 6, 4});
  row.samples.back().flops = 2 * 3 * 3 * 2 * 4;
  add("2x2, a row and a column left over", {}, {2, 2, 7, 37});
  add("2x2, ceil", {.ceil_mode = true}, {2, 2, 7, 5});
  add("3x3 stride 2", {.kernel_size = 3, .stride = 2, .padding = 1}, {2, 2, 7, 8});
  add("axes differ", {.kernel_size = {3, 2}, .stride = {1, 2}, .padding = {1, 0}}, {1, 2, 8, 9});
  add("dilated", {.kernel_size = {2, 3}, .stride = 1, .dilation = {3, 2}}, {2, 2, 8, 7});
  add("all options",
      {.kernel_size = 3, .stride = {2, 3}, .padding = 1, .dilation = {2, 1}, .ceil_mode = true},
      {1, 2, 8, 10});
  add("ceil, the last window left out",
      {.kernel_size = 2, .stride = 3, .padding = 1, .ceil_mode = true}, {1, 1, 5, 4});
  add("gaps", {.kernel_size = {1, 2}, .stride = 3}, {1, 1, 7, 7});
  add("the whole image", {.kernel_size = {5, 7}}, {2, 3, 5, 7});
  add("batch 1", {}, {1, 1, 3, 3});
  add("empty batch", {}, {0, 3, 5, 5});
  add("threads", {}, {3, 6, 43, 53});
  add("threads, 3x3", {.kernel_size = 3, .stride = 2, .padding = 1}, {3, 6, 43, 53});
  row.samples.push_back(kink("ties", Op{}, few({2, 2, 6, 6})));
  row.samples.push_back(kink("ties in windows that overlap",
                             Op{.kernel_size = 3, .stride = 1, .padding = 1}, few({1, 2, 5, 7})));
  row.samples.push_back(kink("NaN", Op{}, with_nan({1, 2, 4, 6}, {0, 1, 6, 17, 30, 47})));
  row.samples.push_back(kink("NaN in windows that overlap", Op{.kernel_size = 3, .stride = 1},
                             with_nan({1, 1, 5, 5}, {7, 12, 18})));
  row.samples.push_back(kink("minus infinity", Op{},
                             filled({1, 1, 4, 4}, DType::f64, [](auto) { return -infinity; })));
  row.samples.push_back(kink("a window between two taps",
                             Op{.kernel_size = 2, .padding = 1, .dilation = 2},
                             values({1, 2, 1, 1})));
  row.wrong.push_back(wrong(Op{.dilation = {1, 0}}, {values({1, 2, 5, 4})}, "dilation 1x0"));
  row.wrong.push_back(wrong(Op{.dilation = 4}, {values({1, 2, 5, 4})},
                            "is larger than the padded input of x [1,2,5,4]"));
  return row;
}

Row adaptive_max_row() {
  using Op = ops::AdaptiveMaxPool2d;
  Row row{.op = "adaptive_max_pool2d",
          .reference = pooling<Op>(maxima),
          .wrong = wrong_image(Op{}),
          .batched = true};
  const auto add = [&](std::string label, Pair size, const Shape& x) {
    row.samples.push_back(sample(std::move(label), Op{size}, {values(x)}));
  };
  add("global", 1, {2, 3, 8, 8});
  add("global, odd", 1, {2, 3, 5, 7});
  add("sizes divide", {3, 2}, {2, 2, 6, 6});
  add("windows overlap", {5, 3}, {1, 2, 7, 8});
  add("larger than the image", {5, 4}, {1, 2, 3, 2});
  add("one row", {1, 3}, {2, 1, 4, 6});
  add("batch 1", 1, {1, 1, 1, 1});
  add("empty batch", 2, {0, 3, 5, 5});
  add("threads", {5, 1}, {3, 6, 43, 53});
  row.samples.push_back(kink("ties", Op{1}, few({2, 2, 5, 9})));
  row.samples.push_back(kink("NaN", Op{1}, with_nan({1, 2, 5, 9}, {3, 40, 80})));
  row.samples.push_back(kink("minus infinity", Op{1},
                             filled({1, 1, 4, 9}, DType::f64, [](auto) { return -infinity; })));
  row.wrong.push_back(
      wrong(Op{{0, 1}}, {values({1, 2, 5, 4})}, "output size 0x1 must be at least 1"));
  row.wrong.push_back(wrong(Op{1}, {values({1, 2, 0, 4})}, "x [1,2,0,4] has an empty image"));
  return row;
}

Row max_grad_row() {
  using Op = ops::MaxPool2dGrad;
  Row row{.op = "max_pool2d_grad", .batched = true};
  row.reference = naive<Op>([](const Op& op, const Tensors& in) -> Tensors {
    const Values dy(in[0]), at(in[1]);
    Values dx(op.x);
    const std::int64_t plane = op.x.product(2, 4), outputs = dy.shape().product(2, 4);
    for (std::int64_t o = 0; o < dy.numel(); ++o) {
      if (at[o] >= 0) dx[o / outputs * plane + static_cast<std::int64_t>(at[o])] += dy[o];
    }
    return {dx.tensor()};
  });
  // Each window's index is one of its inputs, another one for each output; -1 where it has none.
  const auto add = [&](std::string label, const Op& op, const Axes& windows_of) {
    const Shape dy = windows_of.output(op.x);
    const std::int64_t columns = dy[3], windows = dy[2] * dy[3];
    const Tensor at = filled(dy, DType::i32, [&](std::int64_t o) {
      const Window& rows = windows_of.rows[static_cast<std::size_t>(o % windows / columns)];
      const Window& cols = windows_of.columns[static_cast<std::size_t>(o % columns)];
      const std::size_t taps = rows.at.size() * cols.at.size();
      if (taps == 0) return -1.0;
      const std::size_t tap = static_cast<std::size_t>(o * 7 + o / 3) % taps;
      return static_cast<double>(rows.at[tap / cols.at.size()] * op.x[3] +
                                 cols.at[tap % cols.at.size()]);
    });
    row.samples.push_back(sample(std::move(label), op, {values(dy), at}));
  };
  const auto regular = [&](std::string label, const Shape& x, const ops::MaxPool2d& pool) {
    add(std::move(label), Op{x, pool}, axes(pool, x));
  };
  regular("one to several outputs", {2, 3, 3, 2},
          {.kernel_size = {3, 2}, .stride = 1, .padding = 1});
  regular("batch 1", {1, 2, 7, 5}, {});
  regular("empty batch", {0, 2, 7, 5}, {});
  regular("threads", {3, 6, 43, 53}, {.kernel_size = 3, .stride = 2, .ceil_mode = true});
  regular("dilated", {2, 2, 9, 8},
          {.kernel_size = 3, .stride = {2, 1}, .padding = 1, .dilation = {2, 3}});
  const Shape adapted{2, 2, 7, 5};
  add("adaptive", Op{adapted, {}, true}, {adaptive(7, 3), adaptive(5, 4)});
  row.samples.push_back(
      sample("no element", Op{{1, 1, 1, 1}},
             {values({1, 1, 1, 2}), integers({1, 1, 1, 2}, -1, 0, 0, DType::i32)}));
  row.wrong = {
      wrong(Op{{1, 2, 4, 4}}, {values({1, 2, 2, 2}), integers({1, 2, 2, 1}, 0, 2, 0, DType::i32)},
            "indices [1,2,2,1] i32 do not match dy [1,2,2,2] f64"),
      wrong(Op{{1, 2, 4, 4}}, {values({1, 2, 2, 2}), integers({1, 2, 2, 2})},
            "indices [1,2,2,2] i64 do not match dy [1,2,2,2] f64"),
      wrong(Op{{1, 3, 4, 4}}, {values({1, 2, 2, 2}), integers({1, 2, 2, 2}, 0, 2, 0, DType::i32)},
            "dy [1,2,2,2] does not match x [1,3,4,4]")};
  return row;
}

struct AverageCase {
  std::string label;
  ops::AvgPool2d op;
  Shape x;
};
std::vector<AverageCase> average_cases() {
  std::vector<AverageCase> all{
      {"2x2", {}, {2, 3, 6, 4}},
      {"2x2, a row and a column left over", {}, {2, 2, 7, 37}},
      {"gaps", {.kernel_size = {1, 2}, .stride = 3}, {1, 1, 7, 7}},
      {"the whole image", {.kernel_size = {4, 5}}, {2, 3, 4, 5}},
      {"batch 1", {.kernel_size = 3, .stride = {1, 2}}, {1, 1, 3, 5}},
      {"empty batch", {}, {0, 3, 5, 5}},
      {"threads", {}, {3, 6, 43, 53}},
      {"threads, 3x3", {.kernel_size = 3, .stride = 2, .padding = 1}, {3, 6, 43, 53}}};
  for (bool include : {true, false}) {
    const std::string tail = include ? "" : ", padding left out";
    all.push_back({"padded" + tail,
                   {.kernel_size = 3, .stride = 2, .padding = 1, .count_include_pad = include},
                   {2, 2, 7, 8}});
    all.push_back({"axes differ" + tail,
                   {.kernel_size = {3, 2},
                    .stride = {1, 2},
                    .padding = {1, 0},
                    .ceil_mode = true,
                    .count_include_pad = include},
                   {1, 2, 8, 9}});
    all.push_back({"ceil, the last window left out" + tail,
                   {.kernel_size = 2,
                    .stride = 3,
                    .padding = 1,
                    .ceil_mode = true,
                    .count_include_pad = include},
                   {1, 1, 5, 4}});
    all.push_back({"ceil, far padding" + tail,
                   {.kernel_size = 4,
                    .stride = 3,
                    .padding = {2, 1},
                    .ceil_mode = true,
                    .count_include_pad = include},
                   {1, 1, 7, 8}});
  }
  return all;
}

std::vector<Row> average_rows() {
  Row forward{.op = "avg_pool2d",
              .reference = pooling<ops::AvgPool2d>(averages),
              .wrong = wrong_windows(ops::AvgPool2d{}),
              .batched = true};
  Row grad{.op = "avg_pool2d_grad", .batched = true};
  using Grad = ops::AvgPool2dGrad;
  grad.reference = naive<Grad>([](const Grad& op, const Tensors& in) {
    return averages_grad(axes(op.pool, op.x), Values(in[0]), op.x);
  });
  for (const AverageCase& c : average_cases()) {
    forward.samples.push_back(sample(c.label, c.op, {values(c.x)}));
    forward.samples.back().gradcheck_step = 1e-3;  // linear, so a large step is exact
    grad.samples.push_back(sample(c.label, Grad{c.op, c.x}, {values(axes(c.op, c.x).output(c.x))}));
  }
  grad.wrong = {
      wrong(Grad{{}, {1, 2, 5, 4}}, {values({1, 2, 3, 2})},
            "dy [1,2,3,2] does not match x [1,2,5,4]"),
      wrong(Grad{{}, {2, 5, 4}}, {values({1, 2, 2, 2})}, "dy [1,2,2,2] does not match x [2,5,4]")};
  return {forward, grad};
}

std::vector<Row> adaptive_average_rows() {
  using Op = ops::AdaptiveAvgPool2d;
  using Grad = ops::AdaptiveAvgPool2dGrad;
  Row forward{.op = "adaptive_avg_pool2d",
              .reference = pooling<Op>(averages),
              .wrong = wrong_image(Op{}),
              .batched = true};
  Row grad{.op = "adaptive_avg_pool2d_grad", .batched = true};
  grad.reference = naive<Grad>([](const Grad& op, const Tensors& in) {
    const Values dy(in[0]);
    return averages_grad({adaptive(op.x[2], dy.size(2)), adaptive(op.x[3], dy.size(3))}, dy, op.x);
  });
  const auto add = [&](const std::string& label, Pair size, const Shape& x) {
    forward.samples.push_back(sample(label, Op{size}, {values(x)}));
    forward.samples.back().gradcheck_step = 1e-3;
    grad.samples.push_back(sample(label, Grad{x}, {values({x[0], x[1], size.h, size.w})}));
  };
  add("global", 1, {2, 3, 5, 7});
  add("sizes divide", {3, 2}, {2, 2, 6, 6});
  add("windows overlap", {5, 3}, {1, 2, 7, 8});
  add("larger than the image", {5, 4}, {1, 2, 3, 2});
  add("batch 1", 1, {1, 1, 1, 3});
  add("empty batch", 2, {0, 3, 5, 5});
  add("threads", {5, 1}, {3, 6, 43, 53});
  forward.wrong.push_back(
      wrong(Op{{1, 0}}, {values({1, 2, 5, 4})}, "output size 1x0 must be at least 1"));
  grad.wrong = {
      wrong(Grad{{1, 3, 5, 4}}, {values({1, 2, 2, 2})}, "dy [1,2,2,2] does not match x [1,3,5,4]"),
      wrong(Grad{{1, 2, 5, 4}}, {integers({1, 2, 2, 2})}, "needs floating-point tensors")};
  return {forward, grad};
}

}  // namespace

std::vector<Row> pool_rows() {
  std::vector<Row> rows{max_pool_row(), adaptive_max_row(), max_grad_row()};
  for (const auto& family : {average_rows(), adaptive_average_rows()}) {
    rows.insert(rows.end(), family.begin(), family.end());
  }
  return rows;
}

}  // namespace glassbox::test
