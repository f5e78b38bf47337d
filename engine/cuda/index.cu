// Searches for the largest and smallest elements. A tensor is seen as [outer, n, inner] around the
// searched dimension. Short searches, and those side by side in memory, are a thread's; long ones a
// block's, whose threads read neighbours; one over everything is many blocks' and then one block's.
// Which it is does not show: of equals the first wins, in whatever order they are compared.
#include "engine/cuda/launch.h"
#include "engine/ops/index.h"

namespace glassbox {
namespace cuda {
namespace {

struct Around {
  std::int64_t outer, n, inner;
  Around(const Shape& x, int dim)
      : outer(x.product(0, dim)), n(x[dim]), inner(x.product(dim + 1, x.rank())) {}
  GLASSBOX_HD std::int64_t first_of(std::int64_t o) const {
    return o / inner * n * inner + o % inner;
  }
};

struct Greater {
  template <class C>
  GLASSBOX_HD bool operator()(C a, C b) const {
    return a > b;
  }
};
struct Less {
  template <class C>
  GLASSBOX_HD bool operator()(C a, C b) const {
    return a < b;
  }
};

// Why no initial values: it lies in shared memory.
template <class C>
struct Found {
  C value;
  std::int64_t place;  // below 0: nothing yet
};

// Whether a comes before b: better, or as good and earlier. A NaN is better than anything that is
// not one.
template <class C, class Better>
GLASSBOX_HD bool precedes(const Found<C>& a, const Found<C>& b, const Better& better) {
  if (a.place < 0 || b.place < 0) return b.place < 0 && a.place >= 0;
  const bool a_is_nan = a.value != a.value, b_is_nan = b.value != b.value;
  if (a_is_nan != b_is_nan) return a_is_nan;
  if (better(a.value, b.value)) return true;
  return !better(b.value, a.value) && a.place < b.place;
}

// The best of x[first + k step] for k = begin, begin + stride ... below n. `place` is k.
template <class T, class Better>
__device__ Found<Compute<T>> search(const T* x, std::int64_t first, std::int64_t step,
                                    std::int64_t begin, std::int64_t n, std::int64_t stride,
                                    const Better& better) {
  Found<Compute<T>> best{Compute<T>(0), -1};
  for (std::int64_t k = begin; k < n; k += stride) {
    const Found<Compute<T>> candidate{cuda::load(x[first + k * step]), k};
    if (precedes(candidate, best, better)) best = candidate;
  }
  return best;
}

// The best of what the block's threads found, to all of them.
template <class C, class Better>
__device__ Found<C> best_of_block(Found<C> mine, const Better& better) {
  __shared__ Found<C> partial[32];
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  for (int offset = 16; offset > 0; offset /= 2) {
    Found<C> other;
    other.value = __shfl_xor_sync(0xffffffffu, mine.value, offset);
    other.place = __shfl_xor_sync(0xffffffffu, mine.place, offset);
    if (precedes(other, mine, better)) mine = other;
  }
  if (lane == 0) partial[warp] = mine;
  __syncthreads();
  Found<C> best = partial[0];
  for (unsigned w = 1; w < warps; ++w) {
    if (precedes(partial[w], best, better)) best = partial[w];
  }
  __syncthreads();
  return best;
}

// For output o: values (null: not wanted) and indices.
template <class T, class Better>
struct SearchLine {
  Around a;
  const T* x;
  T* values;
  std::int64_t* indices;
  Better better;

  __device__ void put(std::int64_t o, std::int64_t place) const {
    if (values) values[o] = x[a.first_of(o) + place * a.inner];
    indices[o] = place;
  }
};
template <class T, class Better>
struct SearchByThread {
  SearchLine<T, Better> line;
  __device__ void operator()(std::int64_t o) const {
    const Around& a = line.a;
    line.put(o, search(line.x, a.first_of(o), a.inner, 0, a.n, 1, line.better).place);
  }
};
template <class T, class Better>
struct SearchByBlock {
  SearchLine<T, Better> line;
  __device__ void operator()(std::int64_t o) const {
    const Around& a = line.a;
    const auto mine =
        search(line.x, a.first_of(o), a.inner, threadIdx.x, a.n, blockDim.x, line.better);
    const auto best = best_of_block(mine, line.better);
    if (threadIdx.x == 0) line.put(o, best.place);
  }
};

template <class Better>
void search_lines(const Context& ctx, const Tensor& x, int dim, const Tensor& values,
                  const Tensor& indices, const Better& better) {
  const Around a(x.shape(), normalize_dim(ctx.op, dim, x.dim()));
  const std::int64_t outputs = a.outer * a.inner;
  // Threads side by side read neighbours if inner is long; if there are few, a line each takes
  // long.
  const bool few = outputs < std::int64_t(ctx.multiprocessors) * block_threads;
  const bool by_block = a.n >= 32 && (a.inner < 32 || (few && a.n >= 1024));
  dispatch_number(ctx, x.dtype(), [&](auto type) {
    using T = decltype(type);
    const SearchLine<T, Better> line{a, in_ptr<T>(x), out_ptr<T>(values),
                                     out_ptr<std::int64_t>(indices), better};
    if (by_block) {
      for_rows(ctx, outputs, a.n, SearchByBlock<T, Better>{line});
    } else {
      for_each(ctx, outputs, SearchByThread<T, Better>{line});
    }
  });
}

// Over everything: a block for each piece leaves the place of its best in working memory.
constexpr std::int64_t most_pieces = 1024, least_piece = 4096;

std::int64_t pieces_of(std::int64_t n) {
  return std::clamp<std::int64_t>(n / least_piece, 1, most_pieces);
}

template <class T, class Better>
struct SearchPiece {
  const T* x;
  std::int64_t n, length;
  std::int64_t* best;
  Better better;
  __device__ void operator()(std::int64_t piece) const {
    const std::int64_t begin = piece * length, left = n - begin;
    const auto mine =
        search(x, begin, 1, threadIdx.x, left < length ? left : length, blockDim.x, better);
    const auto found = best_of_block(mine, better);
    if (threadIdx.x == 0) best[piece] = begin + found.place;
  }
};
// The best of the pieces' best; by one block.
template <class T, class Better>
struct SearchBest {
  const T* x;
  std::int64_t pieces;
  const std::int64_t* best;
  T* value;             // null: not wanted
  std::int64_t* index;  // the same
  Better better;
  __device__ void operator()(std::int64_t) const {
    Found<Compute<T>> mine{Compute<T>(0), -1};
    for (std::int64_t k = threadIdx.x; k < pieces; k += blockDim.x) {
      const Found<Compute<T>> candidate{cuda::load(x[best[k]]), best[k]};
      if (precedes(candidate, mine, better)) mine = candidate;
    }
    const std::int64_t place = best_of_block(mine, better).place;
    if (threadIdx.x != 0) return;
    if (value) *value = x[place];
    if (index) *index = place;
  }
};

template <class Better>
void search_everything(const Context& ctx, const Tensor& x, const Tensor& value,
                       const Tensor& index, const Better& better) {
  const std::int64_t n = x.numel(), pieces = pieces_of(n), length = (n + pieces - 1) / pieces;
  const std::int64_t used = (n + length - 1) / length;  // rounding up may leave the last ones empty
  auto* const best = ctx.scratch_as<std::int64_t>();
  dispatch_number(ctx, x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_rows(ctx, used, length, SearchPiece<T, Better>{in_ptr<T>(x), n, length, best, better});
    for_rows(ctx, 1, used,
             SearchBest<T, Better>{in_ptr<T>(x), used, best, out_ptr<T>(value),
                                   out_ptr<std::int64_t>(index), better});
  });
}

std::size_t scratch_bytes(std::int64_t n) {
  return static_cast<std::size_t>(pieces_of(n)) * sizeof(std::int64_t);
}

// A thread for each element of dx: it is dy where the index is its own place, and zero elsewhere.
template <class T>
struct Unpick {
  Around a;
  const std::int64_t* indices;
  const T* dy;
  T* dx;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t from = i / (a.n * a.inner) * a.inner + i % a.inner;
    dx[i] = indices[from] == i / a.inner % a.n ? dy[from] : T{};
  }
};

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::Max& op, Context& ctx, Ins in, Outs out) {
  search_lines(ctx, in[0], op.dim, out[0], out[1], Greater());
}
void run(const ops::Min& op, Context& ctx, Ins in, Outs out) {
  search_lines(ctx, in[0], op.dim, out[0], out[1], Less());
}

std::size_t scratch(const ops::MaxAll&, const Context&, Specs in, Specs) {
  return scratch_bytes(in[0].numel());
}
void run(const ops::MaxAll&, Context& ctx, Ins in, Outs out) {
  search_everything(ctx, in[0], out[0], {}, Greater());
}
std::size_t scratch(const ops::MinAll&, const Context&, Specs in, Specs) {
  return scratch_bytes(in[0].numel());
}
void run(const ops::MinAll&, Context& ctx, Ins in, Outs out) {
  search_everything(ctx, in[0], out[0], {}, Less());
}

std::size_t scratch(const ops::ArgMax& op, const Context&, Specs in, Specs) {
  return op.dim ? 0 : scratch_bytes(in[0].numel());
}
void run(const ops::ArgMax& op, Context& ctx, Ins in, Outs out) {
  if (op.dim) return search_lines(ctx, in[0], *op.dim, {}, out[0], Greater());
  search_everything(ctx, in[0], {}, out[0], Greater());
}

void run(const ops::PickGrad& op, Context& ctx, Ins in, Outs out) {
  const Around a(out[0].shape(), normalize_dim(op.name, op.dim, out[0].dim()));
  dispatch_width(in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(ctx, out[0].numel(),
             Unpick<T>{a, in_ptr<std::int64_t>(in[1]), in_ptr<T>(in[0]), out_ptr<T>(out[0])});
  });
}

}  // namespace glassbox
