// Softmax and losses, a line of classes at a time (cpu/rows.h): its maximum, then the sum of its
// exponentials, which is in double. The second and third time a line comes from the cache.
#include "engine/ops/softmax.h"

#include <cmath>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/rows.h"

namespace glassbox {

using namespace cpu;

namespace {

// The sum of e^(x - shift), for a shift that is not below any x of its row.
template <class T, class Line>
PerRow<T> sum_exp(const Line& line, const T* x, Pack<T> shift) {
  // The lanes past the end add e^-infinity = 0.
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  return line.sum([&](const auto& at) { return exp(at(x, lowest) - shift); });
}

template <class T>
struct SoftmaxLine {
  template <class Line>
  void operator()(const Line& line, const T* x, T* y) const {
    const Pack<T> top = line.largest(x);
    line.map(y, [&](const auto& at) { return exp(at(x) - top); });
    const Pack<T> sum = line.spread(line.sum([&](const auto& at) { return at(y); }));
    line.map(y, [&](const auto& at) { return at(y) / sum; });
  }
};

template <class T>
struct LogSoftmaxLine {
  template <class Line>
  void operator()(const Line& line, const T* x, T* y) const {
    const Pack<T> top = line.largest(x);
    PerRow<T> sum = sum_exp(line, x, top);
    for (int k = 0; k < line.rows(); ++k) sum[k] = std::log(sum[k]);
    const Pack<T> log_sum = line.spread(sum);
    line.map(y, [&](const auto& at) { return at(x) - top - log_sum; });
  }
};

template <class T>
struct SoftmaxGradLine {
  template <class Line>
  void operator()(const Line& line, const T* dy, const T* y, T* dx) const {
    const Pack<T> dot = line.spread(line.sum([&](const auto& at) { return at(dy) * at(y); }));
    line.map(dx, [&](const auto& at) { return at(y) * (at(dy) - dot); });
  }
};

template <class T>
struct LogSoftmaxGradLine {
  template <class Line>
  void operator()(const Line& line, const T* dy, const T* y, T* dx) const {
    const Pack<T> total = line.spread(line.sum([&](const auto& at) { return at(dy); }));
    line.map(dx, [&](const auto& at) { return at(dy) - exp(at(y)) * total; });
  }
};

// Runs a kernel on every line of the inputs (x, or dy and y) and the output.
template <class T, class Kernel>
void run_lines(const cpu::Context& ctx, const Rows& rows, Ins in, Outs out, const Kernel& kernel) {
  const T *a = in_ptr<T>(in[0]), *b = in.size() > 1 ? in_ptr<T>(in[1]) : nullptr;
  T* const y = out_ptr<T>(out[0]);
  for_lines<T>(ctx, rows, [&](std::int64_t, const auto& line, std::int64_t, std::int64_t at) {
    if constexpr (requires { kernel(line, a, y); })
      kernel(line, a + at, y + at);
    else
      kernel(line, a + at, b + at, y + at);
  });
}
template <template <class> class Kernel, class Op>
void run_lines(const Op& op, const cpu::Context& ctx, Ins in, Outs out) {
  const DType dtype = out[0].dtype();
  const Rows rows(out[0].shape(), normalize_dim(op.name, op.dim, out[0].dim()), size_of(dtype));
  dispatch_floating(op.name, dtype, [&](auto type) {
    run_lines<decltype(type)>(ctx, rows, in, out, Kernel<decltype(type)>());
  });
}

}  // namespace

void run(const ops::Softmax& op, cpu::Context& ctx, Ins in, Outs out) {
  run_lines<SoftmaxLine>(op, ctx, in, out);
}
void run(const ops::LogSoftmax& op, cpu::Context& ctx, Ins in, Outs out) {
  run_lines<LogSoftmaxLine>(op, ctx, in, out);
}
void run(const ops::SoftmaxGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  run_lines<SoftmaxGradLine>(op, ctx, in, out);
}
void run(const ops::LogSoftmaxGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  run_lines<LogSoftmaxGradLine>(op, ctx, in, out);
}

namespace {

// What a chunk of rows adds to the loss and to the weight that a mean divides by.
struct Partial {
  double loss, weight;
};

Rows class_rows(const Spec& x) {
  return Rows(x.shape, x.shape.rank() > 1 ? 1 : 0, size_of(x.dtype));
}

// Why before the loop: an exception must not leave a parallel region.
void check_targets(std::string_view op, const Tensor& targets, std::int64_t classes,
                   std::int64_t ignore_index) {
  const std::int64_t* const target = in_ptr<std::int64_t>(targets);
  for (std::int64_t i = 0, n = targets.numel(); i < n; ++i) {
    if ((target[i] >= 0 && target[i] < classes) || target[i] == ignore_index) continue;
    Shape index = targets.shape();
    std::int64_t rest = i;
    for (int d = index.rank() - 1; d >= 0; --d) {
      const std::int64_t size = index[d];
      index[d] = rest % size;
      rest /= size;
    }
    fail(op, cat("target ", target[i], " at index ", index, " is none of the ", classes,
                 " classes, nor ignore_index ", ignore_index));
  }
}

// Adds the chunks up and writes the loss (unless each row has its own) and, for backward, the
// weight.
void finish_loss(Reduction reduction, const Partial* partial, std::int64_t chunks, Outs out,
                 std::size_t weight_output) {
  Partial total{0, 0};
  for (std::int64_t i = 0; i < chunks; ++i) {
    total.loss += partial[i].loss;
    total.weight += partial[i].weight;
  }
  if (out.size() > weight_output) *out_ptr<double>(out[weight_output]) = total.weight;
  if (reduction == Reduction::none) return;
  const double loss = reduction == Reduction::mean ? total.loss / total.weight : total.loss;
  dispatch_floating("loss", out[0].dtype(), [&](auto type) {
    *out_ptr<decltype(type)>(out[0]) = static_cast<decltype(type)>(loss);
  });
}

// What dy times a row's gradient is multiplied by.
template <class T>
class RowScale {
 public:
  RowScale(Reduction reduction, const Tensor& dy, const Tensor& total)
      : dy_(in_ptr<T>(dy)), each_(reduction == Reduction::none) {
    if (reduction == Reduction::mean) divisor_ = *in_ptr<double>(total);
  }
  double operator()(std::int64_t row) const {
    return static_cast<double>(dy_[each_ ? row : 0]) / divisor_;
  }

 private:
  const T* dy_;
  bool each_;
  double divisor_ = 1;
};

constexpr std::int64_t nll_chunk = 4096;  // rows

}  // namespace

std::size_t scratch(const ops::NllLoss&, const cpu::Context&, Specs in, Specs) {
  const std::int64_t chunks = (in[1].numel() + nll_chunk - 1) / nll_chunk;
  return static_cast<std::size_t>(chunks) * sizeof(Partial);
}

void run(const ops::NllLoss& op, cpu::Context& ctx, Ins in, Outs out) {
  const Rows rows = class_rows(in[0].spec());
  check_targets(op.name, in[1], rows.n, op.ignore_index);
  Partial* const partial = static_cast<Partial*>(ctx.scratch());
  const std::int64_t* const target = in_ptr<std::int64_t>(in[1]);
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T *x = in_ptr<T>(in[0]), *weight = in_ptr<T>(in[2]);
    T* const each = op.reduction == Reduction::none ? out_ptr<T>(out[0]) : nullptr;
    parallel_chunks(ctx, rows.count(), nll_chunk, [&](std::int64_t begin, std::int64_t end) {
      Partial sum{0, 0};
      for (std::int64_t r = begin; r < end; ++r) {
        const std::int64_t t = target[r];
        double loss = 0;
        if (t != op.ignore_index) {
          const double w = weight ? static_cast<double>(weight[t]) : 1;
          const std::int64_t at = (r / rows.inner * rows.n + t) * rows.inner + r % rows.inner;
          loss = -w * static_cast<double>(x[at]);
          sum.weight += w;
        }
        sum.loss += loss;
        if (each) each[r] = static_cast<T>(loss);
      }
      partial[begin / nll_chunk] = sum;
    });
  });
  finish_loss(op.reduction, partial, (rows.count() + nll_chunk - 1) / nll_chunk, out, 1);
}

void run(const ops::NllLossGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Rows rows = class_rows(out[0].spec());
  const std::int64_t* const target = in_ptr<std::int64_t>(in[1]);
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const weight = in_ptr<T>(in[2]);
    T* const dx = out_ptr<T>(out[0]);
    const RowScale<T> scale(op.loss.reduction, in[0], in[3]);
    parallel_chunks(ctx, out[0].numel(), grain, [&](std::int64_t begin, std::int64_t end) {
      std::fill(dx + begin, dx + end, T(0));
    });
    parallel_chunks(ctx, rows.count(), nll_chunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const std::int64_t t = target[r];
        if (t == op.loss.ignore_index) continue;
        const double w = weight ? static_cast<double>(weight[t]) : 1;
        const std::int64_t at = (r / rows.inner * rows.n + t) * rows.inner + r % rows.inner;
        dx[at] = static_cast<T>(-w * scale(r));
      }
    });
  });
}

std::size_t scratch(const ops::CrossEntropy&, const cpu::Context&, Specs in, Specs) {
  return static_cast<std::size_t>(class_rows(in[0]).chunks()) * sizeof(Partial);
}

void run(const ops::CrossEntropy& op, cpu::Context& ctx, Ins in, Outs out) {
  const Rows rows = class_rows(in[0].spec());
  check_targets(op.name, in[1], rows.n, op.ignore_index);
  Partial* const partial = static_cast<Partial*>(ctx.scratch());
  std::fill_n(partial, rows.chunks(), Partial{0, 0});
  const std::int64_t* const target = in_ptr<std::int64_t>(in[1]);
  double* const log_sums = out.size() > 1 ? out_ptr<double>(out[1]) : nullptr;
  const double kept = 1 - op.label_smoothing,
               spread = op.label_smoothing / static_cast<double>(rows.n);
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T *scores = in_ptr<T>(in[0]), *weight = in_ptr<T>(in[2]);
    T* const each = op.reduction == Reduction::none ? out_ptr<T>(out[0]) : nullptr;
    const double all_weights = weight ? sum_row(weight, rows.n) : static_cast<double>(rows.n);
    const auto one_line = [&](std::int64_t chunk, const auto& line, std::int64_t row,
                              std::int64_t at0) {
      const T* const x = scores + at0;
      const Pack<T> top = line.largest(x);
      const PerRow<T> sum = sum_exp(line, x, top);
      PerRow<T> weighted{};  // the sum of weight[c] x[c], for smoothing
      if (spread != 0) {
        weighted =
            line.sum([&](const auto& at) { return weight ? at(x) * at.shared(weight) : at(x); });
      }
      for (int k = 0; k < line.rows(); ++k) {
        const std::int64_t r = row + k, t = target[r];
        const double log_sum = static_cast<double>(top[k]) + std::log(sum[k]);
        if (log_sums) log_sums[r] = log_sum;
        double loss = 0;
        if (t != op.ignore_index) {
          const double w = weight ? static_cast<double>(weight[t]) : 1;
          loss = kept * w * (log_sum - static_cast<double>(x[line.index(t, k)]));
          if (spread != 0) loss += spread * (all_weights * log_sum - weighted[k]);
          partial[chunk].weight += w;
        }
        partial[chunk].loss += loss;
        if (each) each[r] = static_cast<T>(loss);
      }
    };
    for_lines<T>(ctx, rows, one_line);
  });
  finish_loss(op.reduction, partial, rows.chunks(), out, 2);
}

void run(const ops::CrossEntropyGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Rows rows = class_rows(out[0].spec());
  const std::int64_t* const target = in_ptr<std::int64_t>(in[2]);
  const double* const log_sums = in_ptr<double>(in[4]);
  const double kept = 1 - op.loss.label_smoothing;
  const double spread = op.loss.label_smoothing / static_cast<double>(rows.n);
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T *scores = in_ptr<T>(in[1]), *weight = in_ptr<T>(in[3]);
    const double all_weights = weight ? sum_row(weight, rows.n) : static_cast<double>(rows.n);
    const RowScale<T> scale(op.loss.reduction, in[0], in[5]);
    // dx = s ((a + spread all_weights) p - a [at the target] - spread weight) with a = kept
    // weight[t]
    const auto one_line = [&](std::int64_t, const auto& line, std::int64_t row, std::int64_t at0) {
      const T* const x = scores + at0;
      T* const dx = out_ptr<T>(out[0]) + at0;
      // A log-sum in two parts: rounded to one T it would cost e^(x - log_sum) its digits.
      PerRow<T> log_sum{}, log_rest{}, of_p{}, of_weight{}, of_target{};
      for (int k = 0; k < line.rows(); ++k) {
        const std::int64_t r = row + k, t = target[r];
        log_sum[k] = log_sums[r];
        log_rest[k] = log_sums[r] - static_cast<double>(static_cast<T>(log_sums[r]));
        if (t == op.loss.ignore_index) continue;
        const double s = scale(r), a = kept * (weight ? static_cast<double>(weight[t]) : 1);
        of_p[k] = s * (a + spread * all_weights);
        of_weight[k] = s * spread;
        of_target[k] = s * a;
      }
      const Pack<T> high = line.spread(log_sum), low = line.spread(log_rest);
      const Pack<T> p_scale = line.spread(of_p), w_scale = line.spread(of_weight);
      const auto p = [&](const auto& at) { return exp(at(x) - high - low) * p_scale; };
      if (spread == 0) {
        line.map(dx, p);
      } else if (weight) {
        line.map(dx, [&](const auto& at) { return p(at) - at.shared(weight) * w_scale; });
      } else {
        line.map(dx, [&](const auto& at) { return p(at) - w_scale; });
      }
      for (int k = 0; k < line.rows(); ++k) {
        const std::int64_t t = target[row + k];
        if (t != op.loss.ignore_index) dx[line.index(t, k)] -= static_cast<T>(of_target[k]);
      }
    };
    for_lines<T>(ctx, rows, one_line);
  });
}

}  // namespace glassbox
