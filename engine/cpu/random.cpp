// Random numbers. Element i takes word i % 4 of the Philox block i / 4 of the op's offset, whatever
// the type, so f32 and f64 draws, and any cut over threads, see the same words.
#include "engine/ops/random.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/core/philox.h"
#include "engine/cpu/dispatch.h"
#include "engine/cpu/parallel.h"

namespace glassbox {

using namespace cpu;

namespace {

struct Counter {
  std::uint64_t seed, offset;
};

// Reads {seed, offset} and advances the generator.
Counter take(const Tensor& state) {
  auto* words = out_ptr<std::int64_t>(state);
  const Counter counter{static_cast<std::uint64_t>(words[0]), static_cast<std::uint64_t>(words[1])};
  words[1] = static_cast<std::int64_t>(counter.offset + 1);
  return counter;
}

// Calls f(block, words) for the blocks of n elements, four to a block. `work` is how many elements
// of memory each of them stands for.
template <class F>
void for_blocks(const cpu::Context& ctx, const Counter& counter, std::int64_t n, const F& f,
                std::int64_t work = 1) {
  const std::int64_t group = std::max<std::int64_t>(1, grain / 8 / std::max<std::int64_t>(1, work));
  parallel_chunks(ctx, (n + 3) / 4, group, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      f(block, Philox::words(counter.seed, static_cast<std::uint64_t>(block), counter.offset));
    }
  });
}

template <class T, class F>
void fill(const cpu::Context& ctx, const Counter& counter, T* y, std::int64_t n, const F& value) {
  for_blocks(ctx, counter, n, [&](std::int64_t block, const Philox::Words& words) {
    for (std::int64_t k = 0; k < 4 && 4 * block + k < n; ++k) {
      y[4 * block + k] = value(words[static_cast<std::size_t>(k)]);
    }
  });
}

// Two normals from two words: r cos and r sin of a uniform angle, r = sqrt(-2 log u), u in (0, 1].
void box_muller(std::uint32_t a, std::uint32_t b, double& first, double& second) {
  const double u = (static_cast<double>(a) + 1) * 0x1p-32;
  const double angle = 2 * std::numbers::pi * (static_cast<double>(b) * 0x1p-32);
  const double r = std::sqrt(-2 * std::log(u));
  first = r * std::cos(angle);
  second = r * std::sin(angle);
}

// y = keep ? x / (1 - p) : 0, where `inner` elements in a row share a word: the word over 2^32 must
// reach p.
template <class T>
void mask(const cpu::Context& ctx, const Counter& counter, double p, std::int64_t units,
          std::int64_t inner, const T* x, T* y) {
  const T scale = p < 1 ? static_cast<T>(1 / (1 - p)) : T(0);
  const auto threshold = static_cast<std::uint64_t>(std::ceil(p * 0x1p32));
  const auto some = [&](std::int64_t block, const Philox::Words& words) {
    const std::int64_t first = 4 * block, count = std::min<std::int64_t>(4, units - first);
    for (std::int64_t k = 0; k < count; ++k) {
      const bool keep = words[static_cast<std::size_t>(k)] >= threshold;
      const T* from = x + (first + k) * inner;
      T* const to = y + (first + k) * inner;
      if (inner == 1) {
        // Why computed first: a branch on a random bit is mispredicted half of the time.
        const T kept = *from * scale;
        *to = keep ? kept : T(0);
      } else if (keep) {
        for (std::int64_t i = 0; i < inner; ++i) to[i] = from[i] * scale;
      } else {
        std::fill_n(to, inner, T(0));
      }
    }
  };
  for_blocks(ctx, counter, units, some, inner);
}

void run_mask(std::string_view name, const cpu::Context& ctx, const Counter& counter, double p,
              bool channels, const Tensor& x, const Tensor& y) {
  const Shape& shape = x.shape();
  const std::int64_t inner = channels ? shape.product(2, shape.rank()) : 1;
  const std::int64_t units = channels ? shape[0] * shape[1] : shape.numel();
  dispatch_floating(name, x.dtype(), [&](auto type) {
    using T = decltype(type);
    mask(ctx, counter, p, units, inner, in_ptr<T>(x), out_ptr<T>(y));
  });
}

}  // namespace

void run(const ops::Uniform& op, cpu::Context& ctx, Ins in, Outs out) {
  const Counter counter = take(in[0]);
  dispatch_floating(op.name, op.dtype, [&](auto type) {
    using T = decltype(type);
    // Rounding must not reach high. One fma, in double and with the 24 bits of a float for every
    // type: so an f32 draw is the f64 draw rounded, and the same on every device.
    const double range = op.high - op.low;
    const T low = static_cast<T>(op.low), last = std::nextafter(static_cast<T>(op.high), low);
    fill(ctx, counter, out_ptr<T>(out[0]), out[0].numel(), [&](std::uint32_t word) {
      const double u = static_cast<double>(Philox::uniform(word));
      return std::min(static_cast<T>(std::fma(range, u, op.low)), last);
    });
  });
}

void run(const ops::Normal& op, cpu::Context& ctx, Ins in, Outs out) {
  const Counter counter = take(in[0]);
  const std::int64_t n = out[0].numel();
  dispatch_floating(op.name, op.dtype, [&](auto type) {
    using T = decltype(type);
    T* const y = out_ptr<T>(out[0]);
    for_blocks(ctx, counter, n, [&](std::int64_t block, const Philox::Words& words) {
      double values[4];
      box_muller(words[0], words[1], values[0], values[1]);
      box_muller(words[2], words[3], values[2], values[3]);
      for (std::int64_t k = 0; k < 4 && 4 * block + k < n; ++k) {
        y[4 * block + k] = static_cast<T>(op.mean + op.std * values[k]);
      }
    });
  });
}

void run(const ops::RandInt& op, cpu::Context& ctx, Ins in, Outs out) {
  const Counter counter = take(in[0]);
  auto* const y = out_ptr<std::int64_t>(out[0]);
  const auto range = static_cast<std::uint64_t>(op.high) - static_cast<std::uint64_t>(op.low);
  const std::int64_t n = out[0].numel();
  // One block per element: 64 random bits times the range leave a bias below range / 2^64.
  parallel_chunks(ctx, n, grain / 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const Philox::Words w =
          Philox::words(counter.seed, static_cast<std::uint64_t>(i), counter.offset);
      const std::uint64_t bits = std::uint64_t(w[0]) << 32 | w[1];
      const auto value =
          static_cast<std::uint64_t>(static_cast<unsigned __int128>(bits) * range >> 64);
      y[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(op.low) + value);
    }
  });
}

void run(const ops::Dropout& op, cpu::Context& ctx, Ins in, Outs out) {
  const Counter counter = take(in[1]);
  auto* const used = out_ptr<std::int64_t>(out[1]);
  used[0] = static_cast<std::int64_t>(counter.seed);
  used[1] = static_cast<std::int64_t>(counter.offset);
  run_mask(op.name, ctx, counter, op.p, op.channels, in[0], out[0]);
}

void run(const ops::DropoutGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const auto* used = in_ptr<std::int64_t>(in[1]);
  const Counter counter{static_cast<std::uint64_t>(used[0]), static_cast<std::uint64_t>(used[1])};
  run_mask(op.name, ctx, counter, op.p, op.channels, in[0], out[0]);
}

}  // namespace glassbox
