// Convolution of one image and group as a product of matrices:
//     forward       Y  = W cols(X)       W [o, k], cols(X) [k, pixels], k = (c, i, j)
//     grad weight   dW = dY cols(X)^T
//     grad input    cols(dX) = W^T dY, then each element of cols(dX) is added to its place in dX
// Memory access: cols is made for one tile of output pixels at a time, in a buffer of the thread
// that stays in the L2 cache. Every sum is taken in an order that depends on the shape alone.
#include "engine/cpu/conv_gemm.h"

#include <Eigen/Core>

#include "engine/cpu/conv_common.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {
namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Columns = Eigen::Matrix<T, Eigen::Dynamic, 1>;
template <class T>
using In = Eigen::Map<const Matrix<T>, Eigen::Unaligned, Eigen::OuterStride<>>;
template <class T>
using Out = Eigen::Map<Matrix<T>, Eigen::Unaligned, Eigen::OuterStride<>>;

constexpr std::int64_t tile_bytes = 256 * 1024;  // of L2

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

// The sizes of one image and group, and how the work is cut.
struct Plan {
  std::int64_t c, o, window, k, pixels;  // channels per group, rows of cols, columns of cols
  std::int64_t tile;                     // output pixels at a time
  std::int64_t tiles;
  std::int64_t buffer;  // elements of one thread's cols

  Plan(const ConvShape& s, std::int64_t element_size) : Plan(s, element_size, s.c / s.groups) {}
  // With only `c_block` of the group's channels in cols.
  Plan(const ConvShape& s, std::int64_t element_size, std::int64_t c_block)
      : c(s.c / s.groups),
        o(s.o / s.groups),
        window(s.kh * s.kw),
        k(c * window),
        pixels(s.oh * s.ow) {
    const std::int64_t fitting = tile_bytes / (c_block * window * element_size);
    tile = std::min(pixels, std::max<std::int64_t>(32, fitting / 16 * 16));
    tiles = ceil_div(pixels, std::max<std::int64_t>(1, tile));
    buffer = round_up(c_block * window * tile, 64);
  }
};

// Channels of dx that one unit of work makes: few, so that a small batch feeds the threads too.
std::int64_t grad_input_channels(const ConvShape& s) {
  return std::min(s.c / s.groups, std::max<std::int64_t>(1, 288 / (s.kh * s.kw)));
}

// One row of cols is one tap of one channel: (i, j) is its distance from the output's own position.
struct Tap {
  std::int64_t i, j, plane;
  Range rows, columns;  // of outputs for which it is inside the image
  Tap(const ConvShape& s, std::int64_t row)
      : i(row / s.kw % s.kh * s.dh - s.ph),
        j(row % s.kw * s.dw - s.pw),
        plane(row / (s.kh * s.kw) * s.h * s.w),
        rows(outputs_inside(s.oh, s.h, s.sh, i)),
        columns(outputs_inside(s.ow, s.w, s.sw, j)) {}
};

// Calls f(at, y, begin, end) for the rows of outputs in pixels [first, first + count): output
// columns [begin, end) of row y are at place `at` in the tile.
template <class F>
void for_rows(const ConvShape& s, std::int64_t first, std::int64_t count, const F& f) {
  for (std::int64_t at = 0; at < count;) {
    const std::int64_t y = (first + at) / s.ow, begin = (first + at) % s.ow;
    const std::int64_t end = std::min(s.ow, begin + count - at);
    f(at, y, begin, end);
    at += end - begin;
  }
}

// cols of `channels` channels of x for pixels [first, first + count).
template <class T>
void im2col(const ConvShape& s, const T* x, std::int64_t channels, std::int64_t first,
            std::int64_t count, T* cols) {
  for (std::int64_t row = 0; row < channels * s.kh * s.kw; ++row, cols += count) {
    const Tap tap(s, row);
    for_rows(s, first, count, [&](std::int64_t at, std::int64_t y, std::int64_t b, std::int64_t e) {
      const Range inside = tap.rows.contains(y) ? tap.columns.within(b, e) : Range{e, e};
      T* to = std::fill_n(cols + at, inside.begin - b, T(0));
      const std::int64_t from = tap.plane + (y * s.sh + tap.i) * s.w + tap.j;
      if (s.sw == 1) {
        to = std::copy_n(x + from + inside.begin, inside.end - inside.begin, to);
      } else {
        for (std::int64_t q = inside.begin; q < inside.end; ++q) *to++ = x[from + q * s.sw];
      }
      std::fill_n(to, e - inside.end, T(0));
    });
  }
}

// The transpose of im2col: adds every element of cols to its place in dx.
template <class T>
void col2im(const ConvShape& s, const T* cols, std::int64_t channels, std::int64_t first,
            std::int64_t count, T* dx) {
  for (std::int64_t row = 0; row < channels * s.kh * s.kw; ++row, cols += count) {
    const Tap tap(s, row);
    for_rows(s, first, count, [&](std::int64_t at, std::int64_t y, std::int64_t b, std::int64_t e) {
      if (!tap.rows.contains(y)) return;
      const Range inside = tap.columns.within(b, e);
      const std::int64_t n = inside.end - inside.begin;
      if (n == 0) return;
      const T* from = cols + at + (inside.begin - b);
      T* to = dx + tap.plane + (y * s.sh + tap.i) * s.w + tap.j + inside.begin * s.sw;
      if (s.sw == 1) {
        for (std::int64_t q = 0; q < n; ++q) to[q] += from[q];
      } else {
        for (std::int64_t q = 0; q < n; ++q) to[q * s.sw] += from[q];
      }
    });
  }
}

}  // namespace

template <class T>
std::size_t conv_gemm_forward_scratch(const ConvShape& s, int threads) {
  return static_cast<std::size_t>(threads * Plan(s, sizeof(T)).buffer) * sizeof(T);
}

template <class T>
void conv2d_gemm(const Context& ctx, const ConvShape& s, const T* x, const T* w, const T* b, T* y) {
  const Plan p(s, sizeof(T));
  T* const buffers = static_cast<T*>(ctx.scratch());
  parallel_for_workers(ctx, s.n * s.groups * p.tiles, [&](std::int64_t unit, int worker) {
    const std::int64_t tile = unit % p.tiles, group = unit / p.tiles % s.groups;
    const std::int64_t image = unit / p.tiles / s.groups;
    const std::int64_t first = tile * p.tile, count = std::min(p.tile, p.pixels - first);
    T* const cols = buffers + worker * p.buffer;
    im2col(s, x + (image * s.c + group * p.c) * s.h * s.w, p.c, first, count, cols);
    T* const to = y + (image * s.o + group * p.o) * p.pixels + first;
    Out<T> product(to, p.o, count, Eigen::OuterStride<>(p.pixels));
    product.noalias() = In<T>(w + group * p.o * p.k, p.o, p.k, Eigen::OuterStride<>(p.k)) *
                        In<T>(cols, p.k, count, Eigen::OuterStride<>(count));
    if (b) product.colwise() += Eigen::Map<const Columns<T>>(b + group * p.o, p.o);
  });
}

template <class T>
std::size_t conv_gemm_grad_input_scratch(const ConvShape& s, int threads) {
  return static_cast<std::size_t>(threads * Plan(s, sizeof(T), grad_input_channels(s)).buffer) *
         sizeof(T);
}

template <class T>
void conv2d_gemm_grad_input(const Context& ctx, const ConvShape& s, const T* dy, const T* w,
                            T* dx) {
  const std::int64_t c_block = grad_input_channels(s);
  const Plan p(s, sizeof(T), c_block);
  const std::int64_t blocks = ceil_div(p.c, c_block);
  T* const buffers = static_cast<T*>(ctx.scratch());
  parallel_for_workers(ctx, s.n * s.groups * blocks, [&](std::int64_t unit, int worker) {
    const std::int64_t c = unit % blocks * c_block, channels = std::min(c_block, p.c - c);
    const std::int64_t group = unit / blocks % s.groups, image = unit / blocks / s.groups;
    const std::int64_t rows = channels * p.window;
    const In<T> weights(w + group * p.o * p.k + c * p.window, p.o, rows, Eigen::OuterStride<>(p.k));
    const T* const from = dy + (image * s.o + group * p.o) * p.pixels;
    T* const to = dx + (image * s.c + group * p.c + c) * s.h * s.w;
    T* const cols = buffers + worker * p.buffer;
    std::fill_n(to, channels * s.h * s.w, T(0));
    for (std::int64_t first = 0; first < p.pixels; first += p.tile) {
      const std::int64_t count = std::min(p.tile, p.pixels - first);
      Out<T>(cols, rows, count, Eigen::OuterStride<>(count)).noalias() =
          weights.transpose() * In<T>(from + first, p.o, count, Eigen::OuterStride<>(p.pixels));
      col2im(s, cols, channels, first, count, to);
    }
  });
}

template <class T>
std::size_t conv_gemm_grad_weight_scratch(const ConvShape& s, int threads) {
  const Plan p(s, sizeof(T));
  const std::int64_t chunks = ceil_div(s.n, images_per_chunk(s, sizeof(T)));
  const std::int64_t partials = chunks > 1 ? chunks * s.o * p.k : 0;
  return static_cast<std::size_t>(threads * p.buffer + partials) * sizeof(T);
}

template <class T>
void conv2d_gemm_grad_weight(const Context& ctx, const ConvShape& s, const T* x, const T* dy,
                             T* dw) {
  const Plan p(s, sizeof(T));
  const std::int64_t images = images_per_chunk(s, sizeof(T));
  const std::int64_t chunks = std::max<std::int64_t>(1, ceil_div(s.n, images));
  T* const buffers = static_cast<T*>(ctx.scratch());
  T* const partials = chunks > 1 ? buffers + ctx.threads() * p.buffer : dw;
  parallel_for_workers(ctx, chunks * s.groups, [&](std::int64_t unit, int worker) {
    const std::int64_t chunk = unit / s.groups, group = unit % s.groups;
    T* const cols = buffers + worker * p.buffer;
    T* const to = partials + (chunk * s.o + group * p.o) * p.k;
    Out<T> sum(to, p.o, p.k, Eigen::OuterStride<>(p.k));
    sum.setZero();
    for (std::int64_t n = chunk * images; n < std::min(s.n, (chunk + 1) * images); ++n) {
      const T* const from = dy + (n * s.o + group * p.o) * p.pixels;
      for (std::int64_t first = 0; first < p.pixels; first += p.tile) {
        const std::int64_t count = std::min(p.tile, p.pixels - first);
        im2col(s, x + (n * s.c + group * p.c) * s.h * s.w, p.c, first, count, cols);
        sum.noalias() += In<T>(from + first, p.o, count, Eigen::OuterStride<>(p.pixels)) *
                         In<T>(cols, p.k, count, Eigen::OuterStride<>(count)).transpose();
      }
    }
  });
  if (chunks > 1) add_partials(ctx, partials, chunks, s.o * p.k, dw);
}

#define GLASSBOX_INSTANTIATE(T)                                                                   \
  template std::size_t conv_gemm_forward_scratch<T>(const ConvShape&, int);                       \
  template std::size_t conv_gemm_grad_input_scratch<T>(const ConvShape&, int);                    \
  template std::size_t conv_gemm_grad_weight_scratch<T>(const ConvShape&, int);                   \
  template void conv2d_gemm(const Context&, const ConvShape&, const T*, const T*, const T*, T*);  \
  template void conv2d_gemm_grad_input(const Context&, const ConvShape&, const T*, const T*, T*); \
  template void conv2d_gemm_grad_weight(const Context&, const ConvShape&, const T*, const T*, T*);
GLASSBOX_INSTANTIATE(float)
GLASSBOX_INSTANTIATE(double)
#undef GLASSBOX_INSTANTIATE

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
