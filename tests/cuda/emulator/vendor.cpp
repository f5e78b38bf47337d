// What cuDNN and cuBLASLt do, by plain loops in double: the emulated backend's vendor.h. Each is
// enqueued, as a kernel is.
#include "engine/cuda/vendor.h"

#include <cmath>
#include <limits>
#include <vector>

#include "engine/cuda/types.h"
#include "tests/cuda/emulator/emulator.h"

namespace glassbox::cuda {

struct Vendor {};
void VendorDeleter::operator()(Vendor* vendor) const { delete vendor; }
std::unique_ptr<Vendor, VendorDeleter> make_vendor(int, cudaStream_t) {
  return std::unique_ptr<Vendor, VendorDeleter>(new Vendor);
}
std::string vendor_versions() { return "emulated cuDNN and cuBLAS"; }

namespace {

// An array of any floating-point type as double.
class Array {
 public:
  Array(const void* data, DType dtype) : data_(const_cast<void*>(data)), dtype_(dtype) {}
  double operator[](std::int64_t i) const {
    switch (dtype_) {
      case DType::f64:
        return static_cast<double*>(data_)[i];
      case DType::f16:
        return static_cast<double>(load(static_cast<Half*>(data_)[i]));
      case DType::bf16:
        return static_cast<double>(load(static_cast<BFloat16*>(data_)[i]));
      default:
        return static_cast<double>(static_cast<float*>(data_)[i]);
    }
  }
  void set(std::int64_t i, double value) const {
    switch (dtype_) {
      case DType::f64:
        static_cast<double*>(data_)[i] = value;
        break;
      case DType::f16:
        static_cast<Half*>(data_)[i] = Half(static_cast<float>(value));
        break;
      case DType::bf16:
        static_cast<BFloat16*>(data_)[i] = BFloat16(static_cast<float>(value));
        break;
      default:
        static_cast<float*>(data_)[i] = static_cast<float>(value);
    }
  }

 private:
  void* data_;
  DType dtype_;
};

// Calls f for every multiply-add of a convolution: the flat places in x, w and y.
template <class F>
void for_taps(const ConvProblem& p, const F& f) {
  const std::int64_t in = p.w[1], out = p.y[1] / p.groups;
  for (std::int64_t n = 0; n < p.y[0]; ++n)
    for (std::int64_t o = 0; o < p.y[1]; ++o)
      for (std::int64_t h = 0; h < p.y[2]; ++h)
        for (std::int64_t w = 0; w < p.y[3]; ++w)
          for (std::int64_t c = 0; c < in; ++c)
            for (std::int64_t i = 0; i < p.w[2]; ++i)
              for (std::int64_t j = 0; j < p.w[3]; ++j) {
                const std::int64_t row = h * p.stride.h - p.padding.h + i * p.dilation.h;
                const std::int64_t column = w * p.stride.w - p.padding.w + j * p.dilation.w;
                if (row < 0 || row >= p.x[2] || column < 0 || column >= p.x[3]) continue;
                const std::int64_t channel = o / out * in + c;
                f(((n * p.x[1] + channel) * p.x[2] + row) * p.x[3] + column,
                  ((o * in + c) * p.w[2] + i) * p.w[3] + j,
                  ((n * p.y[1] + o) * p.y[2] + h) * p.y[3] + w);
              }
}

void enqueue(const Context& ctx, std::function<void()> work) {
  ++*ctx.launches;
  emulator::enqueue(ctx.stream, std::move(work));
}

}  // namespace

void gemm(const Context& ctx, const Gemm& g, const void* a_data, const void* b_data,
          const void* bias_data, void* c_data) {
  enqueue(ctx, [=] {
    const Array a(a_data, g.dtype), b(b_data, g.dtype), bias(bias_data, g.dtype),
        c(c_data, g.dtype);
    for (std::int64_t s = 0; s < g.batch; ++s)
      for (std::int64_t i = 0; i < g.m; ++i)
        for (std::int64_t j = 0; j < g.n; ++j) {
          const std::int64_t at = s * g.stride_c + i * g.n + j;
          double sum = g.bias ? bias[j] : 0;
          if (g.accumulate) sum += c[at];
          for (std::int64_t k = 0; k < g.k; ++k) {
            sum += a[s * g.stride_a + (g.transpose_a ? k * g.m + i : i * g.k + k)] *
                   b[s * g.stride_b + (g.transpose_b ? j * g.k + k : k * g.n + j)];
          }
          c.set(at, sum);
        }
  });
}

// Like cuDNN it has no plan for some problems: those of f64, and the unpadded ones with dilation.
std::int64_t conv_workspace(const Context&, const ConvProblem& p) {
  if (p.dtype == DType::f64 || (p.dilation != Pair(1) && p.padding == Pair(0))) return -1;
  return 1000;
}

void conv(const Context& ctx, const ConvProblem& p, const void* a, const void* b, void* result,
          void* workspace) {
  enqueue(ctx, [=] {
    std::memset(workspace, 0x5A, 1000);
    const bool to_y = p.kind == ConvKind::forward, to_x = p.kind == ConvKind::grad_input;
    const Array first(a, p.dtype), second(b, p.dtype), out(result, p.dtype);
    std::vector<double> sums(static_cast<std::size_t>((to_y ? p.y : to_x ? p.x : p.w).numel()));
    for_taps(p, [&](std::int64_t x, std::int64_t w, std::int64_t y) {
      if (to_y)
        sums[static_cast<std::size_t>(y)] += first[x] * second[w];
      else if (to_x)
        sums[static_cast<std::size_t>(x)] += first[y] * second[w];
      else
        sums[static_cast<std::size_t>(w)] += first[x] * second[y];
    });
    for (std::size_t i = 0; i < sums.size(); ++i) out.set(static_cast<std::int64_t>(i), sums[i]);
  });
}

namespace {

// Calls f(plane, out, y's place, first and last row and column of the window in the image).
template <class F>
void for_windows(const PoolProblem& p, const F& f) {
  for (std::int64_t plane = 0; plane < p.x[0] * p.x[1]; ++plane)
    for (std::int64_t h = 0; h < p.y[2]; ++h)
      for (std::int64_t w = 0; w < p.y[3]; ++w) {
        const std::int64_t top = h * p.stride.h - p.padding.h, left = w * p.stride.w - p.padding.w;
        const std::int64_t bottom = std::min(top + p.kernel.h, p.x[2]);
        const std::int64_t right = std::min(left + p.kernel.w, p.x[3]);
        f(plane * p.x[2] * p.x[3], (plane * p.y[2] + h) * p.y[3] + w,
          std::max<std::int64_t>(top, 0), bottom, std::max<std::int64_t>(left, 0), right);
      }
}

double divisor(const PoolProblem& p, std::int64_t taps) {
  return static_cast<double>(p.count_include_pad ? std::int64_t(p.kernel.h) * p.kernel.w : taps);
}

}  // namespace

void pool_forward(const Context& ctx, const PoolProblem& p, const void* x_data, void* y_data) {
  enqueue(ctx, [=] {
    const Array x(x_data, p.dtype), y(y_data, p.dtype);
    for_windows(p, [&](std::int64_t plane, std::int64_t to, std::int64_t top, std::int64_t bottom,
                       std::int64_t left, std::int64_t right) {
      double value = p.average ? 0 : -std::numeric_limits<double>::infinity();
      for (std::int64_t r = top; r < bottom; ++r)
        for (std::int64_t c = left; c < right; ++c) {
          const double v = x[plane + r * p.x[3] + c];
          if (p.average)
            value += v;
          else if (v > value || std::isnan(v))
            value = v;
        }
      y.set(to, p.average ? value / divisor(p, (bottom - top) * (right - left)) : value);
    });
  });
}

void norm_forward(const Context& ctx, const NormProblem& p, const void* x_data,
                  const void* weight_data, const void* bias_data, void* y_data, void* mean_data,
                  void* inverse_data) {
  enqueue(ctx, [=] {
    const DType own = p.dtype == DType::f64 ? DType::f64 : DType::f32;
    const Array x(x_data, p.dtype), y(y_data, p.dtype), weight(weight_data, own),
        bias(bias_data, own), mean(mean_data, own), inverse(inverse_data, own);
    const std::int64_t plane = p.x[2] * p.x[3], count = p.x[0] * plane;
    for (std::int64_t c = 0; c < p.x[1]; ++c) {
      double sum = 0, squares = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t at = (i / plane * p.x[1] + c) * plane + i % plane;
        sum += x[at];
      }
      const double m = sum / static_cast<double>(count);
      for (std::int64_t i = 0; i < count; ++i) {
        const double d = x[(i / plane * p.x[1] + c) * plane + i % plane] - m;
        squares += d * d;
      }
      const double s = 1 / std::sqrt(squares / static_cast<double>(count) + p.eps);
      mean.set(c, m);
      inverse.set(c, s);
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t at = (i / plane * p.x[1] + c) * plane + i % plane;
        y.set(at, (x[at] - m) * s * weight[c] + bias[c]);
      }
    }
  });
}

void norm_backward(const Context& ctx, const NormProblem& p, const void* x_data,
                   const void* dy_data, const void* weight_data, const void* mean_data,
                   const void* inverse_data, void* dx_data, void* dweight_data, void* dbias_data) {
  enqueue(ctx, [=] {
    const DType own = p.dtype == DType::f64 ? DType::f64 : DType::f32;
    const Array x(x_data, p.dtype), dy(dy_data, p.dtype), dx(dx_data, p.dtype),
        weight(weight_data, own), mean(mean_data, own), inverse(inverse_data, own),
        dweight(dweight_data, own), dbias(dbias_data, own);
    const std::int64_t plane = p.x[2] * p.x[3], count = p.x[0] * plane;
    for (std::int64_t c = 0; c < p.x[1]; ++c) {
      double sum = 0, product = 0;
      const auto at = [&](std::int64_t i) { return (i / plane * p.x[1] + c) * plane + i % plane; };
      const auto normal = [&](std::int64_t i) { return (x[at(i)] - mean[c]) * inverse[c]; };
      for (std::int64_t i = 0; i < count; ++i) {
        sum += dy[at(i)];
        product += dy[at(i)] * normal(i);
      }
      dweight.set(c, product);
      dbias.set(c, sum);
      const double n = static_cast<double>(count);
      for (std::int64_t i = 0; i < count; ++i) {
        dx.set(at(i), weight[c] * inverse[c] * (dy[at(i)] - sum / n - normal(i) * product / n));
      }
    }
  });
}

}  // namespace glassbox::cuda
