// Softmax and losses, a row of classes at a time: its maximum, then the sum of its exponentials. A
// row is read twice and, being short, the second time from the cache.
#include "engine/ops/softmax.h"

#include <cmath>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/rows.h"

namespace glassbox {

using namespace cpu;

namespace {

inline void add_double(Pack<double>& low, Pack<double>&, Pack<double> e) { low += e; }
inline void add_double(Pack<double>& low, Pack<double>& high, Pack<float> e) {
  float lane[Pack<float>::lanes];
  storeu(lane, e);
  low += load_double(lane);
  high += load_double(lane + Pack<double>::lanes);
}

// The sum of e^(x - shift), for a shift that is not below any x.
template <class T>
double sum_exp(const T* x, std::int64_t n, T shift) {
  constexpr int lanes = Pack<T>::lanes;
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  Pack<double> low(0.0), high(0.0);
  for (std::int64_t i = 0; i < n; i += lanes) {
    const int rest = static_cast<int>(std::min<std::int64_t>(lanes, n - i));
    // The lanes past the end add e^-infinity = 0.
    const Pack<T> e = exp(load_partial(x + i, rest, lowest) - Pack<T>(shift));
    add_double(low, high, e);
  }
  return horizontal_sum(low + high);
}

// log(sum of e^x), with the largest x taken out first so that nothing overflows.
template <class T>
double log_sum_exp(const T* x, std::int64_t n) {
  const T top = max_row(x, n);
  return static_cast<double>(top) + std::log(sum_exp(x, n, top));
}

template <class T>
void softmax_row(const T* x, T* y, std::int64_t n) {
  const Pack<T> top(max_row(x, n));
  map_row(y, n, [&](std::int64_t i, auto load) { return exp(load(x + i) - top); });
  const Pack<T> scale(static_cast<T>(1 / sum_row(y, n)));
  map_row(y, n, [&](std::int64_t i, auto load) { return load(y + i) * scale; });
}

template <class T>
void log_softmax_row(const T* x, T* y, std::int64_t n) {
  const T top = max_row(x, n);
  const Pack<T> shift(top), log_sum(static_cast<T>(std::log(sum_exp(x, n, top))));
  map_row(y, n, [&](std::int64_t i, auto load) { return load(x + i) - shift - log_sum; });
}

template <class T>
void softmax_grad_row(const T* dy, const T* y, T* dx, std::int64_t n) {
  const Pack<T> dot(static_cast<T>(
      sum_row(n, [&](std::int64_t i, auto load) { return load(dy + i) * load(y + i); })));
  map_row(dx, n, [&](std::int64_t i, auto load) { return load(y + i) * (load(dy + i) - dot); });
}

template <class T>
void log_softmax_grad_row(const T* dy, const T* y, T* dx, std::int64_t n) {
  const Pack<T> total(static_cast<T>(sum_row(dy, n)));
  map_row(dx, n,
          [&](std::int64_t i, auto load) { return load(dy + i) - exp(load(y + i)) * total; });
}

// Runs f(x, y, n) or f(dy, y, dx, n) on every row.
template <class Op, std::size_t N, class F>
void run_rows(const Op& op, const cpu::Context& ctx, Ins in, Outs out, const F& f) {
  const Rows rows(out[0].shape(), normalize_dim(op.name, op.dim, out[0].dim()));
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    std::array<const T*, N> from;
    for (std::size_t k = 0; k < N; ++k) from[k] = in_ptr<T>(in[k]);
    for_rows(ctx, rows, from, out_ptr<T>(out[0]),
             [&](std::int64_t, std::int64_t, const std::array<const T*, N>& row, T* to) {
               if constexpr (N == 1)
                 f(row[0], to, rows.n);
               else
                 f(row[0], row[1], to, rows.n);
             });
  });
}

}  // namespace

void run(const ops::Softmax& op, cpu::Context& ctx, Ins in, Outs out) {
  run_rows<ops::Softmax, 1>(op, ctx, in, out,
                            [](auto* x, auto* y, std::int64_t n) { softmax_row(x, y, n); });
}
void run(const ops::LogSoftmax& op, cpu::Context& ctx, Ins in, Outs out) {
  run_rows<ops::LogSoftmax, 1>(op, ctx, in, out,
                               [](auto* x, auto* y, std::int64_t n) { log_softmax_row(x, y, n); });
}
void run(const ops::SoftmaxGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  run_rows<ops::SoftmaxGrad, 2>(op, ctx, in, out, [](auto* dy, auto* y, auto* dx, std::int64_t n) {
    softmax_grad_row(dy, y, dx, n);
  });
}
void run(const ops::LogSoftmaxGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  run_rows<ops::LogSoftmaxGrad, 2>(
      op, ctx, in, out,
      [](auto* dy, auto* y, auto* dx, std::int64_t n) { log_softmax_grad_row(dy, y, dx, n); });
}

namespace {

// What a chunk of rows adds to the loss and to the weight that a mean divides by.
struct Partial {
  double loss, weight;
};

Rows class_rows(const Shape& x) { return Rows(x, x.rank() > 1 ? 1 : 0); }

// Why before the loop: an exception must not leave a parallel region.
void check_targets(std::string_view op, const Tensor& targets, std::int64_t classes,
                   std::int64_t ignore_index) {
  const std::int64_t* const target = in_ptr<std::int64_t>(targets);
  for (std::int64_t i = 0; i < targets.numel(); ++i) {
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
  const Rows rows = class_rows(in[0].shape());
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
  const Rows rows = class_rows(out[0].shape());
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
  return static_cast<std::size_t>(class_rows(in[0].shape).chunks()) * sizeof(Partial);
}

void run(const ops::CrossEntropy& op, cpu::Context& ctx, Ins in, Outs out) {
  const Rows rows = class_rows(in[0].shape());
  const std::int64_t n = rows.n;
  check_targets(op.name, in[1], n, op.ignore_index);
  Partial* const partial = static_cast<Partial*>(ctx.scratch());
  std::fill_n(partial, rows.chunks(), Partial{0, 0});
  const std::int64_t* const target = in_ptr<std::int64_t>(in[1]);
  double* const log_sums = out.size() > 1 ? out_ptr<double>(out[1]) : nullptr;
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const weight = in_ptr<T>(in[2]);
    T* const each = op.reduction == Reduction::none ? out_ptr<T>(out[0]) : nullptr;
    const double all_weights = weight ? sum_row(weight, n) : static_cast<double>(n);
    const double smooth = op.label_smoothing / static_cast<double>(n);
    const auto one_row = [&](std::int64_t chunk, std::int64_t r,
                             const std::array<const T*, 1>& from, T*) {
      const T* const x = from[0];
      const double log_sum = log_sum_exp(x, n);
      if (log_sums) log_sums[r] = log_sum;
      const std::int64_t t = target[r];
      double loss = 0;
      if (t != op.ignore_index) {
        const double w = weight ? static_cast<double>(weight[t]) : 1;
        loss = (1 - op.label_smoothing) * w * (log_sum - static_cast<double>(x[t]));
        if (op.label_smoothing != 0) {
          const auto weighted = [&](std::int64_t i, auto load) {
            return load(x + i) * load(weight + i);
          };
          loss +=
              smooth * (all_weights * log_sum - (weight ? sum_row(n, weighted) : sum_row(x, n)));
        }
        partial[chunk].weight += w;
      }
      partial[chunk].loss += loss;
      if (each) each[r] = static_cast<T>(loss);
    };
    for_rows(ctx, rows, std::array{in_ptr<T>(in[0])}, static_cast<T*>(nullptr), one_row);
  });
  finish_loss(op.reduction, partial, rows.chunks(), out, 2);
}

void run(const ops::CrossEntropyGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Rows rows = class_rows(out[0].shape());
  const std::int64_t n = rows.n;
  const std::int64_t* const target = in_ptr<std::int64_t>(in[2]);
  const double* const log_sums = in_ptr<double>(in[4]);
  const double smoothing = op.loss.label_smoothing, smooth = smoothing / static_cast<double>(n);
  dispatch_floating(op.name, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const weight = in_ptr<T>(in[3]);
    const double all_weights = weight ? sum_row(weight, n) : static_cast<double>(n);
    const RowScale<T> scale(op.loss.reduction, in[0], in[5]);
    // dx = scale ((a + smooth all_weights) p - a [at t] - smooth weight), a = (1 - smoothing)
    // weight[t]
    const auto one_row = [&](std::int64_t, std::int64_t r, const std::array<const T*, 1>& from,
                             T* dx) {
      const std::int64_t t = target[r];
      if (t == op.loss.ignore_index) {
        std::fill_n(dx, n, T(0));
        return;
      }
      const T* const x = from[0];
      // The log-sum in two parts: rounded to one T it would cost e^(x - log_sum) its digits.
      const Pack<T> log_sum(static_cast<T>(log_sums[r]));
      const Pack<T> log_rest(static_cast<T>(log_sums[r] - static_cast<double>(log_sum[0])));
      const double s = scale(r),
                   a = (1 - smoothing) * (weight ? static_cast<double>(weight[t]) : 1);
      const Pack<T> p_scale(static_cast<T>(s * (a + smooth * all_weights)));
      const Pack<T> w_scale(static_cast<T>(s * smooth));
      const auto p = [&](std::int64_t i, auto load) {
        return exp(load(x + i) - log_sum - log_rest) * p_scale;
      };
      if (smoothing == 0) {
        map_row(dx, n, p);
      } else if (weight) {
        map_row(dx, n,
                [&](std::int64_t i, auto load) { return p(i, load) - load(weight + i) * w_scale; });
      } else {
        map_row(dx, n, [&](std::int64_t i, auto load) { return p(i, load) - w_scale; });
      }
      dx[t] -= static_cast<T>(s * a);
    };
    for_rows(ctx, rows, std::array{in_ptr<T>(in[1])}, out_ptr<T>(out[0]), one_row);
  });
}

}  // namespace glassbox
