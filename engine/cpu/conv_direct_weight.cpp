// Direct convolution, weight gradient: dw[o][k] = sum over images and pixels of dy[o][p] * x[tap[k]
// + p]. Memory access: a chunk of images is worked through in groups; a group's block of input
// channels is copied, zero-padded, into L2, and kRows rows of dy are interleaved, [pack][row], in
// L1. The inner loop runs over the packs of the group with kRows x kColumns packs of sums in
// registers, loading kRows packs of dy and kColumns packs of x per step; lanes are added once per
// group and strip. Chunks depend on the problem alone and their sums are added in chunk order, so
// the result does not depend on the threads.
#include <array>
#include <utility>

#include "engine/cpu/conv_direct_tiles.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {
namespace conv_direct {
namespace {

template <class T>
struct Block {
  int64_t taps;
  const int* tap;
  const int* pixel;
  int64_t packs;
  const T* x;   // padded copies of the group's images
  const T* dy;  // [packs][rows], each a pack
  T* dw;        // row r of the block at dw + r * dw_stride
  int64_t dw_stride;
};

template <class T, int kRows, int kColumns>
inline void contract_tile(const Block<T>& b, int64_t first_tap) {
  using P = Pack<T>;
  const T* x[kColumns];
  P sum[kRows][kColumns];
  for (int c = 0; c < kColumns; ++c) x[c] = b.x + b.tap[first_tap + c];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) sum[r][c] = P(T(0));
  }
  const T* dy = b.dy;
  for (int64_t p = 0; p < b.packs; ++p, dy += kRows * P::lanes) {
    int64_t pixel = b.pixel[p];
    rank_one_update(
        sum, [&](int r) { return loadu(dy + r * P::lanes); },
        [&](int c) { return loadu(x[c] + pixel); });
  }
  T* dw = b.dw + first_tap;
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) dw[r * b.dw_stride + c] += horizontal_sum(sum[r][c]);
  }
}

template <class T, int kRows>
void contract_block(const Block<T>& b) {
  constexpr int kColumns = columns_for(kRows);
  int64_t k = 0;
  for (; k + kColumns <= b.taps; k += kColumns) contract_tile<T, kRows, kColumns>(b, k);
  for (; k < b.taps; ++k) contract_tile<T, kRows, 1>(b, k);
}

template <class T, int... kRows>
constexpr auto block_table(std::integer_sequence<int, kRows...>) {
  return std::array<void (*)(const Block<T>&), sizeof...(kRows)>{contract_block<T, kRows + 1>...};
}
template <class T>
inline constexpr auto kBlockTable = block_table<T>(std::make_integer_sequence<int, kMaxRows>());

inline constexpr int64_t kMinPacks = 64;       // per chunk: hides the adding of lanes
inline constexpr int64_t kPacksPerGroup = 96;  // 6 rows of dy: 18 KiB of L1
inline constexpr int64_t kPacksPerStrip = 128;
inline constexpr int64_t kCopyBytes = 160 * 1024;  // of L2
inline constexpr int64_t kMaxChunks = 16;
inline constexpr int64_t kPartialBytes = 16 * 1024 * 1024;

template <class T>
struct Plan {
  ConvShape s;
  int threads;
  int64_t window, filter;  // kh * kw, c * kh * kw
  int64_t strips;
  Strip strip;
  RowBlocks blocks;
  int64_t group;  // images copied together
  int64_t c_block;
  int64_t chunks, chunk_images;
  int64_t parts;  // ranges of input channels per chunk
  int* tap;
  int* pixel;     // group * packs per image
  T* partial;     // [chunks][o][filter]; null for one chunk
  T* buffers;     // per thread: padded copies, interleaved dy, one plane of dy
  int64_t packs;  // of a full strip
  int64_t copy_size, dy_size, buffer_size;
  size_t scratch;

  Plan(const ConvShape& shape, int thread_count, void* base);
  void run_unit(int64_t unit, int thread, const T* x, const T* dy, T* dw) const;
  void run_group(int64_t image, int64_t images, int64_t first_row, int64_t c0, int64_t c1,
                 const T* x, const T* dy, T* dw, T* buffer) const;
  void stage_dy(const T* dy, int64_t rows, int channels, T* line, T* to) const;
};

int64_t strips_for(const ConvShape& s, int lanes) {
  int64_t rows = std::max<int64_t>(1, kPacksPerStrip * lanes / s.ow);
  return ceil_div(s.oh, rows);
}

template <class T>
Plan<T>::Plan(const ConvShape& shape, int thread_count, void* base)
    : s(shape),
      threads(std::max(1, thread_count)),
      window(s.kh * s.kw),
      filter(s.c * window),
      strips(strips_for(s, Pack<T>::lanes)),
      strip(s, Pack<T>::lanes, ceil_div(s.oh, strips)),
      blocks(s.o) {
  strips = ceil_div(s.oh, strip.rows);
  packs = strip.packs(s, strip.rows);
  int64_t most = std::max<int64_t>(1, kPartialBytes / (s.o * filter * int64_t(sizeof(T))));
  chunk_images = std::max(ceil_div(s.n, std::min(kMaxChunks, most)),
                          std::min(s.n, ceil_div(kMinPacks, strips * packs)));
  chunks = ceil_div(s.n, chunk_images);
  group = strips > 1 ? 1 : std::clamp<int64_t>(kPacksPerGroup / packs, 1, chunk_images);
  int64_t room = kCopyBytes / (group * strip.channel * int64_t(sizeof(T)));
  c_block = ceil_div(s.c, ceil_div(s.c, std::max<int64_t>(1, room)));
  parts = chunks % threads == 0 ? 1 : std::min<int64_t>(s.c, threads);
  copy_size = round_up(group * c_block * strip.channel + strip.slack(), 64);
  dy_size = group * packs * kMaxRows * strip.lanes;
  buffer_size = copy_size + dy_size + round_up((packs + 1) * strip.lanes, 64) + 64;
  Arena arena(base);
  tap = arena.take<int>(c_block * window);
  pixel = arena.take<int>(group * packs);
  partial = arena.take<T>(chunks > 1 ? chunks * s.o * filter : 0);
  buffers = arena.take<T>(threads * buffer_size);
  scratch = arena.size();
}

// Interleaves `channels` planes of dy, [pack][channel], zero where a lane is no output.
template <class T>
void Plan<T>::stage_dy(const T* dy, int64_t rows, int channels, T* line, T* to) const {
  constexpr int lanes = Pack<T>::lanes;
  int64_t count = strip.packs(s, rows);
  for (int r = 0; r < channels; ++r, dy += s.oh * s.ow) {
    const T* from = dy;
    if (strip.row_step != s.ow || rows * s.ow != count * lanes) {
      std::fill(line, line + count * lanes, T(0));
      for (int64_t i = 0; i < rows; ++i) copy_run(line + i * strip.row_step, dy + i * s.ow, s.ow);
      from = line;
    }
    for (int64_t p = 0; p < count; ++p)
      storeu(to + (p * channels + r) * lanes, loadu(from + p * lanes));
  }
}

// Adds the products of one strip of `images` images to columns [c0, c1) of dw.
template <class T>
void Plan<T>::run_group(int64_t image, int64_t images, int64_t first_row, int64_t c0, int64_t c1,
                        const T* x, const T* dy, T* dw, T* buffer) const {
  T* copy = buffer;
  T* stage = copy + copy_size;
  T* line = stage + dy_size;
  int64_t rows = std::min(strip.rows, s.oh - first_row), count = strip.packs(s, rows);
  for (int64_t c = c0; c < c1; c += c_block) {
    int64_t c_count = std::min(c_block, c1 - c);
    for (int64_t i = 0; i < images; ++i) {
      copy_padded(s, strip, x + ((image + i) * s.c + c) * s.h * s.w, c_count, first_row,
                  copy + i * c_block * strip.channel);
    }
    for (int64_t block = 0; block < blocks.count; ++block) {
      int64_t o = blocks.begin(block);
      int channels = blocks.rows(block);
      for (int64_t i = 0; i < images; ++i) {
        stage_dy(dy + (((image + i) * s.o + o) * s.oh + first_row) * s.ow, rows, channels, line,
                 stage + i * count * channels * strip.lanes);
      }
      kBlockTable<T>[channels - 1]({c_count * window, tap, pixel, images * count, copy, stage,
                                    dw + o * filter + c * window, filter});
    }
  }
}

template <class T>
void Plan<T>::run_unit(int64_t unit, int thread, const T* x, const T* dy, T* dw) const {
  int64_t part = unit % parts, chunk = unit / parts;
  int64_t c0 = part * s.c / parts, c1 = (part + 1) * s.c / parts;
  T* to = chunks > 1 ? partial + chunk * s.o * filter : dw;
  for (int64_t o = 0; o < s.o; ++o) {
    std::fill(to + o * filter + c0 * window, to + o * filter + c1 * window, T(0));
  }
  int64_t last = std::min(s.n, (chunk + 1) * chunk_images);
  for (int64_t image = chunk * chunk_images; image < last; image += group) {
    for (int64_t row = 0; row < s.oh; row += strip.rows) {
      run_group(image, std::min(group, last - image), row, c0, c1, x, dy, to,
                buffers + thread * buffer_size);
    }
  }
}

// Groups of images are laid out one after another, so a short strip cannot use a full strip's
// table: groups of more than one image are made of whole images (one strip).
template <class T>
void fill_group_pixels(const Plan<T>& plan) {
  fill_pixels(plan.s, plan.strip, plan.pixel);
  for (int64_t p = plan.packs; p < plan.group * plan.packs; ++p) {
    plan.pixel[p] = int(plan.pixel[p - plan.packs] + plan.c_block * plan.strip.channel);
  }
}

}  // namespace
}  // namespace conv_direct

template <class T>
size_t conv_direct_grad_weight_scratch(const ConvShape& s, int threads) {
  return conv_direct::Plan<T>(s, threads, nullptr).scratch;
}

template <class T>
void conv2d_direct_grad_weight(const ConvShape& s, const T* x, const T* dy, T* dw, void* scratch,
                               int threads) {
  conv_direct::Plan<T> plan(s, threads, scratch);
  conv_direct::fill_taps(s, plan.strip, plan.c_block, plan.tap);
  conv_direct::fill_group_pixels(plan);
  int64_t units = plan.chunks * plan.parts, size = s.o * plan.filter;
#pragma omp parallel num_threads(plan.threads) if (plan.threads > 1)
  {
#pragma omp for schedule(static)
    for (int64_t unit = 0; unit < units; ++unit) {
      plan.run_unit(unit, conv_direct::thread_index(), x, dy, dw);
    }
    if (plan.chunks > 1) {
#pragma omp for schedule(static)
      for (int64_t i = 0; i < size; ++i) {
        T sum = plan.partial[i];
        for (int64_t chunk = 1; chunk < plan.chunks; ++chunk) sum += plan.partial[chunk * size + i];
        dw[i] = sum;
      }
    }
  }
}

#define GLASSBOX_INSTANTIATE(T)                                              \
  template size_t conv_direct_grad_weight_scratch<T>(const ConvShape&, int); \
  template void conv2d_direct_grad_weight(const ConvShape&, const T*, const T*, T*, void*, int);
GLASSBOX_INSTANTIATE(float)
GLASSBOX_INSTANTIATE(double)
#undef GLASSBOX_INSTANTIATE

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
