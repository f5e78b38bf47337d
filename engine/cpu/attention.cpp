// Attention by tiles of 64 x 64 scores, which stay in the second-level cache (FlashAttention-2, Dao
// 2023). Forward: a task is a block of rows of q; it goes along the columns, with each row's
// largest score and sum so far, and rescales the row of y when a larger score comes. Backward makes
// the probabilities again from the log-sums. A block of dq adds up over columns in their order, one
// of dk and dv over rows: so it does not matter to the bits whether a task is a whole matrix or a
// block.
#include "engine/ops/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/gemm.h"
#include "engine/cpu/parallel.h"
#include "engine/cpu/rows.h"
#include "engine/cpu/simd.h"

namespace glassbox {

using namespace cpu;

namespace {

constexpr std::int64_t block = 64, tile_elements = block * block;
constexpr double infinity = std::numeric_limits<double>::infinity();

// Sizes and options; `count` is the number of matrices.
struct Problem {
  std::int64_t count, l, s, e, ev;
  double scale;
  bool causal;

  Problem(const ops::ScaledDotProductAttention& op, const Shape& q, const Shape& k, const Shape& v)
      : count(q.product(0, q.rank() - 2)),
        l(q.size(-2)),
        s(k.size(-2)),
        e(q.back()),
        ev(v.back()),
        scale(op.scale.value_or(1 / std::sqrt(static_cast<double>(q.back())))),
        causal(op.is_causal) {}
  std::int64_t row_blocks() const { return (l + block - 1) / block; }
  std::int64_t column_blocks() const { return (s + block - 1) / block; }
  // Columns that rows before `row_end` attend to.
  std::int64_t columns_for(std::int64_t row_end) const { return causal ? std::min(s, row_end) : s; }
};

// Rows i0 .. and columns j0 .. of the scores of matrix b.
struct Tile {
  std::int64_t b, i0, rows, j0, columns;
  Tile(const Problem& p, std::int64_t matrix, std::int64_t i, std::int64_t j)
      : b(matrix),
        i0(i * block),
        rows(std::min(block, p.l - i0)),
        j0(j * block),
        columns(std::min(block, p.s - j0)) {}
};

// What is added to scores or decides whether they count.
template <class T>
class ScoreMask {
 public:
  ScoreMask(const Tensor& mask, const Shape& q) {
    if (!mask.defined()) return;
    (mask.dtype() == DType::boolean ? keep_ : added_) = mask.raw();
    const Shape& shape = mask.shape();
    std::int64_t step = 1;
    for (int d = shape.rank() - 1, to = q.rank() - 1; d >= 0; --d, --to) {
      steps_[static_cast<std::size_t>(to)] = shape[d] == 1 ? 0 : step;
      step *= shape[d];
    }
    q_ = q;
  }

  // Scales the scores of row i of matrix b from column j on and masks them.
  void finish(const Problem& p, T* scores, std::int64_t b, std::int64_t i, std::int64_t j,
              std::int64_t n) const {
    const T scale = static_cast<T>(p.scale), lowest = static_cast<T>(-infinity);
    for (std::int64_t c = 0; c < n; ++c) scores[c] *= scale;
    if (added_ || keep_) {
      const auto last = static_cast<std::size_t>(q_.rank() - 1);
      const std::int64_t step = steps_[last], at = matrix(b) + i * steps_[last - 1] + j * step;
      if (added_) {
        const T* const add = reinterpret_cast<const T*>(added_) + at;
        for (std::int64_t c = 0; c < n; ++c) scores[c] += add[c * step];
      } else {
        const bool* const keep = reinterpret_cast<const bool*>(keep_) + at;
        for (std::int64_t c = 0; c < n; ++c) scores[c] = keep[c * step] ? scores[c] : lowest;
      }
    }
    if (p.causal) {
      for (std::int64_t c = std::max<std::int64_t>(0, i + 1 - j); c < n; ++c) scores[c] = lowest;
    }
  }

 private:
  std::int64_t matrix(std::int64_t b) const {
    std::int64_t at = 0;
    for (int d = q_.rank() - 3; d >= 0; --d) {
      at += b % q_[d] * steps_[static_cast<std::size_t>(d)];
      b /= q_[d];
    }
    return at;
  }
  using Raw = decltype(std::declval<const Tensor&>().raw());
  Raw added_ = nullptr, keep_ = nullptr;
  Shape q_;
  std::array<std::int64_t, Shape::max_rank> steps_{};
};

// The scores of a tile, `block` apart.
template <class T>
void make_scores(const Problem& p, const ScoreMask<T>& mask, const Tile& t, const T* q, const T* k,
                 T* scores) {
  gemm<T>({q + (t.b * p.l + t.i0) * p.e, p.e}, {k + (t.b * p.s + t.j0) * p.e, p.e, true}, scores,
          block, t.rows, t.columns, p.e);
  for (std::int64_t i = 0; i < t.rows; ++i) {
    mask.finish(p, scores + i * block, t.b, t.i0 + i, t.j0, t.columns);
  }
}

// A row of y in the making: its largest score and its sum of e^(score - largest) so far.
template <class T>
struct Running {
  T largest = static_cast<T>(-infinity);
  double sum = 0;

  // Turns scores into e^(score - largest) and brings the row of y to the new largest.
  void add(T* scores, std::int64_t n, T* y, std::int64_t ev) {
    const Along<T> line{n};
    const T here = line.largest(scores)[0];
    const T top = here > largest || here != here ? here : largest;
    if (top == static_cast<T>(-infinity)) {  // nothing counts yet
      std::fill_n(scores, n, T(0));
      return;
    }
    constexpr T lowest = -std::numeric_limits<T>::infinity();
    const Pack<T> shift(top);
    line.map(scores, [&](const auto& at) { return exp(at(scores, lowest) - shift); });
    const double more = line.sum([&](const auto& at) { return at(scores); })[0];
    if (top != largest) {
      const double shrink = std::exp(static_cast<double>(largest) - static_cast<double>(top));
      sum *= shrink;
      for (std::int64_t c = 0; c < ev; ++c) y[c] *= static_cast<T>(shrink);
      largest = top;
    }
    sum += more;
  }
};

template <class T>
void attend(const Problem& p, const ScoreMask<T>& mask, std::int64_t b, std::int64_t i, Ins in,
            Outs out, T* scores) {
  const Tile first(p, b, i, 0);
  const T *q = in_ptr<T>(in[0]), *k = in_ptr<T>(in[1]), *v = in_ptr<T>(in[2]);
  T* const y = out_ptr<T>(out[0]) + (b * p.l + first.i0) * p.ev;
  std::fill_n(y, first.rows * p.ev, T(0));
  std::array<Running<T>, block> running;
  const std::int64_t columns = p.columns_for(first.i0 + first.rows);
  for (std::int64_t j = 0; j * block < columns; ++j) {
    const Tile t(p, b, i, j);
    make_scores(p, mask, t, q, k, scores);
    for (std::int64_t r = 0; r < t.rows; ++r) {
      running[static_cast<std::size_t>(r)].add(scores + r * block, t.columns, y + r * p.ev, p.ev);
    }
    gemm<T>({scores, block}, {v + (b * p.s + t.j0) * p.ev, p.ev}, y, p.ev, t.rows, p.ev, t.columns,
            true);
  }
  double* const log_sums = out.size() > 1 ? out_ptr<double>(out[1]) + b * p.l + first.i0 : nullptr;
  for (std::int64_t r = 0; r < first.rows; ++r) {
    const Running<T>& row = running[static_cast<std::size_t>(r)];
    const bool nothing = row.sum == 0;
    const T factor = static_cast<T>(nothing ? 0 : 1 / row.sum);
    for (std::int64_t c = 0; c < p.ev; ++c) y[r * p.ev + c] *= factor;
    if (log_sums) {
      log_sums[r] = nothing ? infinity : static_cast<double>(row.largest) + std::log(row.sum);
    }
  }
}

// --- backward -----------------------------------------------------------------------------------

// Operands, results and the working memory of a worker.
template <class T>
struct Backward {
  const Problem& p;
  const ScoreMask<T>& mask;
  const T *dy, *q, *k, *v;
  const double *log_sums, *dots;  // per row; dots: the sum of dy y
  T *dq, *dk, *dv;

  // P and dS = P (dy v^T - dots) scale of a tile.
  void probabilities(const Tile& t, T* prob, T* ds) const {
    make_scores(p, mask, t, q, k, prob);
    gemm<T>({dy + (t.b * p.l + t.i0) * p.ev, p.ev}, {v + (t.b * p.s + t.j0) * p.ev, p.ev, true}, ds,
            block, t.rows, t.columns, p.ev);
    const Along<T> line{t.columns};
    for (std::int64_t r = 0; r < t.rows; ++r) {
      T *pr = prob + r * block, *dr = ds + r * block;
      const std::int64_t row = t.b * p.l + t.i0 + r;
      // A log-sum in two parts: rounded to one T it would cost e^(score - log_sum) its digits.
      const T rounded = static_cast<T>(log_sums[row]);
      const double left = log_sums[row] - static_cast<double>(rounded);
      const Pack<T> high(rounded), low(static_cast<T>(std::isfinite(left) ? left : 0));
      const Pack<T> dot(static_cast<T>(dots[row])), scale(static_cast<T>(p.scale));
      line.map(pr, [&](const auto& at) { return exp(at(pr) - high - low); });
      line.map(dr, [&](const auto& at) { return at(pr) * (at(dr) - dot) * scale; });
    }
  }
  void add_dq(const Tile& t, const T* ds) const {
    gemm<T>({ds, block}, {k + (t.b * p.s + t.j0) * p.e, p.e}, dq + (t.b * p.l + t.i0) * p.e, p.e,
            t.rows, p.e, t.columns, true);
  }
  void add_dk_dv(const Tile& t, const T* prob, const T* ds) const {
    gemm<T>({prob, block, true}, {dy + (t.b * p.l + t.i0) * p.ev, p.ev},
            dv + (t.b * p.s + t.j0) * p.ev, p.ev, t.columns, p.ev, t.rows, true);
    gemm<T>({ds, block, true}, {q + (t.b * p.l + t.i0) * p.e, p.e}, dk + (t.b * p.s + t.j0) * p.e,
            p.e, t.columns, p.e, t.rows, true);
  }
  bool counts(const Tile& t) const { return !p.causal || t.j0 < t.i0 + t.rows; }
};

}  // namespace

std::size_t scratch(const ops::ScaledDotProductAttention&, const cpu::Context& ctx, Specs in,
                    Specs) {
  return static_cast<std::size_t>(ctx.threads() * tile_elements) * size_of(in[0].dtype);
}

void run(const ops::ScaledDotProductAttention& op, cpu::Context& ctx, Ins in, Outs out) {
  const Problem p(op, in[0].shape(), in[1].shape(), in[2].shape());
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const ScoreMask<T> mask(in[3], in[0].shape());
    T* const tiles = static_cast<T*>(ctx.scratch());
    const std::int64_t blocks = p.row_blocks();
    parallel_for_workers(ctx, p.count * blocks, [&](std::int64_t task, int worker) {
      attend(p, mask, task / blocks, task % blocks, in, out, tiles + worker * tile_elements);
    });
  });
}

std::size_t scratch(const ops::ScaledDotProductAttentionGrad&, const cpu::Context& ctx, Specs in,
                    Specs) {
  return static_cast<std::size_t>(in[6].numel()) * sizeof(double) +
         static_cast<std::size_t>(ctx.threads() * 2 * tile_elements) * size_of(in[0].dtype);
}

void run(const ops::ScaledDotProductAttentionGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Problem p(op.attention, in[1].shape(), in[2].shape(), in[3].shape());
  double* const dots = static_cast<double*>(ctx.scratch());
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const ScoreMask<T> mask(in[4], in[1].shape());
    const Backward<T> task{p,
                           mask,
                           in_ptr<T>(in[0]),
                           in_ptr<T>(in[1]),
                           in_ptr<T>(in[2]),
                           in_ptr<T>(in[3]),
                           in_ptr<double>(in[6]),
                           dots,
                           out_ptr<T>(out[0]),
                           out_ptr<T>(out[1]),
                           out_ptr<T>(out[2])};
    const T *dy = in_ptr<T>(in[0]), *y = in_ptr<T>(in[5]);
    parallel_chunks(ctx, p.count * p.l, block, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        dots[r] = sum_row(p.ev, [&](std::int64_t c, auto load) {
          return load(dy + r * p.ev + c) * load(y + r * p.ev + c);
        });
      }
    });
    for (Tensor& gradient : out) std::fill_n(out_ptr<T>(gradient), gradient.numel(), T(0));
    T* const tiles = reinterpret_cast<T*>(dots + p.count * p.l);
    const std::int64_t rows = p.row_blocks(), columns = p.column_blocks();
    // Calls f(tile, probabilities, their gradient) for block j of columns, or all if it is -1, and
    // the same of rows.
    const auto each = [&](std::int64_t b, std::int64_t i, std::int64_t j, int worker,
                          const auto& f) {
      T *const prob = tiles + worker * 2 * tile_elements, *const ds = prob + tile_elements;
      for (std::int64_t c = j < 0 ? 0 : j; c < (j < 0 ? columns : j + 1); ++c) {
        for (std::int64_t r = i < 0 ? 0 : i; r < (i < 0 ? rows : i + 1); ++r) {
          const Tile t(p, b, r, c);
          if (!task.counts(t)) continue;
          task.probabilities(t, prob, ds);
          f(t, prob, ds);
        }
      }
    };
    constexpr std::int64_t enough_matrices = 16;
    if (p.count >= enough_matrices || rows * columns == 1) {
      parallel_for_workers(ctx, p.count, [&](std::int64_t b, int worker) {
        each(b, -1, -1, worker, [&](const Tile& t, const T* prob, const T* ds) {
          task.add_dq(t, ds);
          task.add_dk_dv(t, prob, ds);
        });
      });
      return;
    }
    // Few matrices: blocks of them, at the price of making the probabilities twice.
    parallel_for_workers(ctx, p.count * columns, [&](std::int64_t i, int worker) {
      each(i / columns, -1, i % columns, worker,
           [&](const Tile& t, const T* prob, const T* ds) { task.add_dk_dv(t, prob, ds); });
    });
    parallel_for_workers(ctx, p.count * rows, [&](std::int64_t i, int worker) {
      each(i / rows, i % rows, -1, worker,
           [&](const Tile& t, const T*, const T* ds) { task.add_dq(t, ds); });
    });
  });
}

}  // namespace glassbox
