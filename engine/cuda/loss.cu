// Losses on class scores. Each row leaves its loss and the weight of its target; one block adds
// them up, after a launch that adds chunks of them where there are many. A mean's divisor never
// leaves the device. A target that is no class is reported and counts as ignored.
#include "engine/cuda/rows.h"
#include "engine/ops/math.h"
#include "engine/ops/softmax.h"

namespace glassbox {
namespace cuda {
namespace {

// What a row, or a chunk of them, adds to the loss and to the weight that a mean divides by.
struct Partial {
  double loss, weight;
};

Rows class_rows(const Shape& x) { return Rows(x, x.rank() > 1 ? 1 : 0); }

constexpr std::int64_t rows_per_chunk = 4096;
std::int64_t chunks_of(std::int64_t rows) { return (rows + rows_per_chunk - 1) / rows_per_chunk; }

std::size_t partial_bytes(std::int64_t rows) {
  return static_cast<std::size_t>(rows + chunks_of(rows)) * sizeof(Partial);
}

__device__ inline Partial block_total(const Partial* parts, std::int64_t n) {
  double loss = 0, weight = 0;
  for (std::int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    loss += parts[i].loss;
    weight += parts[i].weight;
  }
  return {block_sum(loss), block_sum(weight)};
}

struct AddChunk {
  const Partial* rows;
  Partial* chunks;
  std::int64_t count;
  __device__ void operator()(std::int64_t chunk) const {
    const std::int64_t first = chunk * rows_per_chunk, rest = count - first;
    const Partial sum = block_total(rows + first, rest < rows_per_chunk ? rest : rows_per_chunk);
    if (threadIdx.x == 0) chunks[chunk] = sum;
  }
};

template <class T>
struct Finish {
  const Partial* parts;
  std::int64_t count;
  bool mean;
  T* loss;         // null where each row has its own
  double* weight;  // null without a gradient
  __device__ void operator()(std::int64_t) const {
    const Partial all = block_total(parts, count);
    if (threadIdx.x != 0) return;
    if (weight) *weight = all.weight;
    if (loss) *loss = store<T>(static_cast<Compute<T>>(mean ? all.loss / all.weight : all.loss));
  }
};

// Adds up what the rows left in the working memory.
template <class T>
void finish_loss(const Context& ctx, Reduction reduction, std::int64_t rows, Outs out,
                 std::size_t weight_output) {
  const bool each = reduction == Reduction::none, grad = out.size() > weight_output;
  if (each && !grad) return;
  Partial* parts = ctx.scratch_as<Partial>();
  std::int64_t count = rows;
  if (rows > rows_per_chunk) {
    count = chunks_of(rows);
    for_rows(ctx, count, rows_per_chunk, AddChunk{parts, parts + rows, rows});
    parts += rows;
  }
  for_rows(
      ctx, 1, count,
      Finish<T>{parts, count, reduction == Reduction::mean, each ? nullptr : out_ptr<T>(out[0]),
                grad ? out_ptr<double>(out[weight_output]) : nullptr});
}

// The targets and the weights of classes; weights are in what T is computed with.
template <class T>
struct Classes {
  const std::int64_t* target;
  const Compute<T>* weight;
  std::int64_t count, ignore_index;
  Fault* fault;
  std::uint32_t site;

  __device__ bool is_class(std::int64_t t) const { return t >= 0 && t < count; }
  __device__ bool counts(std::int64_t t) const { return t != ignore_index && is_class(t); }
  __device__ void check(std::int64_t t) const {
    if (t != ignore_index && !is_class(t)) report_fault(fault, site, t, count);
  }
  __device__ double of(std::int64_t t) const { return weight ? static_cast<double>(weight[t]) : 1; }
  template <class Team>
  __device__ double total(const Team& team) const {
    return weight ? team.sum(count, [&](std::int64_t c) { return weight[c]; }) : double(count);
  }
};

template <class T>
Classes<T> classes_of(const Context& ctx, const Tensor& target, const Tensor& weight,
                      std::int64_t count, std::int64_t ignore_index) {
  return {in_ptr<std::int64_t>(target),
          in_ptr<Compute<T>>(weight),
          count,
          ignore_index,
          ctx.fault,
          ctx.fault_site};
}

// What dy times a row's gradient is multiplied by.
template <class T>
struct RowScale {
  const T* dy;
  const double* total;  // null: 1
  bool each;
  RowScale(Reduction reduction, const Tensor& d, const Tensor& weight)
      : dy(in_ptr<T>(d)),
        total(reduction == Reduction::mean ? in_ptr<double>(weight) : nullptr),
        each(reduction == Reduction::none) {}
  __device__ double operator()(std::int64_t row) const {
    return static_cast<double>(load(dy[each ? row : 0])) / (total ? *total : 1);
  }
};

template <class T>
struct NllRow {
  Rows rows;
  Classes<T> classes;
  const T* x;
  T* each;
  Partial* partial;
  __device__ void operator()(std::int64_t r) const {
    const std::int64_t t = classes.target[r];
    classes.check(t);
    Partial own{0, 0};
    if (classes.counts(t)) {
      own.weight = classes.of(t);
      own.loss = -own.weight * static_cast<double>(load(x[rows.at(r, t)]));
    }
    partial[r] = own;
    if (each) each[r] = store<T>(static_cast<Compute<T>>(own.loss));
  }
};

template <class T>
struct NllGradElement {
  Rows rows;
  Classes<T> classes;
  RowScale<T> scale;
  T* dx;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t plane = rows.n * rows.inner, outer = i / plane, rest = i - outer * plane;
    const std::int64_t c = rest / rows.inner, r = outer * rows.inner + rest - c * rows.inner;
    const std::int64_t t = classes.target[r];
    const double d = t == c && classes.counts(t) ? -classes.of(t) * scale(r) : 0;
    dx[i] = store<T>(static_cast<Compute<T>>(d));
  }
};

template <class T>
struct CrossEntropyRow {
  Rows rows;
  Classes<T> classes;
  double kept, spread;  // 1 - s, s / C
  const T* x;
  T* each;
  double* log_sums;
  Partial* partial;
  template <class Team>
  __device__ void operator()(const Team& team, std::int64_t r) const {
    using C = Compute<T>;
    const std::int64_t first = rows.at(r, 0), step = rows.inner, t = classes.target[r];
    const auto value = [&](std::int64_t c) { return load(x[first + c * step]); };
    const C top = team.template largest<C>(rows.n, value);
    const double sum = team.sum(rows.n, [&](std::int64_t c) { return math::exp(value(c) - top); });
    const double log_sum = static_cast<double>(top) + math::log(sum);
    double smooth = 0;
    if (spread != 0) {
      const double all = classes.total(team);
      const double weighted = team.sum(rows.n, [&](std::int64_t c) {
        return classes.weight ? value(c) * classes.weight[c] : value(c);
      });
      smooth = spread * (all * log_sum - weighted);
    }
    if (!team.leads()) return;
    if (log_sums) log_sums[r] = log_sum;
    classes.check(t);
    Partial own{0, 0};
    if (classes.counts(t)) {
      own.weight = classes.of(t);
      own.loss = kept * own.weight * (log_sum - static_cast<double>(value(t))) + smooth;
    }
    partial[r] = own;
    if (each) each[r] = store<T>(static_cast<C>(own.loss));
  }
};

// dx = s ((a + spread all_weights) p - a [at the target] - spread weight) with a = kept weight[t]
template <class T>
struct CrossEntropyGradRow {
  Rows rows;
  Classes<T> classes;
  double kept, spread;
  RowScale<T> scale;
  const T* x;
  const double* log_sums;
  T* dx;
  template <class Team>
  __device__ void operator()(const Team& team, std::int64_t r) const {
    using C = Compute<T>;
    const std::int64_t first = rows.at(r, 0), step = rows.inner, t = classes.target[r];
    const double all = spread != 0 ? classes.total(team) : 0;
    C of_p = 0, of_weight = 0, of_target = 0;
    const bool counts = classes.counts(t);
    if (counts) {
      const double s = scale(r), a = kept * classes.of(t);
      of_p = static_cast<C>(s * (a + spread * all));
      of_weight = static_cast<C>(s * spread);
      of_target = static_cast<C>(s * a);
    }
    // A log-sum in two parts: rounded to one C it would cost e^(x - log_sum) its digits.
    const C high = static_cast<C>(log_sums[r]);
    const C low = static_cast<C>(log_sums[r] - static_cast<double>(high));
    team.each(rows.n, [&](std::int64_t c) {
      C d = math::exp(load(x[first + c * step]) - high - low) * of_p;
      if (spread != 0) d -= classes.weight ? classes.weight[c] * of_weight : of_weight;
      if (counts && c == t) d -= of_target;
      dx[first + c * step] = store<T>(d);
    });
  }
};

}  // namespace
}  // namespace cuda

using namespace cuda;

std::size_t scratch(const ops::NllLoss&, const Context&, Specs in, Specs) {
  return partial_bytes(in[1].numel());
}
std::size_t scratch(const ops::CrossEntropy&, const Context&, Specs in, Specs) {
  return partial_bytes(in[1].numel());
}

void run(const ops::NllLoss& op, Context& ctx, Ins in, Outs out) {
  const Rows rows = class_rows(in[0].shape());
  name_fault_site(ctx, "target");
  dispatch_floating(ctx, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    T* const each = op.reduction == Reduction::none ? out_ptr<T>(out[0]) : nullptr;
    for_each(ctx, rows.count(),
             NllRow<T>{rows, classes_of<T>(ctx, in[1], in[2], rows.n, op.ignore_index),
                       in_ptr<T>(in[0]), each, ctx.scratch_as<Partial>()});
    finish_loss<T>(ctx, op.reduction, rows.count(), out, 1);
  });
}

void run(const ops::NllLossGrad& op, Context& ctx, Ins in, Outs out) {
  const Rows rows = class_rows(out[0].shape());
  dispatch_floating(ctx, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, out[0].numel(),
             NllGradElement<T>{rows, classes_of<T>(ctx, in[1], in[2], rows.n, op.loss.ignore_index),
                               RowScale<T>(op.loss.reduction, in[0], in[3]), out_ptr<T>(out[0])});
  });
}

void run(const ops::CrossEntropy& op, Context& ctx, Ins in, Outs out) {
  const Rows rows = class_rows(in[0].shape());
  name_fault_site(ctx, "target");
  dispatch_floating(ctx, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    T* const each = op.reduction == Reduction::none ? out_ptr<T>(out[0]) : nullptr;
    double* const log_sums = out.size() > 1 ? out_ptr<double>(out[1]) : nullptr;
    for_each_row(
        ctx, rows,
        CrossEntropyRow<T>{rows, classes_of<T>(ctx, in[1], in[2], rows.n, op.ignore_index),
                           1 - op.label_smoothing, op.label_smoothing / static_cast<double>(rows.n),
                           in_ptr<T>(in[0]), each, log_sums, ctx.scratch_as<Partial>()});
    finish_loss<T>(ctx, op.reduction, rows.count(), out, 2);
  });
}

void run(const ops::CrossEntropyGrad& op, Context& ctx, Ins in, Outs out) {
  const Rows rows = class_rows(out[0].shape());
  const double smoothing = op.loss.label_smoothing;
  dispatch_floating(ctx, out[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_each_row(
        ctx, rows,
        CrossEntropyGradRow<T>{rows, classes_of<T>(ctx, in[2], in[3], rows.n, op.loss.ignore_index),
                               1 - smoothing, smoothing / static_cast<double>(rows.n),
                               RowScale<T>(op.loss.reduction, in[0], in[5]), in_ptr<T>(in[1]),
                               in_ptr<double>(in[4]), out_ptr<T>(out[0])});
  });
}

}  // namespace glassbox
