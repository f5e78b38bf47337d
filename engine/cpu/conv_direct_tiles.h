// What the direct convolution kernels share: the zero-padded copy of a strip of an image, and
// offset tables that turn convolution into a matrix product whose right factor is never built:
//     Y[o][p] = sum over k of W[o][k] * X[tap[k] + pixel[p]],   k = (c, i, j), p = a pack of
//     pixels.
// A stride is removed by the copy, which stores one plane per residue of row and column, so that
// neighbouring outputs read neighbouring elements whatever the stride and dilation.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>

#include "engine/cpu/conv_direct.h"
#include "engine/cpu/simd.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {
namespace conv_direct {

inline int thread_index() {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// Register block: kRows channels by kColumns packs of accumulators, the rest for operands.
inline constexpr int kAccumulators = kPackRegisters == 32 ? 24 : 12;
inline constexpr int kMaxRows = kAccumulators / 2;
constexpr int columns_for(int rows) { return std::min(6, kAccumulators / rows); }

// Splits `total` channels into blocks of at most kMaxRows, sizes differing by at most one.
struct RowBlocks {
  int64_t total, count;
  explicit RowBlocks(int64_t n) : total(n), count(ceil_div(n, kMaxRows)) {}
  int64_t begin(int64_t i) const { return i * (total / count) + std::min(i, total % count); }
  int rows(int64_t i) const { return int(begin(i + 1) - begin(i)); }
};

// How one strip of output rows is read and enumerated in packs of `lanes` pixels.
// rows:  each output row begins a new pack (no waste when lanes divides ow);
// flat:  packs run over the whole padded pitch, across row ends; the few results in the gaps
// between
//        rows are dropped. Whichever needs fewer packs is taken.
struct Strip {
  int lanes;
  int64_t rows;                           // output rows in a full strip
  int64_t row_residues, column_residues;  // the stride, or 1 where only one residue is read
  int64_t pitch, plane_rows;              // of one residue plane
  int64_t plane, channel;  // elements of one residue plane, of one channel (all residues)
  bool flat;
  int64_t row_step;  // distance of output rows in the enumeration, in elements

  Strip(const ConvShape& s, int lane_count, int64_t strip_rows);
  int64_t packs(const ConvShape& s, int64_t r) const;  // for r output rows
  int64_t slack() const { return 2 * lanes; }
};

inline Strip::Strip(const ConvShape& s, int lane_count, int64_t strip_rows)
    : lanes(lane_count),
      rows(strip_rows),
      row_residues(s.kh == 1 ? 1 : s.sh),
      column_residues(s.kw == 1 ? 1 : s.sw) {
  // With stride 1 the right padding of a row is the left padding of the next.
  pitch = s.sw == 1 ? s.w + s.pw : ceil_div(s.w + 2 * s.pw, s.sw);
  plane_rows = rows + (s.kh - 1) * s.dh / s.sh;
  // Why of the image, not of the strip: the two ways round differently, and strips follow the
  // threads.
  flat = ceil_div((s.oh - 1) * pitch + s.ow, lanes) < s.oh * ceil_div(s.ow, lanes);
  row_step = flat ? pitch : round_up(s.ow, lanes);
  plane = plane_rows * pitch;
  // The slack, always zero, is what the last packs read beyond the plane.
  channel = round_up(plane * row_residues * column_residues + s.pw + 2 * lanes, lanes);
  if (channel % 256 == 0) channel += lanes;  // Why: planes 1 KiB apart share few cache sets
}

inline int64_t Strip::packs(const ConvShape& s, int64_t r) const {
  return ceil_div(flat ? (r - 1) * pitch + s.ow : r * row_step, lanes);
}

// Offset of tap (c, i, j) from an output pixel's own position; `taps` receives c_count * kh * kw.
inline void fill_taps(const ConvShape& s, const Strip& strip, int64_t c_count, int* taps) {
  for (int64_t c = 0; c < c_count; ++c) {
    for (int64_t i = 0; i < s.kh; ++i) {
      for (int64_t j = 0; j < s.kw; ++j) {
        int64_t y = i * s.dh, x = j * s.dw, residue = y % s.sh * strip.column_residues + x % s.sw;
        *taps++ =
            int(c * strip.channel + residue * strip.plane + y / s.sh * strip.pitch + x / s.sw);
      }
    }
  }
}

// Offset of each pack's first pixel in a channel, for a full strip.
inline void fill_pixels(const ConvShape& s, const Strip& strip, int* pixels) {
  int64_t count = strip.packs(s, strip.rows), per_row = ceil_div(s.ow, strip.lanes);
  for (int64_t p = 0; p < count; ++p) {
    pixels[p] =
        int(strip.flat ? p * strip.lanes : p / per_row * strip.pitch + p % per_row * strip.lanes);
  }
}

// The step of both kernels: sum[r][c] += row(r) * column(c). The longer side passes through one
// register, so that the shorter side and the sums fill, but do not exceed, the register file.
template <int kRows, int kColumns, class T, class Row, class Column>
inline void rank_one_update(Pack<T> (&sum)[kRows][kColumns], Row row, Column column) {
  constexpr bool kByRow = kRows >= kColumns;
  constexpr int kOuter = kByRow ? kRows : kColumns, kInner = kByRow ? kColumns : kRows;
  Pack<T> held[kInner];
  for (int i = 0; i < kInner; ++i) {
    if constexpr (kByRow) held[i] = column(i);
    if constexpr (!kByRow) held[i] = row(i);
    keep_in_register(held[i]);
  }
  for (int i = 0; i < kOuter; ++i) {
    Pack<T> passing;
    if constexpr (kByRow) passing = row(i);
    if constexpr (!kByRow) passing = column(i);
    keep_in_register(passing);
    for (int j = 0; j < kInner; ++j) {
      Pack<T>& s = kByRow ? sum[i][j] : sum[j][i];
      s = fma(passing, held[j], s);
    }
  }
}

// Copies `count` contiguous elements in whole packs, the last one overlapping.
template <class T>
inline void copy_run(T* to, const T* from, int64_t count) {
  constexpr int lanes = Pack<T>::lanes;
  if (count < lanes) {
    for (int64_t j = 0; j < count; ++j) to[j] = from[j];
    return;
  }
  for (int64_t j = 0; j + lanes < count; j += lanes) storeu(to + j, loadu(from + j));
  storeu(to + count - lanes, loadu(from + count - lanes));
}

// `count` rows of one residue plane whose source rows exist. With stride 1 a pack of zeros makes
// the left padding; what it writes too far is overwritten by the row itself, the next, or the
// slack.
template <class T>
inline void copy_inner_rows(const ConvShape& s, const Strip& strip, const T* from,
                            int64_t from_step, int64_t first_column, int64_t count, T* to) {
  if (s.sw == 1 && s.pw <= Pack<T>::lanes) {
    for (; count > 0; --count, from += from_step, to += strip.pitch) {
      storeu(to, Pack<T>(T(0)));
      copy_run(to + s.pw, from, s.w);
    }
    return;
  }
  // Element j is input column j * sw + first_column; [begin, end) exist.
  int64_t begin = first_column < 0 ? ceil_div(-first_column, s.sw) : 0;
  int64_t end = std::clamp(ceil_div(s.w - first_column, s.sw), begin, strip.pitch);
  for (; count > 0; --count, from += from_step, to += strip.pitch) {
    for (int64_t j = 0; j < begin; ++j) to[j] = T(0);
    if (s.sw == 2) {
      for (int64_t j = begin; j < end; ++j) to[j] = from[first_column + 2 * j];
    } else {
      for (int64_t j = begin; j < end; ++j) to[j] = from[first_column + s.sw * j];
    }
    for (int64_t j = end; j < strip.pitch; ++j) to[j] = T(0);
  }
}

// Writes the padded residue planes of `c_count` channels, as read by output rows from `first_row`.
template <class T>
void copy_padded(const ConvShape& s, const Strip& strip, const T* x, int64_t c_count,
                 int64_t first_row, T* to) {
  for (int64_t c = 0; c < c_count; ++c, x += s.h * s.w, to += strip.channel) {
    int64_t residues = strip.row_residues * strip.column_residues;
    for (int64_t residue = 0; residue < residues; ++residue) {
      // Plane row i holds input row top + i * sh; rows [begin, end) of the plane exist in the
      // input.
      int64_t top = first_row * s.sh + residue / strip.column_residues - s.ph;
      int64_t begin = std::min(strip.plane_rows, top < 0 ? ceil_div(-top, s.sh) : 0);
      int64_t end = std::clamp(ceil_div(s.h - top, s.sh), begin, strip.plane_rows);
      T* plane = to + residue * strip.plane;
      std::fill(plane, plane + begin * strip.pitch, T(0));
      copy_inner_rows(s, strip, x + (top + begin * s.sh) * s.w, s.sh * s.w,
                      residue % strip.column_residues - s.pw, end - begin,
                      plane + begin * strip.pitch);
      std::fill(plane + end * strip.pitch, plane + strip.plane, T(0));
    }
    std::fill(to + residues * strip.plane, to + strip.channel, T(0));
  }
}

// Hands out pieces of the caller's scratch block; with a null base it only counts.
class Arena {
 public:
  explicit Arena(void* base) : base_(static_cast<char*>(base)) {}
  template <class T>
  T* take(int64_t count) {
    char* p = base_ ? base_ + size_ : nullptr;
    size_ += size_t(round_up(count * int64_t(sizeof(T)), 64));
    return reinterpret_cast<T*>(p);
  }
  size_t size() const { return size_; }

 private:
  char* base_;
  size_t size_ = 0;
};

}  // namespace conv_direct
}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
