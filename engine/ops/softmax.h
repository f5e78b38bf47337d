// Softmax and the losses on class scores. A loss takes scores [N,C] or [N,C,d1,...] (or [C]) and
// i64 targets [N,d1,...], each a class or ignore_index; a target outside is an error when the
// kernel runs. An undefined class weight [C] counts every class as 1. Sums are in double.
#pragma once
#include "engine/apply.h"

namespace glassbox {

// What a loss makes of its rows. `mean` divides by the sum of the class weights of the targets that
// count; of none it is NaN, as in PyTorch.
enum class Reduction { none, mean, sum };
std::string_view name_of(Reduction reduction);

namespace ops {

struct Softmax {  // y = e^x / sum of e^x along dim
  static constexpr std::string_view name = "softmax", kind = "Softmax";
  int dim = -1;
  bool operator==(const Softmax&) const = default;
  Attrs attrs(Specs) const { return {{"dim", dim, dim == -1}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().output(0); }
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct SoftmaxGrad {  // dx = y (dy - sum of dy y); inputs dy, y
  static constexpr std::string_view name = "softmax_grad", kind = "SoftmaxGrad";
  int dim = -1;
  bool operator==(const SoftmaxGrad&) const = default;
  Attrs attrs(Specs) const { return {{"dim", dim, dim == -1}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

struct LogSoftmax {  // y = x - log(sum of e^x) along dim
  static constexpr std::string_view name = "log_softmax", kind = "LogSoftmax";
  int dim = -1;
  bool operator==(const LogSoftmax&) const = default;
  Attrs attrs(Specs) const { return {{"dim", dim, dim == -1}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().output(0); }
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct LogSoftmaxGrad {  // dx = dy - e^y (sum of dy); inputs dy, y
  static constexpr std::string_view name = "log_softmax_grad", kind = "LogSoftmaxGrad";
  int dim = -1;
  bool operator==(const LogSoftmaxGrad&) const = default;
  Attrs attrs(Specs) const { return {{"dim", dim, dim == -1}}; }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

// loss = -weight[t] x[t] for log-probabilities x and target t. Inputs: x, targets, weight. With a
// gradient a second output, f64 [], is the weight of all rows that count.
struct NllLoss {
  static constexpr std::string_view name = "nll_loss", kind = "NegativeLogLikelihoodLoss";
  Reduction reduction = Reduction::mean;
  std::int64_t ignore_index = -100;
  bool operator==(const NllLoss&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().input(1).input(2).output(1); }
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct NllLossGrad {  // inputs: dy, targets, weight, weight of all rows; `classes` is x's C
  static constexpr std::string_view name = "nll_loss_grad", kind = "NegativeLogLikelihoodLossGrad";
  NllLoss loss;
  std::int64_t classes = 1;
  bool operator==(const NllLossGrad&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

// NllLoss of LogSoftmax in one pass. With label_smoothing s a row's loss is
//   (1 - s) weight[t] q[t] + s/C sum over c of weight[c] q[c],  q = -log softmax(x)
// Inputs: x, targets, weight. With a gradient two more outputs: each row's log(sum of e^x), f64 (a
// rounded one would cost e^x its digits), and the weight of all rows that count, f64 [].
struct CrossEntropy {
  static constexpr std::string_view name = "cross_entropy", kind = "SoftmaxCrossEntropyLoss";
  Reduction reduction = Reduction::mean;
  std::int64_t ignore_index = -100;
  double label_smoothing = 0;
  bool operator==(const CrossEntropy&) const = default;
  Attrs attrs(Specs in) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
  Saves saves() const { return Saves().input(0).input(1).input(2).output(1).output(2); }
  void backward(const Saved&, Ins dy, Grads&) const;
};
struct CrossEntropyGrad {  // inputs: dy, x, targets, weight, log-sums, weight of all rows
  static constexpr std::string_view name = "cross_entropy_grad",
                                    kind = "SoftmaxCrossEntropyLossGrad";
  CrossEntropy loss;
  bool operator==(const CrossEntropyGrad&) const = default;
  Attrs attrs(Specs in) const { return loss.attrs(in); }
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

}  // namespace ops

void run(const ops::Softmax&, cpu::Context&, Ins, Outs);
void run(const ops::SoftmaxGrad&, cpu::Context&, Ins, Outs);
void run(const ops::LogSoftmax&, cpu::Context&, Ins, Outs);
void run(const ops::LogSoftmaxGrad&, cpu::Context&, Ins, Outs);
void run(const ops::NllLoss&, cpu::Context&, Ins, Outs);
void run(const ops::NllLossGrad&, cpu::Context&, Ins, Outs);
void run(const ops::CrossEntropy&, cpu::Context&, Ins, Outs);
void run(const ops::CrossEntropyGrad&, cpu::Context&, Ins, Outs);
std::size_t scratch(const ops::NllLoss&, const cpu::Context&, Specs in, Specs out);
std::size_t scratch(const ops::CrossEntropy&, const cpu::Context&, Specs in, Specs out);

Tensor softmax(const Tensor& x, int dim = -1);
Tensor log_softmax(const Tensor& x, int dim = -1);
Tensor nll_loss(const Tensor& log_probabilities, const Tensor& targets, const ops::NllLoss& op = {},
                const Tensor& weight = {});
Tensor cross_entropy(const Tensor& x, const Tensor& targets, const ops::CrossEntropy& op = {},
                     const Tensor& weight = {});
// (x - y)^2 of two tensors of one shape: broadcasting here would hide a mistake.
Tensor mse_loss(const Tensor& x, const Tensor& y, Reduction reduction = Reduction::mean);

}  // namespace glassbox
