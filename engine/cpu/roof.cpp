#include "engine/core/roof.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "engine/cpu/parallel.h"
#include "engine/cpu/simd.h"

namespace glassbox::cpu {

namespace {

constexpr int chains =
    12;  // independent accumulators: latency times throughput of every core since 2013
constexpr int repeats = 200'000;

// A loop of nothing but fused multiply-adds. Returns something of the result so that it is
// computed.
float spin() {
  Pack<float> sum[chains], a(0.999f), b(1e-6f);
  for (int k = 0; k < chains; ++k) sum[k] = Pack<float>(float(k));
  for (int i = 0; i < repeats; ++i) {
    for (int k = 0; k < chains; ++k) sum[k] = fma(sum[k], a, b);
  }
  float total = 0;
  for (int k = 0; k < chains; ++k) total += horizontal_sum(sum[k]);
  return total;
}

}  // namespace

double measure_peak_gflops(int threads) {
  using Clock = std::chrono::steady_clock;
  const Context ctx(threads);
  std::vector<float> results(static_cast<std::size_t>(threads));
  const double flops = 2.0 * Pack<float>::lanes * chains * repeats * threads;
  double best = 0;
  for (int round = 0; round < 12; ++round) {
    const auto start = Clock::now();
    parallel_for(ctx, threads,
                 [&](std::int64_t t) { results[static_cast<std::size_t>(t)] = spin(); });
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    volatile float keep = results[0];
    (void)keep;
    best = std::max(best, flops / seconds / 1e9);
  }
  return best;
}

double measure_bandwidth(int threads) {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t elements = std::int64_t(16) << 20, piece = std::int64_t(1) << 16;
  const Context ctx(threads);
  std::vector<float> a(elements), b(elements, 1), c(elements, 2);
  double best = 0;
  for (int round = 0; round < 6; ++round) {
    const auto start = Clock::now();
    parallel_for(ctx, elements / piece, [&](std::int64_t i) {
      float* to = a.data() + i * piece;
      const float *x = b.data() + i * piece, *y = c.data() + i * piece;
      for (std::int64_t k = 0; k < piece; ++k) to[k] = x[k] + 0.5f * y[k];
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    volatile float keep = a[0];
    (void)keep;
    best = std::max(best, 3.0 * sizeof(float) * elements / seconds / 1e9);
  }
  return best;
}

}  // namespace glassbox::cpu
