// Kernels that move elements. They copy bits, so they serve every type.
//
// What only moves elements is a gather: y's element i is x's at a sum of index * step over y's
// dimensions. Neighbouring dimensions that x crosses as one are one, and a gather of one dimension
// and step 1 is the driver's copy.
#include "engine/cuda/launch.h"
#include "engine/ops/shape.h"

namespace glassbox {
namespace cuda {
namespace {

// y's dimensions, without those of size 1, and x's step along each.
struct Strided {
  int rank = 0;
  std::int64_t size[Shape::max_rank] = {}, step[Shape::max_rank] = {};

  void push(std::int64_t n, std::int64_t x_step) {
    if (n == 1) return;
    const bool merges = rank > 0 && step[rank - 1] == x_step * n;
    if (!merges) size[rank++] = 1;
    size[rank - 1] *= n;
    step[rank - 1] = x_step;
  }
  GLASSBOX_HD std::int64_t at(std::int64_t i) const {
    std::int64_t from = 0;
    for (int d = rank - 1; d > 0; --d) {
      from += i % size[d] * step[d];
      i /= size[d];
    }
    return rank > 0 ? from + i * step[0] : 0;
  }
};

// Writes are coalesced; reads are where x's innermost dimension stayed y's.
template <class T>
struct GatherElements {
  Strided from;
  const T* x;
  T* y;
  __device__ void operator()(std::int64_t i) const { y[i] = x[from.at(i)]; }
};

// A transpose of y's last dimension, which x crosses in steps of more than 1, with the one that x
// has innermost; the other dimensions are batches of that. Squares of 32 x 32 go through shared
// memory, so that both x and y are accessed along their own rows.
constexpr int tile = 32, tile_rows = 8;  // a block has 32 x 8 threads

struct Transposed {
  Strided batch;                                  // innermost first
  std::int64_t y_step[Shape::max_rank] = {};      // y's step along each dimension of the batch
  std::int64_t rows = 0, columns = 0;             // of a batch's matrix in y
  std::int64_t row_step = 0, column_step = 0;     // y's along its rows, x's along its columns
  std::int64_t tiles_down = 0, tiles_across = 0;  // of a matrix

  struct Place {
    std::int64_t row, column, x, y;  // the tile's corner in its matrix; where the matrix begins
  };
  GLASSBOX_HD Place at(std::int64_t i) const {
    Place p{};
    p.column = i % tiles_across * tile;
    i /= tiles_across;
    p.row = i % tiles_down * tile;
    i /= tiles_down;
    for (int d = 0; d < batch.rank; ++d) {
      p.x += i % batch.size[d] * batch.step[d];
      p.y += i % batch.size[d] * y_step[d];
      i /= batch.size[d];
    }
    return p;
  }
};

template <class T>
__global__ void transpose_kernel(std::int64_t tiles, Transposed t, const T* x, T* y) {
  __shared__ T square[tile][tile + 1];  // Why one more: a column of it is in as many banks as a row
  const int across = static_cast<int>(threadIdx.x), down = static_cast<int>(threadIdx.y);
  for (std::int64_t i = blockIdx.x; i < tiles; i += gridDim.x) {
    const Transposed::Place p = t.at(i);
    for (int k = down; k < tile; k += tile_rows) {
      const std::int64_t row = p.row + across, column = p.column + k;
      if (row < t.rows && column < t.columns) {
        square[k][across] = x[p.x + column * t.column_step + row];
      }
    }
    __syncthreads();
    for (int k = down; k < tile; k += tile_rows) {
      const std::int64_t row = p.row + k, column = p.column + across;
      if (row < t.rows && column < t.columns) {
        y[p.y + row * t.row_step + column] = square[across][k];
      }
    }
    __syncthreads();
  }
}

// Whether a gather is such a transpose, and which; not when a side is so short that most of a
// square would be empty.
bool find_transpose(const Strided& from, Transposed& t) {
  constexpr std::int64_t shortest = 8;
  const int last = from.rank - 1;
  int rows = last;  // the dimension that x has innermost
  while (rows >= 0 && from.step[rows] != 1) --rows;
  if (rows < 0 || from.step[last] < 2) return false;
  if (from.size[rows] < shortest || from.size[last] < shortest) return false;
  t.rows = from.size[rows];
  t.columns = from.size[last];
  t.column_step = from.step[last];
  t.tiles_down = (t.rows + tile - 1) / tile;
  t.tiles_across = (t.columns + tile - 1) / tile;
  std::int64_t y_step = t.columns;
  for (int d = last - 1; d >= 0; y_step *= from.size[d--]) {
    if (d == rows) {
      t.row_step = y_step;
      continue;
    }
    t.batch.size[t.batch.rank] = from.size[d];
    t.batch.step[t.batch.rank] = from.step[d];
    t.y_step[t.batch.rank++] = y_step;
  }
  return true;
}

template <class T>
void copy(const Context& ctx, T* to, const T* from, std::int64_t n) {
  const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(T);
  check(ctx.op, "cudaMemcpyAsync",
        cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, ctx.stream));
}

void gather(const Context& ctx, const Strided& from, const Tensor& in, std::int64_t first,
            const Tensor& out) {
  const std::int64_t n = out.numel();
  if (n == 0) return;
  dispatch_width(out.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const x = in_ptr<T>(in) + first;
    T* const y = out_ptr<T>(out);
    Transposed t;
    if (from.rank == 0 || (from.rank == 1 && from.step[0] == 1)) {
      copy(ctx, y, x, n);
    } else if (find_transpose(from, t)) {
      const std::int64_t tiles = n / (t.rows * t.columns) * t.tiles_down * t.tiles_across;
      launch(ctx, Grid{blocks_for(ctx, tiles), dim3(tile, tile_rows)}, transpose_kernel<T>, tiles,
             t, x, y);
    } else {
      for_each(ctx, n, GatherElements<T>{from, x, y});
    }
  });
}

std::int64_t first_of(const ops::Slice& op, std::int64_t size) {
  return std::clamp<std::int64_t>(op.start < 0 ? op.start + size : op.start, 0, size);
}

template <class T>
struct Unslice {
  std::int64_t n, count, inner, first, step;  // sizes of dx and dy along dim
  const T* dy;
  T* dx;
  // dy's element for dx's, or -1 outside the slice.
  GLASSBOX_HD std::int64_t at(std::int64_t i) const {
    const std::int64_t row = i / inner, k = row % n - first;
    if (k < 0 || k % step != 0 || k / step >= count) return -1;
    return (row / n * count + k / step) * inner + i % inner;
  }
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t from = at(i);
    dx[i] = from < 0 ? T(0) : dy[from];
  }
};

// One input of a concat: runs of `run` elements, `stride` apart in y.
template <class T>
struct Join {
  std::int64_t run, stride;
  const T* x;
  T* y;
  __device__ void operator()(std::int64_t i) const { y[i / run * stride + i % run] = x[i]; }
};

template <class T>
struct Padded {
  int rank;
  std::int64_t size[Shape::max_rank], before[Shape::max_rank], x_size[Shape::max_rank];
  const T* x;
  T *y, fill;
  // x's element, or -1 in the padding.
  GLASSBOX_HD std::int64_t at(std::int64_t i) const {
    std::int64_t from = 0, step = 1;
    for (int d = rank - 1; d >= 0; --d) {
      const std::int64_t index = i % size[d] - before[d];
      if (index < 0 || index >= x_size[d]) return -1;
      from += index * step;
      step *= x_size[d];
      i /= size[d];
    }
    return from;
  }
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t from = at(i);
    y[i] = from < 0 ? fill : x[from];
  }
};

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::Copy&, Context& ctx, Ins in, Outs out) {
  gather(ctx, Strided(), in[0], 0, out[0]);
}

void run(const ops::Permute& op, Context& ctx, Ins in, Outs out) {
  const Shape& x = in[0].shape();
  Strided from;
  for (const int dim : op.dims) {
    const int d = normalize_dim(op.name, dim, x.rank());
    from.push(x[d], x.product(d + 1, x.rank()));
  }
  gather(ctx, from, in[0], 0, out[0]);
}

void run(const ops::Expand&, Context& ctx, Ins in, Outs out) {
  const Shape &x = in[0].shape(), &y = out[0].shape();
  Strided from;
  for (int d = 0; d < y.rank(); ++d) {
    const int own = d - (y.rank() - x.rank());
    from.push(y[d], own < 0 || x[own] == 1 ? 0 : x.product(own + 1, x.rank()));
  }
  gather(ctx, from, in[0], 0, out[0]);
}

void run(const ops::Slice& op, Context& ctx, Ins in, Outs out) {
  const Shape& x = in[0].shape();
  const int d = normalize_dim(op.name, op.dim, x.rank());
  const std::int64_t inner = x.product(d + 1, x.rank());
  Strided from;
  from.push(x.product(0, d), x[d] * inner);
  from.push(out[0].shape()[d], op.step * inner);
  from.push(inner, 1);
  gather(ctx, from, in[0], first_of(op, x[d]) * inner, out[0]);
}

void run(const ops::SliceGrad& op, Context& ctx, Ins in, Outs out) {
  const Shape& dx = out[0].shape();
  const int d = normalize_dim(op.name, op.slice.dim, dx.rank());
  dispatch_width(in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(
        ctx, out[0].numel(),
        Unslice<T>{dx[d], in[0].shape()[d], dx.product(d + 1, dx.rank()), first_of(op.slice, dx[d]),
                   op.slice.step, in_ptr<T>(in[0]), out_ptr<T>(out[0])});
  });
}

void run(const ops::Concat& op, Context& ctx, Ins in, Outs out) {
  const Shape& y = out[0].shape();
  if (out[0].numel() == 0) return;
  const int d = normalize_dim(op.name, op.dim, y.rank());
  const std::int64_t inner = y.product(d + 1, y.rank()), stride = y[d] * inner;
  std::int64_t first = 0;
  for (const Tensor& part : in) {
    const std::int64_t run = part.shape()[d] * inner, n = part.numel();
    dispatch_width(part.dtype(), [&](auto type) {
      using T = decltype(type);
      T* const to = out_ptr<T>(out[0]) + first;
      if (n == run) {
        copy(ctx, to, in_ptr<T>(part), n);
      } else {
        for_each(ctx, n, Join<T>{run, stride, in_ptr<T>(part), to});
      }
    });
    first += run;
  }
}

void run(const ops::Pad& op, Context& ctx, Ins in, Outs out) {
  const Shape &x = in[0].shape(), &y = out[0].shape();
  dispatch_any(in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    Padded<T> pad{y.rank(),
                  {},
                  {},
                  {},
                  in_ptr<T>(in[0]),
                  out_ptr<T>(out[0]),
                  store<T>(static_cast<Compute<T>>(op.value))};
    for (int d = 0; d < y.rank(); ++d) {
      const auto amount = 2 * static_cast<std::size_t>(y.rank() - 1 - d);
      pad.size[d] = y[d];
      pad.before[d] = amount < op.amounts.size() ? op.amounts[amount] : 0;
      pad.x_size[d] = x[d];
    }
    for_each(ctx, out[0].numel(), pad);
  });
}

}  // namespace glassbox
