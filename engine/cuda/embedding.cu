// Embedding: copies of rows, and their sums. The gradient sorts the positions by index, in segments
// of one row each; a block then adds a row's positions in their order, so the result is the same
// from run to run.
#include "engine/cuda/launch.h"
#include "engine/ops/embedding.h"

namespace glassbox {
namespace cuda {
namespace {

using Count = unsigned long long;  // what atomicAdd takes; sums of integers have no order

// Indices and how many rows they choose among.
struct Indices {
  const std::int64_t* index;
  std::int64_t rows;
  Fault* fault;
  std::uint32_t site;

  Indices(const Context& ctx, const Tensor& indices, std::int64_t of)
      : index(in_ptr<std::int64_t>(indices)), rows(of), fault(ctx.fault), site(ctx.fault_site) {}
  // Row of position i; -1, and a fault, where there is none.
  __device__ std::int64_t at(std::int64_t i) const {
    const std::int64_t row = index[i];
    if (row >= 0 && row < rows) return row;
    report_fault(fault, site, row, rows);
    return -1;
  }
};

struct alignas(16) Wide {
  std::uint64_t a, b;
};

// A row is `d` pieces of type T; neighbours in a row are read and written side by side.
template <class T>
struct CopyRows {
  Indices indices;
  std::int64_t d;
  const T* weight;
  T* y;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t row = indices.at(i / d);
    y[i] = row < 0 ? T{} : weight[row * d + i % d];
  }
};

// --- the gradient -------------------------------------------------------------------------------

// Working memory: for each of V rows how many positions it has and where its segment ends; for each
// of N positions two places in the segments. It costs the atomics of two passes over the indices,
// and for every position a look at its segment: the sum of the squares of the segments' lengths,
// N^2 at worst, read by whole warps from the same places of the cache.
struct Segments {
  Indices indices;
  std::int64_t n, padding;
  Count *total, *count, *end;
  std::int64_t *mixed, *order;

  static std::size_t bytes(std::int64_t n, std::int64_t rows) {
    return static_cast<std::size_t>(1 + 2 * rows + 2 * n) * sizeof(std::int64_t);
  }
  Segments(const Context& ctx, const Tensor& of, std::int64_t rows, std::int64_t padding_row)
      : indices(ctx, of, rows),
        n(of.numel()),
        padding(padding_row),
        total(ctx.scratch_as<Count>()) {
    count = total + 1;
    end = count + rows;
    mixed = reinterpret_cast<std::int64_t*>(end + rows);
    order = mixed + n;
  }
};

struct CountRows {
  Segments s;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t row = s.indices.at(i);
    if (row >= 0 && row != s.padding) atomicAdd(s.count + row, Count(1));
  }
};

// Where a row's segment lies is a matter of chance; what it holds is not.
struct PlaceRows {
  Segments s;
  __device__ void operator()(std::int64_t row) const {
    const Count count = s.count[row];
    s.end[row] = count > 0 ? atomicAdd(s.total, count) : 0;
  }
};

// Puts positions into their segments in any order; `end` moves from a segment's begin to its end.
struct Scatter {
  Segments s;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t row = s.indices.index[i];
    if (row < 0 || row >= s.indices.rows || row == s.padding) return;
    s.mixed[atomicAdd(s.end + row, Count(1))] = i;
  }
};

// A thread for each place: its position goes behind those of its segment that are smaller.
struct Sort {
  Segments s;
  __device__ void operator()(std::int64_t place) const {
    if (place >= static_cast<std::int64_t>(*s.total)) return;  // padding and faults have no place
    const std::int64_t position = s.mixed[place], row = s.indices.index[position];
    const auto end = static_cast<std::int64_t>(s.end[row]);
    const std::int64_t first = end - static_cast<std::int64_t>(s.count[row]);
    std::int64_t to = first;
    for (std::int64_t k = first; k < end; ++k) to += s.mixed[k] < position;
    s.order[to] = position;
  }
};

// A block for each row of the table, a thread for each column: reads and writes are coalesced.
template <class T>
struct SumRows {
  Segments s;
  std::int64_t d;
  const T* dy;
  T* dw;
  __device__ void operator()(std::int64_t row) const {
    const auto end = static_cast<std::int64_t>(s.end[row]);
    const std::int64_t first = end - static_cast<std::int64_t>(s.count[row]);
    for (std::int64_t j = threadIdx.x; j < d; j += blockDim.x) {
      Compute<T> sum = 0;
      for (std::int64_t k = first; k < end; ++k) sum += cuda::load(dy[s.order[k] * d + j]);
      dw[row * d + j] = store<T>(sum);
    }
  }
};

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::Embedding&, Context& ctx, Ins in, Outs out) {
  if (out[0].numel() == 0) return;
  name_fault_site(ctx, "index");
  const Indices indices(ctx, in[1], in[0].size(0));
  const auto copy = [&](auto type) {
    using T = decltype(type);
    const std::int64_t pieces = static_cast<std::int64_t>(out[0].spec().bytes() / sizeof(T));
    for_each(ctx, pieces,
             CopyRows<T>{indices, pieces / in[1].numel(), in_ptr<T>(in[0]), out_ptr<T>(out[0])});
  };
  const std::size_t width = size_of(in[0].dtype());
  const auto alignment = reinterpret_cast<std::uintptr_t>(in[0].raw()) |
                         reinterpret_cast<std::uintptr_t>(out[0].raw()) |
                         static_cast<std::size_t>(in[0].size(1)) * width;
  if (alignment % sizeof(Wide) == 0) return copy(Wide());
  dispatch_width(in[0].dtype(), copy);
}

std::size_t scratch(const ops::EmbeddingGrad&, const Context&, Specs in, Specs out) {
  return Segments::bytes(in[1].numel(), out[0].shape[0]);
}

void run(const ops::EmbeddingGrad& op, Context& ctx, Ins in, Outs out) {
  const std::int64_t rows = out[0].size(0), d = out[0].size(1), n = in[1].numel();
  const std::int64_t padding =
      op.padding_idx ? (*op.padding_idx < 0 ? *op.padding_idx + rows : *op.padding_idx) : -1;
  name_fault_site(ctx, "index");
  const Segments s(ctx, in[1], rows, padding);
  check(
      ctx.op, "cudaMemsetAsync",
      cudaMemsetAsync(s.total, 0, static_cast<std::size_t>(1 + rows) * sizeof(Count), ctx.stream));
  for_each(ctx, n, CountRows{s});
  for_each(ctx, rows, PlaceRows{s});
  for_each(ctx, n, Scatter{s});
  for_each(ctx, n, Sort{s});
  dispatch_floating(ctx, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_rows(ctx, rows, d, SumRows<T>{s, d, in_ptr<T>(in[0]), out_ptr<T>(out[0])});
  });
}

}  // namespace glassbox
