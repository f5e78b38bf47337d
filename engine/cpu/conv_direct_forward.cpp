// Direct convolution, forward and input gradient (the same product with flipped, transposed
// weights). Memory access: a unit of work is (image, strip of rows, range of output channels). It
// copies a block of input channels, zero-padded, into a buffer that stays in the L2 cache, then for
// each block of kRows output channels (its packed weights stay in L1) runs over all pixels of the
// strip. The inner loop holds kRows x kColumns packs of outputs in registers and per tap loads
// kColumns packs of pixels and broadcasts kRows adjacent weights. Every output is summed by one
// thread in one fixed order.
#include <array>
#include <utility>

#include "engine/cpu/conv_direct_tiles.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {
namespace conv_direct {
namespace {

// One block of output channels over one strip.
template <class T>
struct Block {
  int64_t taps;  // of this block of input channels
  const int* tap;
  const int* pixel;
  int64_t packs;
  const T* x;  // padded copy
  const T* w;  // [taps][rows]
  T* y;        // row r of the block at y + r * y_stride, packs adjacent
  int64_t y_stride;
  const T* bias;    // null: none
  bool accumulate;  // add to y instead of starting from the bias
};

template <class T, int kRows, int kColumns>
inline void product_tile(const Block<T>& b, int64_t first_pack) {
  using P = Pack<T>;
  const T* x[kColumns];
  P sum[kRows][kColumns];
  T* y = b.y + first_pack * P::lanes;
  for (int c = 0; c < kColumns; ++c) x[c] = b.x + b.pixel[first_pack + c];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      sum[r][c] =
          b.accumulate ? loadu(y + r * b.y_stride + c * P::lanes) : P(b.bias ? b.bias[r] : T(0));
    }
  }
  const T* w = b.w;
  for (int64_t k = 0; k < b.taps; ++k, w += kRows) {
    int64_t tap = b.tap[k];
    rank_one_update(
        sum, [&](int r) { return P(w[r]); }, [&](int c) { return loadu(x[c] + tap); });
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) storeu(y + r * b.y_stride + c * P::lanes, sum[r][c]);
  }
}

template <class T, int kRows>
void product_block(const Block<T>& b) {
  constexpr int kColumns = columns_for(kRows);
  int64_t p = 0;
  for (; p + kColumns <= b.packs; p += kColumns) product_tile<T, kRows, kColumns>(b, p);
  if constexpr (kColumns > 2) {
    for (; p + 2 <= b.packs; p += 2) product_tile<T, kRows, 2>(b, p);
  }
  for (; p < b.packs; ++p) product_tile<T, kRows, 1>(b, p);
}

template <class T, int... kRows>
constexpr auto block_table(std::integer_sequence<int, kRows...>) {
  return std::array<void (*)(const Block<T>&), sizeof...(kRows)>{product_block<T, kRows + 1>...};
}
template <class T>
inline constexpr auto kBlockTable = block_table<T>(std::make_integer_sequence<int, kMaxRows>());

// Element (o, c, t) of the weights that the product uses, t = i * kw + j.
struct WeightLayout {
  int64_t o_stride, c_stride, t_stride, base;
};

// The shape-dependent decisions and the layout of the scratch block.
template <class T>
struct Plan {
  ConvShape s;
  int threads;
  int64_t window;   // kh * kw
  int64_t c_block;  // input channels copied at a time
  RowBlocks blocks;
  int64_t strips;
  Strip strip;
  int64_t parts;  // ranges of output-channel blocks per (image, strip)
  bool staged;    // results go through a buffer, because packs do not match rows of y
  int* tap;
  int* pixel;
  T* weights;
  T* buffers;  // per thread: padded copy, then stage
  int64_t copy_size, stage_stride, buffer_size;
  size_t scratch;

  Plan(const ConvShape& shape, int thread_count, void* base);
  void pack_weights(const T* w, const WeightLayout& layout) const;
  void run_unit(int64_t unit, int thread, const T* x, const T* b, T* y) const;
  void unstage(const T* stage, int64_t rows, const T* bias, bool accumulate, T* y) const;
};

inline constexpr int64_t kTapsPerBlock = 640;      // 6 rows of weights: 15 KiB of L1
inline constexpr int64_t kCopyBytes = 192 * 1024;  // of L2

int64_t channels_per_block(const ConvShape& s) {
  return ceil_div(s.c, ceil_div(s.c * s.kh * s.kw, kTapsPerBlock));
}

// As many as keep a copy in cache, and more where images and channel blocks cannot feed the
// threads.
int64_t strips_for(const ConvShape& s, int64_t c_block, int64_t blocks, int threads,
                   int64_t element_size) {
  int64_t row = c_block * (s.w + 2 * s.pw) * s.sh * element_size;
  int64_t rows = std::max<int64_t>(1, kCopyBytes / row - (s.kh - 1) * s.dh / s.sh);
  int64_t strips = ceil_div(s.oh, rows);
  bool fed = blocks >= 4 * threads || s.n * strips % threads == 0 || s.n * strips >= 8 * threads;
  return fed ? strips : std::min(s.oh, round_up(strips, threads));
}

// Few units for the threads: split the output channels too (the copies are then made once per
// part).
int64_t parts_for(int64_t units, int64_t blocks, int threads) {
  bool fed = units % threads == 0 || units >= 8 * threads || blocks < 4 * threads;
  return fed ? 1 : threads;
}

template <class T>
Plan<T>::Plan(const ConvShape& shape, int thread_count, void* base)
    : s(shape),
      threads(std::max(1, thread_count)),
      window(s.kh * s.kw),
      c_block(channels_per_block(s)),
      blocks(s.o),
      strips(strips_for(s, c_block, blocks.count, threads, sizeof(T))),
      strip(s, Pack<T>::lanes, ceil_div(s.oh, strips)) {
  strips = ceil_div(s.oh, strip.rows);
  parts = parts_for(s.n * strips, blocks.count, threads);
  staged = strip.flat || s.ow % strip.lanes != 0;
  copy_size = round_up(c_block * strip.channel + strip.slack(), 64);
  stage_stride = strip.packs(s, strip.rows) * strip.lanes;
  buffer_size = copy_size + (staged ? round_up(kMaxRows * stage_stride, 64) : 0) + 64;
  Arena arena(base);
  tap = arena.take<int>(c_block * window);
  pixel = arena.take<int>(strip.packs(s, strip.rows));
  weights = arena.take<T>(s.o * s.c * window);
  buffers = arena.take<T>(threads * buffer_size);
  scratch = arena.size();
}

// To [block][c][t][row of the block].
template <class T>
void Plan<T>::pack_weights(const T* w, const WeightLayout& layout) const {
#pragma omp for schedule(static)
  for (int64_t block = 0; block < blocks.count; ++block) {
    int64_t o = blocks.begin(block);
    int rows = blocks.rows(block);
    T* packed = weights + o * s.c * window;
    for (int r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < s.c; ++c) {
        const T* from = w + layout.base + (o + r) * layout.o_stride + c * layout.c_stride;
        T* to = packed + c * window * rows + r;
        for (int64_t t = 0; t < window; ++t) to[t * rows] = from[t * layout.t_stride];
      }
    }
  }
}

// Moves one channel of a staged strip to its rows of y. The last pack of a row overlaps the one
// before, so it is summed before anything is stored.
template <class T>
void Plan<T>::unstage(const T* stage, int64_t rows, const T* bias, bool accumulate, T* y) const {
  constexpr int lanes = Pack<T>::lanes;
  const Pack<T> initial(bias ? *bias : T(0));
  for (int64_t r = 0; r < rows; ++r, stage += strip.row_step, y += s.ow) {
    if (s.ow < lanes) {
      for (int64_t j = 0; j < s.ow; ++j) y[j] = (accumulate ? y[j] : initial[0]) + stage[j];
      continue;
    }
    auto sum = [&](int64_t j) { return (accumulate ? loadu(y + j) : initial) + loadu(stage + j); };
    Pack<T> last = sum(s.ow - lanes);
    for (int64_t j = 0; j + lanes < s.ow; j += lanes) storeu(y + j, sum(j));
    storeu(y + s.ow - lanes, last);
  }
}

template <class T>
void Plan<T>::run_unit(int64_t unit, int thread, const T* x, const T* b, T* y) const {
  int64_t part = unit % parts, first_row = unit / parts % strips * strip.rows;
  int64_t image = unit / parts / strips, rows = std::min(strip.rows, s.oh - first_row);
  T* copy = buffers + thread * buffer_size;
  T* stage = copy + copy_size;
  for (int64_t c = 0; c < s.c; c += c_block) {
    int64_t c_count = std::min(c_block, s.c - c);
    copy_padded(s, strip, x + (image * s.c + c) * s.h * s.w, c_count, first_row, copy);
    int64_t end = (part + 1) * blocks.count / parts;
    for (int64_t block = part * blocks.count / parts; block < end; ++block) {
      int64_t o = blocks.begin(block);
      int count = blocks.rows(block);
      T* out = y + ((image * s.o + o) * s.oh + first_row) * s.ow;
      const T* weight = weights + o * s.c * window + c * window * count;
      const T* bias = b ? b + o : nullptr;
      Block<T> args{c_count * window, tap,  pixel, strip.packs(s, rows), copy, weight, out,
                    s.oh * s.ow,      bias, c > 0};
      if (staged)
        args.y = stage, args.y_stride = stage_stride, args.bias = nullptr, args.accumulate = false;
      kBlockTable<T>[count - 1](args);
      for (int r = 0; staged && r < count; ++r) {
        unstage(stage + r * stage_stride, rows, bias ? bias + r : nullptr, c > 0,
                out + r * s.oh * s.ow);
      }
    }
  }
}

template <class T>
void convolve(const ConvShape& s, const T* x, const T* w, const WeightLayout& layout, const T* b,
              T* y, void* scratch, int threads) {
  Plan<T> plan(s, threads, scratch);
  fill_taps(s, plan.strip, plan.c_block, plan.tap);
  fill_pixels(s, plan.strip, plan.pixel);
  int64_t units = s.n * plan.strips * plan.parts;
#pragma omp parallel num_threads(plan.threads) if (plan.threads > 1)
  {
    plan.pack_weights(w, layout);
#pragma omp for schedule(static)
    for (int64_t unit = 0; unit < units; ++unit) {
      plan.run_unit(unit, thread_index(), x, b, y);
    }
  }
}

// The convolution that maps dy to dx, for stride 1.
ConvShape transposed(const ConvShape& s) {
  ConvShape t = s;
  t.c = s.o, t.h = s.oh, t.w = s.ow, t.o = s.c, t.oh = s.h, t.ow = s.w;
  t.ph = int(s.kh - 1) * s.dh - s.ph;
  t.pw = int(s.kw - 1) * s.dw - s.pw;
  return t;
}

}  // namespace
}  // namespace conv_direct

bool conv_direct_supports(const ConvShape& s) {
  bool empty = s.n < 1 || s.c < 1 || s.o < 1 || s.oh < 1 || s.ow < 1;
  return !empty && s.groups == 1 && s.ph <= (s.kh - 1) * s.dh && s.pw <= (s.kw - 1) * s.dw;
}

bool conv_direct_supports_grad_input(const ConvShape& s) {
  // A transposed convolution's output may have room for more pixels than dy has.
  bool whole =
      s.oh == s.h + 2 * s.ph - (s.kh - 1) * s.dh && s.ow == s.w + 2 * s.pw - (s.kw - 1) * s.dw;
  return conv_direct_supports(s) && s.sh == 1 && s.sw == 1 && whole;
}

template <class T>
size_t conv_direct_forward_scratch(const ConvShape& s, int threads) {
  return conv_direct::Plan<T>(s, threads, nullptr).scratch;
}

template <class T>
size_t conv_direct_grad_input_scratch(const ConvShape& s, int threads) {
  return conv_direct::Plan<T>(conv_direct::transposed(s), threads, nullptr).scratch;
}

template <class T>
void conv2d_direct(const ConvShape& s, const T* x, const T* w, const T* b, T* y, void* scratch,
                   int threads) {
  int64_t window = s.kh * s.kw;
  conv_direct::convolve(s, x, w, {s.c * window, window, 1, 0}, b, y, scratch, threads);
}

template <class T>
void conv2d_direct_grad_input(const ConvShape& s, const T* dy, const T* w, T* dx, void* scratch,
                              int threads) {
  int64_t window = s.kh * s.kw;
  conv_direct::convolve<T>(conv_direct::transposed(s), dy, w,
                           {window, s.c * window, -1, window - 1}, nullptr, dx, scratch, threads);
}

#define GLASSBOX_INSTANTIATE(T)                                                                \
  template size_t conv_direct_forward_scratch<T>(const ConvShape&, int);                       \
  template size_t conv_direct_grad_input_scratch<T>(const ConvShape&, int);                    \
  template void conv2d_direct(const ConvShape&, const T*, const T*, const T*, T*, void*, int); \
  template void conv2d_direct_grad_input(const ConvShape&, const T*, const T*, T*, void*, int);
GLASSBOX_INSTANTIATE(float)
GLASSBOX_INSTANTIATE(double)
#undef GLASSBOX_INSTANTIATE

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
