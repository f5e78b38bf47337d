// How CPU kernels use threads. Work is cut into chunks that depend on the problem alone, never on
// the number of threads, and partial results are added in chunk order: so results have the same
// bits at any thread count. Include this from engine/cpu only.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "engine/cpu/context.h"

#if defined(__clang__)
#define GLASSBOX_ONE_COPY [[gnu::noinline]]
#else
#define GLASSBOX_ONE_COPY [[gnu::noinline, gnu::noclone]]
#endif

namespace glassbox::cpu {
inline namespace GLASSBOX_CPU_LEVEL {

// Elements that are worth handing to a thread in a memory-bound loop.
inline constexpr std::int64_t grain = 16384;

// Calls f(i, worker) for this worker's run of [0, n). Compiled once for each f, whatever the number
// of threads: of two copies the compiler may contract a * b + c in one and not in the other.
template <class F>
GLASSBOX_ONE_COPY void run_share(std::int64_t n, int worker, int workers, const F& f) {
  const std::int64_t each = n / workers, longer = n % workers;
  const std::int64_t begin = worker * each + std::min<std::int64_t>(worker, longer);
  const std::int64_t end = begin + each + (worker < longer ? 1 : 0);
  for (std::int64_t i = begin; i < end; ++i) f(i, worker);
}

// Calls f(i, worker) for i in [0, n), spread over the context's threads in contiguous runs.
// `worker`, below ctx.threads(), tells whose working memory is free to use. Results must not depend
// on it.
template <class F>
void parallel_for_workers(const Context& ctx, std::int64_t n, const F& f) {
  const int threads = static_cast<int>(std::min<std::int64_t>(ctx.threads(), n));
  if (threads <= 1) return run_share(n, 0, 1, f);
#pragma omp parallel num_threads(threads)
  run_share(n, omp_get_thread_num(), omp_get_num_threads(), f);
}

// The same with f(i).
template <class F>
void parallel_for(const Context& ctx, std::int64_t n, const F& f) {
  parallel_for_workers(ctx, n, [&f](std::int64_t i, int) { f(i); });
}

// Calls f(begin, end) for the chunks of [0, n) of `chunk` elements each.
template <class F>
void parallel_chunks(const Context& ctx, std::int64_t n, std::int64_t chunk, const F& f) {
  const std::int64_t chunks = (n + chunk - 1) / chunk;
  parallel_for(ctx, chunks, [&](std::int64_t i) { f(i * chunk, std::min(n, (i + 1) * chunk)); });
}

}  // namespace GLASSBOX_CPU_LEVEL
}  // namespace glassbox::cpu
