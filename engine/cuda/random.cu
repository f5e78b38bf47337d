// Random numbers: the words of the CPU's kernels (cpu/random.cpp). A thread makes one Philox block
// and the four elements it is for, and writes them at once. The kernel that draws only reads the
// generator's state; a second launch on the stream advances it.
#include <cmath>
#include <numbers>

#include "engine/core/philox.h"
#include "engine/cuda/launch.h"
#include "engine/ops/math.h"
#include "engine/ops/random.h"

namespace glassbox {
namespace cuda {
namespace {

// Words of block i, for the counter {seed, offset} in device memory.
__device__ inline Philox::Words words_of(const std::int64_t* counter, std::int64_t block) {
  return Philox::words(static_cast<std::uint64_t>(counter[0]), static_cast<std::uint64_t>(block),
                       static_cast<std::uint64_t>(counter[1]));
}

struct Advance {
  std::int64_t *state, *used;  // used: null, or where the counter that was used is kept
  __device__ void operator()(std::int64_t) const {
    const std::int64_t seed = state[0], offset = state[1];
    if (used) {
      used[0] = seed;
      used[1] = offset;
    }
    state[1] = static_cast<std::int64_t>(static_cast<std::uint64_t>(offset) + 1);
  }
};

void advance(const Context& ctx, const Tensor& state, const Tensor& used = {}) {
  for_each(ctx, 1, Advance{out_ptr<std::int64_t>(state), out_ptr<std::int64_t>(used)});
}

template <class T>
struct alignas(4 * sizeof(T)) Four {
  T v[4];
};
template <class T>
bool holds_fours(const T* p) {
  return reinterpret_cast<std::uintptr_t>(p) % sizeof(Four<T>) == 0;
}

// The four elements of a block, fewer at the end: in one access where the memory is aligned.
template <class T>
__device__ void write_four(T* y, std::int64_t n, std::int64_t block, bool aligned,
                           const Four<T>& values) {
  if (aligned && 4 * block + 4 <= n) {
    reinterpret_cast<Four<T>*>(y)[block] = values;
    return;
  }
  for (int k = 0; k < 4 && 4 * block + k < n; ++k) y[4 * block + k] = values.v[k];
}

// F gives a block's four values for its words.
template <class T, class F>
struct Draw {
  const std::int64_t* counter;
  T* y;
  std::int64_t n;
  bool aligned;
  F f;
  __device__ void operator()(std::int64_t block) const {
    Four<T> values;
    f(words_of(counter, block), values);
    write_four(y, n, block, aligned, values);
  }
};

template <class T, class F>
void draw(const Context& ctx, const Tensor& state, const Tensor& out, const F& f) {
  T* const y = out_ptr<T>(out);
  const std::int64_t n = out.numel();
  for_each(ctx, (n + 3) / 4, Draw<T, F>{in_ptr<std::int64_t>(state), y, n, holds_fours(y), f});
  advance(ctx, state);
}

// The number next to `high` on the way to `low`.
template <class T>
T next_below(T high, T low) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::nextafter(high, low);
  } else {
    const float value = cuda::load(high);
    if (!(cuda::load(low) < value)) return high;
    T next;
    next.bits = static_cast<std::uint16_t>(value == 0  ? 0x8001
                                           : value > 0 ? high.bits - 1
                                                       : high.bits + 1);
    return next;
  }
}

// One fma, in double and with the 24 bits of a float for every type: the same on every device.
template <class T>
struct UniformOf {
  double range, low;
  T last;  // rounding must not reach high
  __device__ void operator()(const Philox::Words& words, Four<T>& values) const {
    for (int k = 0; k < 4; ++k) {
      const double u = static_cast<double>(Philox::uniform(words[static_cast<std::size_t>(k)]));
      const T value = store<T>(static_cast<Compute<T>>(::fma(range, u, low)));
      values.v[k] = cuda::load(last) < cuda::load(value) ? last : value;
    }
  }
};

// Two normals from two words: r cos and r sin of a uniform angle, r = sqrt(-2 log u), u in (0, 1].
template <class T>
struct NormalOf {
  double mean, std;
  __device__ void operator()(const Philox::Words& words, Four<T>& values) const {
    for (int k = 0; k < 4; k += 2) {
      const auto first = static_cast<std::size_t>(k);
      const double u = (static_cast<double>(words[first]) + 1) * 0x1p-32;
      const double angle = 2 * std::numbers::pi * (static_cast<double>(words[first + 1]) * 0x1p-32);
      const double r = math::sqrt(-2 * math::log(u));
      values.v[k] = store<T>(static_cast<Compute<T>>(::fma(std, r * math::cos(angle), mean)));
      values.v[k + 1] = store<T>(static_cast<Compute<T>>(::fma(std, r * math::sin(angle), mean)));
    }
  }
};

// One block per element: 64 random bits times the range leave a bias below range / 2^64.
struct Integer {
  const std::int64_t* counter;
  std::int64_t* y;
  std::uint64_t low, range;
  __device__ void operator()(std::int64_t i) const {
    const Philox::Words w = words_of(counter, i);
    const std::uint64_t bits = std::uint64_t(w[0]) << 32 | w[1];
    y[i] = static_cast<std::int64_t>(low + __umul64hi(bits, range));
  }
};

// y = keep ? x / (1 - p) : 0, for a unit of elements alike: its word over 2^32 must reach p.
template <class T>
struct Mask {
  const std::int64_t* counter;
  const T* x;
  T* y;
  std::int64_t units, inner;
  std::uint64_t threshold;
  Compute<T> scale;
  bool aligned;

  __device__ T masked(T value, std::uint32_t word) const {
    return word >= threshold ? store<T>(cuda::load(value) * scale) : store<T>(Compute<T>(0));
  }
};

template <class T>
struct MaskElements {
  Mask<T> m;
  __device__ void operator()(std::int64_t block) const {
    const Philox::Words words = words_of(m.counter, block);
    Four<T> values{};
    if (m.aligned && 4 * block + 4 <= m.units) {
      values = reinterpret_cast<const Four<T>*>(m.x)[block];
    } else {
      for (int k = 0; k < 4 && 4 * block + k < m.units; ++k) {
        values.v[k] = m.x[4 * block + k];
      }
    }
    for (int k = 0; k < 4; ++k) {
      values.v[k] = m.masked(values.v[k], words[static_cast<std::size_t>(k)]);
    }
    write_four(m.y, m.units, block, m.aligned, values);
  }
};

// A block of threads for four channels, whose elements are neighbours in memory.
template <class T>
struct MaskChannels {
  Mask<T> m;
  __device__ void operator()(std::int64_t block) const {
    const Philox::Words words = words_of(m.counter, block);
    const std::int64_t inner = m.inner, first = 4 * block;
    const std::int64_t left = m.units - first, count = (left < 4 ? left : 4) * inner;
    for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
      const std::uint32_t word = i < inner       ? words[0]
                                 : i < 2 * inner ? words[1]
                                 : i < 3 * inner ? words[2]
                                                 : words[3];
      const std::int64_t at = first * inner + i;
      m.y[at] = m.masked(m.x[at], word);
    }
  }
};

void run_mask(const Context& ctx, const Tensor& counter, double p, bool channels, const Tensor& x,
              const Tensor& y) {
  const Shape& shape = x.shape();
  const std::int64_t inner = channels ? shape.product(2, shape.rank()) : 1;
  const std::int64_t units = channels ? shape[0] * shape[1] : shape.numel();
  dispatch_floating(ctx, x.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* const from = in_ptr<T>(x);
    T* const to = out_ptr<T>(y);
    const Mask<T> mask{in_ptr<std::int64_t>(counter),
                       from,
                       to,
                       units,
                       inner,
                       static_cast<std::uint64_t>(std::ceil(p * 0x1p32)),
                       p < 1 ? static_cast<Compute<T>>(1 / (1 - p)) : Compute<T>(0),
                       holds_fours(from) && holds_fours<T>(to)};
    const std::int64_t blocks = (units + 3) / 4;
    if (inner == 1) {
      for_each(ctx, blocks, MaskElements<T>{mask});
    } else if (inner > 0) {
      for_rows(ctx, blocks, 4 * inner, MaskChannels<T>{mask});
    }
  });
}

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::Uniform& op, Context& ctx, Ins in, Outs out) {
  dispatch_floating(ctx, op.dtype, [&](auto type) {
    using T = decltype(type);
    const auto rounded = [](double v) { return store<T>(static_cast<Compute<T>>(v)); };
    const T last = next_below(rounded(op.high), rounded(op.low));
    draw<T>(ctx, in[0], out[0], UniformOf<T>{op.high - op.low, op.low, last});
  });
}

void run(const ops::Normal& op, Context& ctx, Ins in, Outs out) {
  dispatch_floating(ctx, op.dtype, [&](auto type) {
    using T = decltype(type);
    draw<T>(ctx, in[0], out[0], NormalOf<T>{op.mean, op.std});
  });
}

void run(const ops::RandInt& op, Context& ctx, Ins in, Outs out) {
  const auto low = static_cast<std::uint64_t>(op.low);
  for_each(ctx, out[0].numel(),
           Integer{in_ptr<std::int64_t>(in[0]), out_ptr<std::int64_t>(out[0]), low,
                   static_cast<std::uint64_t>(op.high) - low});
  advance(ctx, in[0]);
}

void run(const ops::Dropout& op, Context& ctx, Ins in, Outs out) {
  run_mask(ctx, in[1], op.p, op.channels, in[0], out[0]);
  advance(ctx, in[1], out[1]);
}

void run(const ops::DropoutGrad& op, Context& ctx, Ins in, Outs out) {
  run_mask(ctx, in[1], op.p, op.channels, in[0], out[0]);
}

}  // namespace glassbox
