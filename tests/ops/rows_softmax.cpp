// Rows of the softmax family (engine/ops/softmax.h).
#include <cmath>

#include "engine/ops/softmax.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {
namespace {

using namespace glassbox::ops;

// Calls f(at) for the first element of each row along dim; at[dim] walks the row.
void for_each_row(const Shape& shape, int dim, const std::function<void(Index)>& f) {
  Shape firsts = shape;
  firsts[dim] = 1;
  for_each_index(firsts, f);
}

double log_sum_exp(const Values& x, Index at, int dim) {
  const auto d = static_cast<std::size_t>(dim);
  double sum = 0;
  for (at[d] = 0; at[d] < x.size(dim); ++at[d]) sum += std::exp(x.at(at));
  return std::log(sum);
}

Tensors naive_softmax(const Tensor& input, int dim, bool logarithm) {
  const Values x(input);
  if (dim < 0) dim += x.shape().rank();
  Values y(x.shape());
  for_each_row(x.shape(), dim, [&](Index at) {
    const double log_sum = log_sum_exp(x, at, dim);
    std::int64_t& i = at[static_cast<std::size_t>(dim)];
    for (i = 0; i < x.size(dim); ++i) {
      const double v = x.at(at) - log_sum;
      y.at(at) = logarithm ? v : std::exp(v);
    }
  });
  return {y.tensor()};
}

template <class Op>
Row softmax_row() {
  Row row{.op = std::string(Op::name)};
  row.samples = {
      sample("rows", Op{}, {values({3, 10})}),
      sample("columns", Op{0}, {values({5, 3}, 1)}),
      sample("channels", Op{1}, {values({3, 4, 3, 7}, 2)}),
      sample("one class", Op{1}, {values({3, 1}, 3)}),
      sample("batch of one", Op{}, {values({1, 37}, 4)}),
      sample("empty batch", Op{}, {values({0, 5}, 5)}),
      sample("no dimensions to spare", Op{0}, {values({9}, 6)}),
      sample("large", Op{}, {values({5, 10}, 7, 700, 704)}),
      sample("many rows", Op{}, {values({4001, 11}, 8)}),
      sample("many columns", Op{1}, {values({3, 131, 131}, 9)}),
  };
  row.samples[0].flops = 3 * 10 * 5;
  row.samples[7].tolerance_f32 = 1e-4;   // inputs near 700 are rounded
  row.samples[7].gradcheck_step = 1e-8;  // times |x|
  row.reference = naive<Op>([](const Op& op, const Tensors& in) {
    return naive_softmax(in[0], op.dim, std::is_same_v<Op, LogSoftmax>);
  });
  row.wrong = {
      wrong(Op{2}, {values({2, 3})}, "dimension 2 is out of range"),
      wrong(Op{}, {integers({2, 3})}, "needs floating-point tensors"),
      wrong(Op{}, {Tensor()}, "operand 0 is undefined"),
  };
  row.batched = true;
  return row;
}

// dx = J^T dy with y given: softmax's J is diag(y) - y y^T; log_softmax's is 1 - 1 e^y^T.
Tensors naive_softmax_grad(const Tensors& in, int dim, bool logarithm) {
  const Values dy(in[0]), y(in[1]);
  if (dim < 0) dim += y.shape().rank();
  const auto d = static_cast<std::size_t>(dim);
  Values dx(y.shape());
  for_each_row(y.shape(), dim, [&](Index at) {
    double sum = 0;
    for (at[d] = 0; at[d] < y.size(dim); ++at[d]) {
      sum += logarithm ? dy.at(at) : dy.at(at) * y.at(at);
    }
    for (at[d] = 0; at[d] < y.size(dim); ++at[d]) {
      dx.at(at) = logarithm ? dy.at(at) - std::exp(y.at(at)) * sum : y.at(at) * (dy.at(at) - sum);
    }
  });
  return {dx.tensor()};
}

template <class Op>
Row softmax_grad_row() {
  Row row{.op = std::string(Op::name)};
  row.samples = {
      sample("rows", Op{}, {values({3, 10}), values({3, 10}, 1)}),
      sample("columns", Op{0}, {values({5, 3}, 2), values({5, 3}, 3)}),
      sample("channels", Op{1}, {values({3, 4, 3, 7}, 4), values({3, 4, 3, 7}, 5)}),
      sample("batch of one", Op{}, {values({1, 37}, 6), values({1, 37}, 7)}),
      sample("empty batch", Op{}, {values({0, 5}, 8), values({0, 5}, 9)}),
      sample("many rows", Op{}, {values({4001, 11}, 10), values({4001, 11}, 11)}),
  };
  row.samples[0].flops = 3 * 10 * 4;
  row.reference = naive<Op>([](const Op& op, const Tensors& in) {
    return naive_softmax_grad(in, op.dim, std::is_same_v<Op, LogSoftmaxGrad>);
  });
  row.wrong = {
      wrong(Op{}, {values({2, 3}), values({3, 2})}, "dy [2,3] does not match y [3,2]"),
      wrong(Op{-3}, {values({2, 3}), values({2, 3})}, "dimension -3 is out of range"),
      wrong(Op{}, {values({2, 3}), values({2, 3}).to(DType::f32)},
            "operands have different types: [2,3] f64 and [2,3] f32"),
  };
  row.batched = true;
  return row;
}

// --- losses -------------------------------------------------------------------------------------

// The class of each row, with ignore_index here and there.
Tensor some_targets(const Shape& shape, std::int64_t classes, std::int64_t ignore_index,
                    std::uint64_t seed) {
  const Tensor drawn = integers(shape, 0, classes, seed);
  const Values v(drawn);
  return filled(shape, DType::i64, [&](std::int64_t i) {
    return i % 3 == 1 ? static_cast<double>(ignore_index) : v[i];
  });
}

// What a loss is made of: for each row, weight[c] of every class and how much of it is -log p[c].
struct NaiveLoss {
  Reduction reduction;
  std::int64_t ignore_index;
  double label_smoothing;

  // Calls f(row, c, share) for the classes that count, where the row's loss is the sum of
  // share * -log p[c]; returns what a mean divides by.
  double shares(const Tensor& targets, const Tensor& weights, std::int64_t classes,
                const std::function<void(std::int64_t, std::int64_t, double)>& f) const {
    const Values target(targets);
    double total = 0;
    for (std::int64_t r = 0; r < target.numel(); ++r) {
      const auto t = static_cast<std::int64_t>(target[r]);
      if (t == ignore_index) continue;
      const auto weight = [&](std::int64_t c) {
        return weights.defined() ? Values(weights)[c] : 1;
      };
      total += weight(t);
      for (std::int64_t c = 0; c < classes; ++c) {
        const double smooth = label_smoothing / static_cast<double>(classes);
        const double share = (smooth + (c == t ? 1 - label_smoothing : 0)) * weight(c);
        if (share != 0) f(r, c, share);
      }
    }
    return total;
  }
};
NaiveLoss naive_of(const NllLoss& op) { return {op.reduction, op.ignore_index, 0}; }
NaiveLoss naive_of(const CrossEntropy& op) {
  return {op.reduction, op.ignore_index, op.label_smoothing};
}

// Flat index in x [N,C,...] of class c of row r.
std::int64_t flat_class(const Shape& x, std::int64_t r, std::int64_t c) {
  const std::int64_t classes = x[x.rank() > 1 ? 1 : 0],
                     inner = x.rank() > 2 ? x.product(2, x.rank()) : 1;
  return (r / inner * classes + c) * inner + r % inner;
}

Tensors naive_loss(const NaiveLoss& loss, const Values& log_p, const Tensor& targets,
                   const Tensor& weights) {
  const Shape& x = log_p.shape();
  Values each(targets.shape());
  double sum = 0;
  const double total = loss.shares(targets, weights, x[x.rank() > 1 ? 1 : 0],
                                   [&](std::int64_t r, std::int64_t c, double share) {
                                     const double part = -share * log_p[flat_class(x, r, c)];
                                     each[r] += part;
                                     sum += part;
                                   });
  Tensors out;
  if (loss.reduction == Reduction::none) {
    out.push_back(each.tensor());
  } else {
    out.push_back(Values(Shape{}, loss.reduction == Reduction::mean ? sum / total : sum).tensor());
  }
  out.push_back(Values(Shape{}, total).tensor());
  return out;
}

Values log_p_of(const Tensor& x) { return Values(naive_softmax(x, x.dim() > 1 ? 1 : 0, true)[0]); }

template <class Op>
std::vector<Sample> loss_samples() {
  constexpr Reduction none = Reduction::none, mean = Reduction::mean, sum = Reduction::sum;
  const Tensor weight = values({5}, 50, 0.5, 2);
  return {
      sample("mean", Op{}, {values({3, 5}), integers({3}, 0, 5), Tensor()}),
      sample("sum", Op{.reduction = sum}, {values({4, 5}, 1), integers({4}, 0, 5, 1), Tensor()}),
      sample("each", Op{.reduction = none}, {values({3, 5}, 2), integers({3}, 0, 5, 2), Tensor()}),
      sample("weighted mean", Op{}, {values({7, 5}, 3), integers({7}, 0, 5, 3), weight}),
      sample("weighted sum", Op{.reduction = sum},
             {values({7, 5}, 4), integers({7}, 0, 5, 4), weight}),
      sample("weighted each", Op{.reduction = none},
             {values({7, 5}, 5), integers({7}, 0, 5, 5), weight}),
      sample("ignored", Op{.reduction = mean, .ignore_index = -100},
             {values({7, 5}, 6), some_targets({7}, 5, -100, 6), weight}),
      sample("ignored class", Op{.reduction = none, .ignore_index = 2},
             {values({7, 5}, 7), some_targets({7}, 5, 2, 7), Tensor()}),
      sample("pixels", Op{.ignore_index = 1},
             {values({2, 5, 3, 7}, 8), some_targets({2, 3, 7}, 5, 1, 8), weight}),
      sample("each pixel", Op{.reduction = none},
             {values({2, 5, 3, 7}, 9), integers({2, 3, 7}, 0, 5, 9), weight}),
      sample("one row without batch", Op{}, {values({5}, 10), integers({}, 0, 5, 10), Tensor()}),
      sample("batch of one", Op{}, {values({1, 5}, 11), integers({1}, 0, 5, 11), Tensor()}),
      sample("empty batch, summed", Op{.reduction = sum},
             {values({0, 5}, 12), integers({0}, 0, 5, 12), Tensor()}),
      sample("empty batch, each", Op{.reduction = none},
             {values({0, 5}, 13), integers({0}, 0, 5, 13), Tensor()}),
      sample("many rows", Op{}, {values({9001, 5}, 14), some_targets({9001}, 5, -100, 14), weight}),
      sample("many pixels", Op{.reduction = sum},
             {values({3, 5, 67, 45}, 15), integers({3, 67, 45}, 0, 5, 15), Tensor()}),
  };
}

template <class Op>
std::vector<WrongInput> loss_refusals() {
  const Tensor x = values({3, 5});
  return {
      wrong(Op{}, {x, integers({4}, 0, 5), Tensor()}, "input [3,5] needs targets [3], got [4]"),
      wrong(Op{}, {values({2, 5, 3}), integers({2}, 0, 5), Tensor()},
            "input [2,5,3] needs targets [2,3], got [2]"),
      wrong(Op{}, {x, values({3}), Tensor()}, "targets must be i64 class indices, got [3] f64"),
      wrong(Op{}, {values({}), integers({}, 0, 1), Tensor()}, "needs scores [N,C,...], got []"),
      wrong(Op{}, {integers({3, 5}), integers({3}, 0, 5), Tensor()},
            "needs floating-point tensors"),
      wrong(Op{}, {x, integers({3}, 0, 5), values({4})},
            "class weight [4] does not match 5 classes"),
      wrong(Op{}, {x, integers({3}, 0, 5), values({5}).to(DType::f32)},
            "class weight [5] f32 does not match [3,5] f64"),
      wrong(Op{}, {x, Tensor(), Tensor()}, "operand 1 is undefined"),
      wrong(Op{}, {x, integers({3}, 7, 8), Tensor()},
            "target 7 at index [0] is none of the 5 classes, nor ignore_index -100"),
      wrong(
          Op{},
          {values({2, 5, 1, 2}),
           filled({2, 1, 2}, DType::i64, [](std::int64_t i) { return i == 3 ? -1 : 2; }), Tensor()},
          "target -1 at index [1,0,1] is none of the 5 classes, nor ignore_index -100"),
  };
}

Row nll_row() {
  Row row{.op = "nll_loss"};
  row.samples = loss_samples<NllLoss>();
  for (Sample& s : row.samples) s.differentiable = {true, false, false};
  row.samples[0].flops = 3 * 2;
  row.reference = naive<NllLoss>([](const NllLoss& op, const Tensors& in) {
    return naive_loss(naive_of(op), Values(in[0]), in[1], in[2]);
  });
  row.wrong = loss_refusals<NllLoss>();
  row.batched = true;
  return row;
}

Row cross_entropy_row() {
  Row row{.op = "cross_entropy"};
  row.samples = loss_samples<CrossEntropy>();
  const Tensor weight = values({5}, 51, 0.5, 2);
  for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
    const CrossEntropy op{.reduction = reduction, .label_smoothing = 0.1};
    const auto name = std::string(name_of(reduction));
    row.samples.push_back(sample("smoothed " + name, op,
                                 {values({7, 5}, 20), some_targets({7}, 5, -100, 20), Tensor()}));
    row.samples.push_back(sample("smoothed and weighted " + name, op,
                                 {values({7, 5}, 21), some_targets({7}, 5, -100, 21), weight}));
  }
  row.samples.push_back(sample("smoothed pixels", CrossEntropy{.label_smoothing = 1},
                               {values({2, 5, 3}, 22), integers({2, 3}, 0, 5, 22), weight}));
  row.samples.push_back(sample("many classes", CrossEntropy{},
                               {values({3, 1003}, 23), integers({3}, 0, 1003, 23), Tensor()}));
  row.samples[15].gradcheck_step = 1e-4;  // a sum of thousands of rows loses the small steps
  for (Sample& s : row.samples) s.differentiable = {true, false, false};
  row.samples[0].flops = 3 * 5 * 4;
  row.reference = naive<CrossEntropy>([](const CrossEntropy& op, const Tensors& in) -> Tensors {
    const Tensors loss = naive_loss(naive_of(op), log_p_of(in[0]), in[1], in[2]);
    const Values x(in[0]);
    const int dim = in[0].dim() > 1 ? 1 : 0;
    Values log_sums(in[1].shape());
    std::int64_t r = 0;
    for_each_row(x.shape(), dim, [&](Index at) { log_sums[r++] = log_sum_exp(x, at, dim); });
    // The f64 log-sums of f32 scores are not held to an f64 tolerance.
    return {loss[0], in[0].dtype() == DType::f64 ? log_sums.tensor() : Tensor(), loss[1]};
  });
  row.wrong = loss_refusals<CrossEntropy>();
  row.wrong.push_back(wrong(CrossEntropy{.label_smoothing = 1.5},
                            {values({3, 5}), integers({3}, 0, 5), Tensor()},
                            "label_smoothing 1.5 must be between 0 and 1"));
  row.batched = true;
  return row;
}

// The gradient with respect to log p: -share dy, divided by the total for a mean.
Values naive_log_p_grad(const NaiveLoss& loss, const Tensor& dy, const Shape& x,
                        const Tensor& targets, const Tensor& weights) {
  const Values d(dy);
  Values dx(x);
  const double total = loss.shares(targets, weights, x[x.rank() > 1 ? 1 : 0],
                                   [&](std::int64_t r, std::int64_t c, double share) {
                                     const bool each = loss.reduction == Reduction::none;
                                     dx[flat_class(x, r, c)] = -share * d[each ? r : 0];
                                   });
  for (std::int64_t i = 0; loss.reduction == Reduction::mean && i < dx.numel(); ++i) dx[i] /= total;
  return dx;
}

// The f64 scalar that the loss's forward pass would have left.
Tensor total_weight(const NaiveLoss& loss, const Tensor& targets, const Tensor& weights,
                    std::int64_t classes) {
  return Values(Shape{}, loss.shares(targets, weights, classes, [](auto, auto, auto) {})).tensor();
}

Row nll_grad_row() {
  Row row{.op = "nll_loss_grad"};
  const Tensor weight = values({5}, 50, 0.5, 2);
  const auto add = [&](std::string label, const NllLoss& loss, const Shape& rows, const Tensor& w) {
    const bool each = loss.reduction == Reduction::none;
    const Tensor targets = some_targets(rows, 5, loss.ignore_index, 30);
    Sample s = sample(std::move(label), NllLossGrad{loss, 5},
                      {values(each ? rows : Shape{}, 31), targets, w,
                       total_weight(naive_of(loss), targets, w, 5)});
    s.keeps_f64 = {false, false, false, true};
    row.samples.push_back(std::move(s));
  };
  add("mean", {}, {3}, weight);
  add("sum", {.reduction = Reduction::sum}, {4}, {});
  add("each", {.reduction = Reduction::none, .ignore_index = 2}, {3, 3, 5}, weight);
  add("each of one", {.reduction = Reduction::none}, {1}, {});
  add("each of none", {.reduction = Reduction::none}, {0}, {});
  add("one row without batch", {}, {}, {});
  add("many rows", {.reduction = Reduction::none}, {9001}, weight);
  row.samples[0].flops = 3 * 2;
  row.reference = naive<NllLossGrad>([](const NllLossGrad& op, const Tensors& in) -> Tensors {
    Shape x = in[1].shape();
    x.insert(x.empty() ? 0 : 1, op.classes);
    return {naive_log_p_grad(naive_of(op.loss), in[0], x, in[1], in[2]).tensor()};
  });
  const Tensor targets = integers({3}, 0, 5), total = values({}, 1, 1, 2);
  row.wrong = {
      wrong(NllLossGrad{{}, 5}, {values({3}), targets, Tensor(), total},
            "dy [3] does not match the loss []"),
      wrong(NllLossGrad{{}, 5}, {values({}), targets, values({4}), total},
            "class weight [4] does not match 5 classes"),
      wrong(NllLossGrad{{}, 5}, {values({}), targets, Tensor(), values({1})},
            "the weight of all rows must be [] f64, got [1] f64"),
      wrong(NllLossGrad{{}, -1}, {values({}), targets, Tensor(), total}, "classes -1 is negative"),
      wrong(NllLossGrad{{}, 5}, {values({}), values({3}), Tensor(), total},
            "targets must be i64 class indices"),
  };
  return row;
}

Row cross_entropy_grad_row() {
  Row row{.op = "cross_entropy_grad"};
  const Tensor weight = values({5}, 50, 0.5, 2);
  const auto add = [&](std::string label, const CrossEntropy& loss, const Shape& x_shape,
                       const Tensor& w) {
    const int dim = x_shape.rank() > 1 ? 1 : 0;
    Shape rows = x_shape;
    rows.erase(dim);
    const bool each = loss.reduction == Reduction::none;
    const Tensor x = values(x_shape, 40), targets = some_targets(rows, 5, loss.ignore_index, 41);
    const Values v(x);
    Values log_sums(rows);
    std::int64_t r = 0;
    for_each_row(x_shape, dim, [&](Index at) { log_sums[r++] = log_sum_exp(v, at, dim); });
    Sample s = sample(std::move(label), CrossEntropyGrad{loss},
                      {values(each ? rows : Shape{}, 42), x, targets, w, log_sums.tensor(),
                       total_weight(naive_of(loss), targets, w, 5)});
    s.keeps_f64 = {false, false, false, false, true, true};
    row.samples.push_back(std::move(s));
  };
  add("mean", {}, {3, 5}, {});
  add("sum", {.reduction = Reduction::sum}, {4, 5}, weight);
  add("each", {.reduction = Reduction::none, .ignore_index = 2}, {3, 5, 3, 7}, weight);
  add("smoothed", {.label_smoothing = 0.2}, {7, 5}, {});
  add("smoothed and weighted", {.reduction = Reduction::none, .label_smoothing = 0.2}, {7, 5},
      weight);
  add("each of one", {.reduction = Reduction::none}, {1, 5}, {});
  add("each of none", {.reduction = Reduction::none}, {0, 5}, {});
  add("one row without batch", {}, {5}, {});
  add("many rows", {}, {9001, 5}, weight);
  row.samples[0].flops = 3 * 5 * 4;
  // d(-log p[c])/dx[k] = p[k] - (k == c).
  row.reference =
      naive<CrossEntropyGrad>([](const CrossEntropyGrad& op, const Tensors& in) -> Tensors {
        const Shape& x = in[1].shape();
        const Values d = naive_log_p_grad(naive_of(op.loss), in[0], x, in[2], in[3]);
        const Values log_p = log_p_of(in[1]);
        const int dim = x.rank() > 1 ? 1 : 0;
        Values dx(x);
        for_each_row(x, dim, [&](Index at) {
          const auto k = static_cast<std::size_t>(dim);
          double sum = 0;
          for (at[k] = 0; at[k] < x[dim]; ++at[k]) sum += d.at(at);
          for (at[k] = 0; at[k] < x[dim]; ++at[k])
            dx.at(at) = d.at(at) - std::exp(log_p.at(at)) * sum;
        });
        return {dx.tensor()};
      });
  const Tensor x = values({3, 5}), targets = integers({3}, 0, 5), sums = values({3});
  const Tensor total = values({}, 1, 1, 2);
  row.wrong = {
      wrong(CrossEntropyGrad{}, {values({3}), x, targets, Tensor(), sums, total},
            "dy [3] does not match the loss []"),
      wrong(CrossEntropyGrad{}, {values({}), x, targets, Tensor(), values({4}), total},
            "the log-sums must be [3] f64, got [4] f64"),
      wrong(CrossEntropyGrad{}, {values({}), x, targets, Tensor(), sums, sums},
            "the weight of all rows must be [] f64, got [3] f64"),
      wrong(CrossEntropyGrad{}, {values({}), x, integers({4}, 0, 5), Tensor(), sums, total},
            "input [3,5] needs targets [3], got [4]"),
  };
  return row;
}

}  // namespace

std::vector<Row> softmax_rows() {
  return {softmax_row<Softmax>(),
          softmax_grad_row<SoftmaxGrad>(),
          softmax_row<LogSoftmax>(),
          softmax_grad_row<LogSoftmaxGrad>(),
          nll_row(),
          nll_grad_row(),
          cross_entropy_row(),
          cross_entropy_grad_row()};
}

}  // namespace glassbox::test
