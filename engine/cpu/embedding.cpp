// Embedding: copies of rows, and their sums. The gradient sorts the positions by index first
// (stable, by counting): a row of the table then adds its own positions in order, whatever the
// number of threads.
#include "engine/ops/embedding.h"

#include <algorithm>

#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"

namespace glassbox {

using namespace cpu;

namespace {

// Why before the loops: an exception must not leave a parallel region.
void check_range(std::string_view op, const Tensor& indices, std::int64_t rows) {
  const std::int64_t* const index = in_ptr<std::int64_t>(indices);
  for (std::int64_t i = 0, n = indices.numel(); i < n; ++i) {
    if (index[i] >= 0 && index[i] < rows) continue;
    Shape at = indices.shape();
    std::int64_t rest = i;
    for (int d = at.rank() - 1; d >= 0; --d) {
      const std::int64_t size = at[d];
      at[d] = rest % size;
      rest /= size;
    }
    fail(op, cat("index ", index[i], " at ", at, " is none of the ", rows, " rows of weight"));
  }
}

std::int64_t rows_per_chunk(std::int64_t d) {
  return std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, d));
}

}  // namespace

void run(const ops::Embedding& op, cpu::Context& ctx, Ins in, Outs out) {
  const std::int64_t d = in[0].size(1);
  check_range(op.name, in[1], in[0].size(0));
  const std::int64_t* const index = in_ptr<std::int64_t>(in[1]);
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const weight = in_ptr<T>(in[0]);
    T* const y = out_ptr<T>(out[0]);
    parallel_chunks(ctx, in[1].numel(), rows_per_chunk(d),
                    [&](std::int64_t begin, std::int64_t end) {
                      for (std::int64_t i = begin; i < end; ++i)
                        std::copy_n(weight + index[i] * d, d, y + i * d);
                    });
  });
}

std::size_t scratch(const ops::EmbeddingGrad&, const cpu::Context&, Specs in, Specs out) {
  return static_cast<std::size_t>(in[1].numel() + out[0].shape[0] + 1) * sizeof(std::int64_t);
}

void run(const ops::EmbeddingGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const std::int64_t rows = out[0].size(0), d = out[0].size(1), n = in[1].numel();
  check_range(op.name, in[1], rows);
  const std::int64_t* const index = in_ptr<std::int64_t>(in[1]);
  const std::int64_t padding =
      op.padding_idx ? (*op.padding_idx < 0 ? *op.padding_idx + rows : *op.padding_idx) : -1;
  // ends[v] is where the positions of row v end in `order`, and of row v + 1 begin.
  std::int64_t* const ends = static_cast<std::int64_t*>(ctx.scratch());
  std::int64_t* const order = ends + rows + 1;
  std::fill_n(ends, rows + 1, std::int64_t(0));
  for (std::int64_t i = 0; i < n; ++i) {
    if (index[i] != padding) ++ends[index[i] + 1];
  }
  for (std::int64_t v = 0; v < rows; ++v) ends[v + 1] += ends[v];
  for (std::int64_t i = 0; i < n; ++i) {
    if (index[i] != padding) order[ends[index[i]]++] = i;
  }
  dispatch_floating(op.name, in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const dy = in_ptr<T>(in[0]);
    T* const dw = out_ptr<T>(out[0]);
    parallel_chunks(ctx, rows, rows_per_chunk(d), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t v = begin; v < end; ++v) {
        T* const row = dw + v * d;
        std::fill_n(row, d, T(0));
        for (std::int64_t k = v ? ends[v - 1] : 0; k < ends[v]; ++k) {
          const T* const from = dy + order[k] * d;
          for (std::int64_t j = 0; j < d; ++j) row[j] += from[j];
        }
      }
    });
  });
}

}  // namespace glassbox
