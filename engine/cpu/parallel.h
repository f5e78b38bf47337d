// How CPU kernels use threads. Work is cut into chunks that depend on the problem alone, never on
// the number of threads, and partial results are added in chunk order: so results have the same
// bits at any thread count. Include this from engine/cpu only.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "engine/cpu/context.h"

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

// Elements that are worth handing to a thread in a memory-bound loop.
inline constexpr std::int64_t grain = 16384;

// Calls f(i) for i in [0, n), spread over the context's threads in contiguous runs.
template <class F>
void parallel_for(const Context& ctx, std::int64_t n, const F& f) {
  const int threads = static_cast<int>(std::min<std::int64_t>(ctx.threads(), n));
  if (threads <= 1) {
    for (std::int64_t i = 0; i < n; ++i) f(i);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (std::int64_t i = 0; i < n; ++i) f(i);
}

// The same with f(i, worker), where `worker`, below ctx.threads(), tells whose working memory is
// free to use. Results must not depend on it.
template <class F>
void parallel_for_workers(const Context& ctx, std::int64_t n, const F& f) {
  const int threads = static_cast<int>(std::min<std::int64_t>(ctx.threads(), n));
  if (threads <= 1) {
    for (std::int64_t i = 0; i < n; ++i) f(i, 0);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (std::int64_t i = 0; i < n; ++i) f(i, omp_get_thread_num());
}

// Calls f(begin, end) for the chunks of [0, n) of `chunk` elements each.
template <class F>
void parallel_chunks(const Context& ctx, std::int64_t n, std::int64_t chunk, const F& f) {
  const std::int64_t chunks = (n + chunk - 1) / chunk;
  parallel_for(ctx, chunks, [&](std::int64_t i) { f(i * chunk, std::min(n, (i + 1) * chunk)); });
}

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
