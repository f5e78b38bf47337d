// Kernels that move elements. They copy bits, so they serve every type.
#include "engine/ops/shape.h"

#include <algorithm>
#include <cstring>

#include "engine/cpu/broadcast.h"
#include "engine/cpu/dispatch.h"

namespace glassbox {

using namespace cpu;

namespace {

// A dense tensor seen as [outer, n, inner] around dimension d.
struct Around {
  std::int64_t outer, n, inner;
  Around(const Shape& shape, int dim)
      : outer(shape.product(0, dim)), n(shape[dim]), inner(shape.product(dim + 1, shape.rank())) {}
};

std::int64_t first_of(const ops::Slice& op, std::int64_t size) {
  return std::clamp<std::int64_t>(op.start < 0 ? op.start + size : op.start, 0, size);
}

// y[i] = x[offset of i], where the offset is a sum of index * step over y's dimensions.
template <class T>
void gather_strided(const cpu::Context& ctx, const T* x, T* y, const Shape& shape,
                    const std::array<std::int64_t, Shape::max_rank>& step) {
  const int rank = shape.rank();
  const std::int64_t inner = rank ? shape.back() : 1, inner_step = rank ? step[rank - 1] : 0;
  const std::int64_t rows = rank ? shape.product(0, rank - 1) : 1;
  if (rows * inner == 0) return;
  parallel_chunks(ctx, rows, std::max<std::int64_t>(1, grain / inner), [&](auto begin, auto end) {
    for (std::int64_t row = begin; row < end; ++row) {
      std::int64_t rest = row, at = 0;
      for (int d = rank - 2; d >= 0; --d) {
        at += rest % shape[d] * step[d];
        rest /= shape[d];
      }
      for (std::int64_t i = 0; i < inner; ++i) y[row * inner + i] = x[at + i * inner_step];
    }
  });
}

}  // namespace

void run(const ops::Copy&, cpu::Context& ctx, Ins in, Outs out) {
  const std::byte* from = in[0].raw();
  std::byte* to = out[0].raw();
  parallel_chunks(ctx, static_cast<std::int64_t>(out[0].spec().bytes()), 4 * grain,
                  [&](std::int64_t begin, std::int64_t end) {
                    std::memcpy(to + begin, from + begin, static_cast<std::size_t>(end - begin));
                  });
}

void run(const ops::Permute& op, cpu::Context& ctx, Ins in, Outs out) {
  const Shape& x = in[0].shape();
  std::array<std::int64_t, Shape::max_rank> step{};
  for (std::size_t i = 0; i < op.dims.size(); ++i) {
    const int d = normalize_dim(op.name, op.dims[i], x.rank());
    step[i] = x.product(d + 1, x.rank());
  }
  dispatch_width(in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    gather_strided(ctx, in_ptr<T>(in[0]), out_ptr<T>(out[0]), out[0].shape(), step);
  });
}

void run(const ops::Expand&, cpu::Context& ctx, Ins in, Outs out) {
  const Shape &x = in[0].shape(), &y = out[0].shape();
  std::array<std::int64_t, Shape::max_rank> step{};
  for (int d = 0; d < y.rank(); ++d) {
    const int own = d - (y.rank() - x.rank());
    step[static_cast<std::size_t>(d)] = own < 0 || x[own] == 1 ? 0 : x.product(own + 1, x.rank());
  }
  dispatch_width(in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    gather_strided(ctx, in_ptr<T>(in[0]), out_ptr<T>(out[0]), y, step);
  });
}

void run(const ops::Slice& op, cpu::Context& ctx, Ins in, Outs out) {
  const int d = normalize_dim(op.name, op.dim, in[0].dim());
  const Around x(in[0].shape(), d), y(out[0].shape(), d);
  const std::int64_t first = first_of(op, x.n);
  dispatch_width(in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* from = in_ptr<T>(in[0]);
    T* to = out_ptr<T>(out[0]);
    parallel_for(ctx, y.outer * y.n, [&](std::int64_t row) {
      const std::int64_t o = row / y.n, i = row % y.n;
      std::copy_n(from + (o * x.n + first + i * op.step) * x.inner, x.inner, to + row * y.inner);
    });
  });
}

void run(const ops::SliceGrad& op, cpu::Context& ctx, Ins in, Outs out) {
  const int d = normalize_dim(op.name, op.slice.dim, in[0].dim());
  const Around dy(in[0].shape(), d), dx(out[0].shape(), d);
  const std::int64_t first = first_of(op.slice, dx.n);
  dispatch_width(in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T* from = in_ptr<T>(in[0]);
    T* to = out_ptr<T>(out[0]);
    parallel_for(ctx, dx.outer * dx.n, [&](std::int64_t row) {
      const std::int64_t o = row / dx.n, i = row % dx.n - first;
      const bool inside = i >= 0 && i % op.slice.step == 0 && i / op.slice.step < dy.n;
      if (inside) {
        std::copy_n(from + (o * dy.n + i / op.slice.step) * dy.inner, dx.inner,
                    to + row * dx.inner);
      } else {
        std::fill_n(to + row * dx.inner, dx.inner, T(0));
      }
    });
  });
}

void run(const ops::Concat& op, cpu::Context& ctx, Ins in, Outs out) {
  const int d = normalize_dim(op.name, op.dim, out[0].dim());
  const Around y(out[0].shape(), d);
  const std::size_t width = size_of(out[0].dtype());
  std::int64_t at = 0;
  for (const Tensor& part : in) {
    const Around x(part.shape(), d);
    const std::size_t run = static_cast<std::size_t>(x.n * x.inner) * width;
    if (run != 0) {
      parallel_for(ctx, y.outer, [&](std::int64_t o) {
        std::memcpy(out[0].raw() + static_cast<std::size_t>((o * y.n + at) * y.inner) * width,
                    part.raw() + static_cast<std::size_t>(o) * run, run);
      });
    }
    at += x.n;
  }
}

void run(const ops::Pad& op, cpu::Context& ctx, Ins in, Outs out) {
  const Shape &x = in[0].shape(), &y = out[0].shape();
  const int rank = y.rank();
  std::array<std::int64_t, Shape::max_rank> before{};
  for (std::size_t i = 0; i < op.amounts.size() / 2; ++i) {
    before[static_cast<std::size_t>(rank) - 1 - i] = op.amounts[2 * i];
  }
  dispatch_any(in[0].dtype(), [&](auto type) {
    using T = decltype(type);
    T fill{};
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
      fill = T(static_cast<float>(op.value));
    } else {
      fill = static_cast<T>(op.value);
    }
    const T* from = in_ptr<T>(in[0]);
    T* to = out_ptr<T>(out[0]);
    const std::int64_t inner = rank ? y.back() : 1, rows = rank ? y.product(0, rank - 1) : 1;
    if (rows * inner == 0) return;
    parallel_chunks(ctx, rows, std::max<std::int64_t>(1, grain / inner), [&](auto begin, auto end) {
      for (std::int64_t row = begin; row < end; ++row) {
        std::int64_t rest = row, at = 0;
        bool inside = true;
        for (int d = rank - 2; d >= 0; --d) {
          const std::int64_t i = rest % y[d] - before[static_cast<std::size_t>(d)];
          rest /= y[d];
          inside = inside && i >= 0 && i < x[d];
          at += i * x.product(d + 1, rank);
        }
        const std::int64_t shift = rank ? before[static_cast<std::size_t>(rank) - 1] : 0;
        const std::int64_t width = rank ? x.back() : 1;
        for (std::int64_t i = 0; i < inner; ++i) {
          const std::int64_t j = i - shift;
          to[row * inner + i] = inside && j >= 0 && j < width ? from[at + j] : fill;
        }
      }
    });
  });
}

}  // namespace glassbox
