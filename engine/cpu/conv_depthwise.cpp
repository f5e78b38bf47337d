// Depthwise convolution. Memory access: planes are independent, and a tap at a time is multiplied
// into all rows of the result, which stays in L1 or L2; with stride 1 the rows are plain vector
// loops. In the weight gradient one pack of sums per tap runs over a whole plane.
#include "engine/cpu/conv_depthwise.h"

#include "engine/cpu/conv_common.h"
#include "engine/cpu/simd.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {
namespace {

// Calls f(tap, x, y, n) for every tap and every row of outputs that it reaches inside the image: n
// outputs from element y of their plane, which read the image from element x in steps of the
// stride.
template <class F>
void for_rows(const ConvShape& s, const F& f) {
  for (std::int64_t tap = 0; tap < s.kh * s.kw; ++tap) {
    const std::int64_t i = tap / s.kw * s.dh - s.ph, j = tap % s.kw * s.dw - s.pw;
    const Range rows = outputs_inside(s.oh, s.h, s.sh, i);
    const Range columns = outputs_inside(s.ow, s.w, s.sw, j);
    if (columns.begin == columns.end) continue;
    for (std::int64_t y = rows.begin; y < rows.end; ++y) {
      f(tap, (y * s.sh + i) * s.w + columns.begin * s.sw + j, y * s.ow + columns.begin,
        columns.end - columns.begin);
    }
  }
}

// to[q] += factor * from[q * step]
template <class T>
void add_scaled(T* __restrict to, const T* __restrict from, std::int64_t step, T factor,
                std::int64_t n) {
  if (step == 1) {
    for (std::int64_t q = 0; q < n; ++q) to[q] += factor * from[q];
  } else {
    for (std::int64_t q = 0; q < n; ++q) to[q] += factor * from[q * step];
  }
}

// to[q * step] += factor * from[q]
template <class T>
void scatter_scaled(T* __restrict to, std::int64_t step, const T* __restrict from, T factor,
                    std::int64_t n) {
  if (step == 1) return add_scaled(to, from, 1, factor, n);
  for (std::int64_t q = 0; q < n; ++q) to[q * step] += factor * from[q];
}

// sum + a[q * step] * b[q], lane by lane
template <class T>
Pack<T> add_products(Pack<T> sum, const T* a, std::int64_t step, const T* b, std::int64_t n) {
  constexpr int lanes = Pack<T>::lanes;
  T lane[lanes];
  if (step != 1) {
    for (std::int64_t q = 0; q < n; q += lanes) {
      const int count = static_cast<int>(std::min<std::int64_t>(lanes, n - q));
      for (int k = 0; k < lanes; ++k) lane[k] = k < count ? a[(q + k) * step] : T(0);
      sum = fma(loadu(lane), load_partial(b + q, count), sum);
    }
    return sum;
  }
  if (n < lanes) {
    const int count = static_cast<int>(n);
    return fma(load_partial(a, count), load_partial(b, count), sum);
  }
  std::int64_t q = 0;
  for (; q + lanes <= n; q += lanes) sum = fma(loadu(a + q), loadu(b + q), sum);
  if (q == n) return sum;
  // The last pack overlaps the one before it; only its new lanes count.
  for (int k = 0; k < lanes; ++k) lane[k] = T(k);
  const Mask<T> fresh = loadu(lane) >= Pack<T>(T(q + lanes - n));
  return select(fresh, fma(loadu(a + n - lanes), loadu(b + n - lanes), sum), sum);
}

// sums[tap] += the products of one plane
template <class T>
void add_plane(const ConvShape& s, const T* x, const T* dy, T* sums) {
  std::int64_t current = 0;
  Pack<T> sum(T(0));
  for_rows(s, [&](std::int64_t tap, std::int64_t from, std::int64_t at, std::int64_t n) {
    if (tap != current) {
      sums[current] += horizontal_sum(sum);
      sum = Pack<T>(T(0));
      current = tap;
    }
    sum = add_products(sum, x + from, s.sw, dy + at, n);
  });
  sums[current] += horizontal_sum(sum);
}

}  // namespace

template <class T>
void conv2d_depthwise(const Context& ctx, const ConvShape& s, const T* x, const T* w, const T* b,
                      T* y) {
  const std::int64_t each = s.o / s.c;  // output channels of one input channel
  parallel_for(ctx, s.n * s.o, [&](std::int64_t unit) {
    const std::int64_t o = unit % s.o, image = unit / s.o;
    const T* plane = x + (image * s.c + o / each) * s.h * s.w;
    const T* weight = w + o * s.kh * s.kw;
    T* out = y + unit * s.oh * s.ow;
    std::fill_n(out, s.oh * s.ow, b ? b[o] : T(0));
    for_rows(s, [&](std::int64_t tap, std::int64_t from, std::int64_t to, std::int64_t n) {
      add_scaled(out + to, plane + from, s.sw, weight[tap], n);
    });
  });
}

template <class T>
void conv2d_depthwise_grad_input(const Context& ctx, const ConvShape& s, const T* dy, const T* w,
                                 T* dx) {
  const std::int64_t each = s.o / s.c;
  parallel_for(ctx, s.n * s.c, [&](std::int64_t unit) {
    const std::int64_t c = unit % s.c, image = unit / s.c;
    T* plane = dx + unit * s.h * s.w;
    std::fill_n(plane, s.h * s.w, T(0));
    for (std::int64_t o = c * each; o < (c + 1) * each; ++o) {
      const T* from = dy + (image * s.o + o) * s.oh * s.ow;
      const T* weight = w + o * s.kh * s.kw;
      for_rows(s, [&](std::int64_t tap, std::int64_t to, std::int64_t at, std::int64_t n) {
        scatter_scaled(plane + to, s.sw, from + at, weight[tap], n);
      });
    }
  });
}

template <class T>
std::size_t conv_depthwise_grad_weight_scratch(const ConvShape& s) {
  const std::int64_t images = images_per_chunk(s, sizeof(T));
  const std::int64_t chunks = (s.n + images - 1) / images;
  return chunks > 1 ? static_cast<std::size_t>(chunks * s.o * s.kh * s.kw) * sizeof(T) : 0;
}

template <class T>
void conv2d_depthwise_grad_weight(const Context& ctx, const ConvShape& s, const T* x, const T* dy,
                                  T* dw) {
  const std::int64_t each = s.o / s.c, window = s.kh * s.kw;
  const std::int64_t images = images_per_chunk(s, sizeof(T));
  const std::int64_t chunks = std::max<std::int64_t>(1, (s.n + images - 1) / images);
  T* const partials = chunks > 1 ? static_cast<T*>(ctx.scratch()) : dw;
  parallel_for(ctx, chunks * s.o, [&](std::int64_t unit) {
    const std::int64_t chunk = unit / s.o, o = unit % s.o;
    T* const sums = partials + unit * window;
    std::fill_n(sums, window, T(0));
    for (std::int64_t n = chunk * images; n < std::min(s.n, (chunk + 1) * images); ++n) {
      add_plane(s, x + (n * s.c + o / each) * s.h * s.w, dy + (n * s.o + o) * s.oh * s.ow, sums);
    }
  });
  if (chunks > 1) add_partials(ctx, partials, chunks, s.o * window, dw);
}

#define GLASSBOX_INSTANTIATE(T)                                                                    \
  template std::size_t conv_depthwise_grad_weight_scratch<T>(const ConvShape&);                    \
  template void conv2d_depthwise(const Context&, const ConvShape&, const T*, const T*, const T*,   \
                                 T*);                                                              \
  template void conv2d_depthwise_grad_input(const Context&, const ConvShape&, const T*, const T*,  \
                                            T*);                                                   \
  template void conv2d_depthwise_grad_weight(const Context&, const ConvShape&, const T*, const T*, \
                                             T*);
GLASSBOX_INSTANTIATE(float)
GLASSBOX_INSTANTIATE(double)
#undef GLASSBOX_INSTANTIATE

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
