// Batch normalisation: cuDNN for training on images, else own kernels. Statistics are taken for
// chunks of images by two passes, mean then squared deviations, and merged in order (Chan, Golub &
// LeVeque 1979); chunks depend on the shape alone, so the bits do too.
#include "engine/cuda/launch.h"
#include "engine/cuda/vendor.h"
#include "engine/ops/math.h"
#include "engine/ops/norm.h"

namespace glassbox {
namespace cuda {
namespace {

// x as [n, c, plane], its images in chunks.
struct Planes {
  std::int64_t n, c, plane, images, chunks;
  explicit Planes(const Shape& x)
      : n(x[0]), c(x[1]), plane(x.product(2, x.rank())), images(1), chunks(1) {
    images = std::max<std::int64_t>(1, 8192 / std::max<std::int64_t>(1, plane));
    images = std::max(images, (n + 63) / 64);
    chunks = std::max<std::int64_t>(1, (n + images - 1) / images);
  }
  GLASSBOX_HD std::int64_t count() const { return n * plane; }
  // Chunk k holds the images from first(k) to before first(k + 1).
  GLASSBOX_HD std::int64_t first(std::int64_t k) const { return k * images < n ? k * images : n; }
  GLASSBOX_HD std::int64_t size(std::int64_t k) const { return (first(k + 1) - first(k)) * plane; }
  // Element i of channel `channel` in chunk k.
  GLASSBOX_HD std::int64_t at(std::int64_t k, std::int64_t channel, std::int64_t i) const {
    return ((first(k) + i / plane) * c + channel) * plane + i % plane;
  }
};

// What is summed of a chunk, and what is made of the sums, per channel.
struct Partial {
  double first, second;  // mean and squared deviations; or the sums of dy and of dy x^
};

template <class T>
struct ChunkStatistics {  // a block for each channel and chunk
  Planes s;
  const T* x;
  Partial* to;
  __device__ void operator()(std::int64_t row) const {
    const std::int64_t channel = row / s.chunks, k = row % s.chunks, size = s.size(k);
    Compute<T> sum(0), squares(0);
    for (std::int64_t i = threadIdx.x; i < size; i += blockDim.x) {
      sum += cuda::load(x[s.at(k, channel, i)]);
    }
    const Compute<T> mean = block_sum(sum) / static_cast<Compute<T>>(size);
    for (std::int64_t i = threadIdx.x; i < size; i += blockDim.x) {
      const Compute<T> d = cuda::load(x[s.at(k, channel, i)]) - mean;
      squares += d * d;
    }
    squares = block_sum(squares);
    if (threadIdx.x == 0) to[row] = {static_cast<double>(mean), static_cast<double>(squares)};
  }
};

template <class P>
struct MergeStatistics {  // a thread for each channel
  Planes s;
  const Partial* from;
  P *mean, *variance;
  __device__ void operator()(std::int64_t channel) const {
    double m = 0, squares = 0, count = 0;
    for (std::int64_t k = 0; k < s.chunks; ++k) {
      const double size = static_cast<double>(s.size(k));
      if (size == 0) continue;
      const Partial& p = from[channel * s.chunks + k];
      const double all = count + size, d = p.first - m;
      m += d * size / all;
      squares += p.second + d * d * count * size / all;
      count = all;
    }
    mean[channel] = store<P>(static_cast<Compute<P>>(m));
    variance[channel] = store<P>(static_cast<Compute<P>>(count > 0 ? squares / count : 0));
  }
};

template <class T, class P>
struct Normalise {
  std::int64_t channels, plane;
  const T* x;
  const P *weight, *bias, *mean, *variance;
  double eps;
  T* y;
  __device__ void operator()(std::int64_t i) const {
    using C = Compute<T>;
    const std::int64_t channel = i / plane % channels;
    const C inverse =
        C(1) / math::sqrt(static_cast<C>(cuda::load(variance[channel])) + static_cast<C>(eps));
    const C normal = (cuda::load(x[i]) - static_cast<C>(cuda::load(mean[channel]))) * inverse;
    const C w = weight ? static_cast<C>(cuda::load(weight[channel])) : C(1);
    const C b = bias ? static_cast<C>(cuda::load(bias[channel])) : C(0);
    y[i] = store<T>(normal * w + b);
  }
};

template <class T, class P>
struct ChunkGradient {  // the sums of dy and of dy x^ over a chunk
  Planes s;
  const T *dy, *x;
  const P *mean, *variance;
  double eps;
  Partial* to;
  __device__ void operator()(std::int64_t row) const {
    using C = Compute<T>;
    const std::int64_t channel = row / s.chunks, k = row % s.chunks;
    const C m = static_cast<C>(cuda::load(mean[channel]));
    const C inverse =
        C(1) / math::sqrt(static_cast<C>(cuda::load(variance[channel])) + static_cast<C>(eps));
    C sum(0), product(0);
    for (std::int64_t i = threadIdx.x; i < s.size(k); i += blockDim.x) {
      const std::int64_t at = s.at(k, channel, i);
      const C d = cuda::load(dy[at]);
      sum += d;
      if (x) product += d * (cuda::load(x[at]) - m) * inverse;
    }
    sum = block_sum(sum);
    product = block_sum(product);
    if (threadIdx.x == 0) to[row] = {static_cast<double>(sum), static_cast<double>(product)};
  }
};

template <class P>
struct MergeGradient {
  Planes s;
  Partial* sums;  // the first chunk's becomes the channel's
  P *dweight, *dbias;
  __device__ void operator()(std::int64_t channel) const {
    Partial total{0, 0};
    for (std::int64_t k = 0; k < s.chunks; ++k) {
      total.first += sums[channel * s.chunks + k].first;
      total.second += sums[channel * s.chunks + k].second;
    }
    sums[channel * s.chunks] = total;
    dweight[channel] = store<P>(static_cast<Compute<P>>(total.second));
    dbias[channel] = store<P>(static_cast<Compute<P>>(total.first));
  }
};

template <class T, class P>
struct InputGradient {
  Planes s;
  bool training;
  const T *dy, *x;  // without x only the bias's gradient is wanted, and dx is nobody's
  const P *weight, *mean, *variance;
  double eps;
  const Partial* sums;
  T* dx;
  __device__ void operator()(std::int64_t i) const {
    using C = Compute<T>;
    const std::int64_t channel = i / s.plane % s.c;
    const C inverse =
        C(1) / math::sqrt(static_cast<C>(cuda::load(variance[channel])) + static_cast<C>(eps));
    const C scale = weight ? static_cast<C>(cuda::load(weight[channel])) * inverse : inverse;
    C d = cuda::load(dy[i]);
    if (training && x) {
      const Partial& p = sums[channel * s.chunks];
      const double n = static_cast<double>(s.count());
      const C normal = (cuda::load(x[i]) - static_cast<C>(cuda::load(mean[channel]))) * inverse;
      d -= static_cast<C>(p.first / n) + normal * static_cast<C>(p.second / n);
    }
    dx[i] = store<T>(d * scale);
  }
};

// What cuDNN wants where the module has none, and what it gives where we keep the variance.
struct FillOnes {
  float *weight, *bias;
  __device__ void operator()(std::int64_t c) const {
    weight[c] = 1;
    bias[c] = 0;
  }
};
struct ToVariance {
  const float* inverse;
  double eps;
  float* variance;
  __device__ void operator()(std::int64_t c) const {
    const double s = static_cast<double>(inverse[c]), v = 1 / (s * s) - eps;
    variance[c] = static_cast<float>(v > 0 ? v : 0);
  }
};
struct ToInverse {
  const float* variance;
  double eps;
  float* inverse;
  __device__ void operator()(std::int64_t c) const {
    inverse[c] = static_cast<float>(1 / math::sqrt(static_cast<double>(variance[c]) + eps));
  }
};

// cuDNN takes images of f32 and f16, with parameters and statistics in f32; its sizes are 32 bits.
bool cudnn_takes(DType dtype, DType parameters, const Shape& x) {
  return x.rank() == 4 && x.numel() > 0 && x.numel() <= INT32_MAX && parameters == DType::f32 &&
         (dtype == DType::f32 || dtype == DType::f16);
}

std::size_t scratch_of(const Shape& x) {
  if (x.numel() == 0) return 0;
  const Planes s(x);
  const auto partials = static_cast<std::size_t>(s.c * s.chunks) * sizeof(Partial);
  return std::max(partials, static_cast<std::size_t>(s.c) * 3 * sizeof(float));
}

// Calls f(T(), P()): the activations' type and that of parameters and statistics, which is f32
// where halves are trained with f32 parameters.
template <class F>
void dispatch_pair(const Context& ctx, DType dtype, DType parameters, const F& f) {
  dispatch_floating(ctx, dtype, [&](auto type) {
    using T = decltype(type);
    if (parameters == dtype) return f(type, type);
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
      if (parameters == DType::f32) return f(type, float());
    }
    fail(ctx.op, cat("CUDA computes no ", dtype, " with ", parameters, " parameters"));
  });
}

}  // namespace
}  // namespace cuda

using namespace cuda;

std::size_t scratch(const ops::BatchNorm& op, const Context&, Specs in, Specs) {
  return op.training ? scratch_of(in[0].shape) : 0;
}

void run(const ops::BatchNorm& op, Context& ctx, Ins in, Outs out) {
  const Tensor &x = in[0], &y = out[0];
  const Tensor& mean = op.training ? out[1] : in[3];
  const Tensor& variance = op.training ? out[2] : in[4];
  const Planes s(x.shape());
  if (op.training && cudnn_takes(x.dtype(), mean.dtype(), x.shape()) &&
      aligned({&x, &y, &in[1], &in[2]})) {
    auto* const room = ctx.scratch_as<float>();
    const float *weight = in_ptr<float>(in[1]), *bias = in_ptr<float>(in[2]);
    if (!weight || !bias) for_each(ctx, s.c, FillOnes{room, room + s.c});
    if (!weight) weight = room;
    if (!bias) bias = room + s.c;
    float* const inverse = room + 2 * s.c;
    norm_forward(ctx, {x.dtype(), x.shape(), op.eps}, x.raw(), weight, bias, y.raw(), mean.raw(),
                 inverse);
    return for_each(ctx, s.c, ToVariance{inverse, op.eps, out_ptr<float>(variance)});
  }
  dispatch_pair(ctx, x.dtype(), mean.dtype(), [&](auto type, auto parameter) {
    using T = decltype(type);
    using P = decltype(parameter);
    if (op.training) {
      auto* const partials = ctx.scratch_as<Partial>();
      if (x.numel() > 0) {
        for_rows(ctx, s.c * s.chunks, s.size(0), ChunkStatistics<T>{s, in_ptr<T>(x), partials});
      }
      for_each(ctx, s.c,
               MergeStatistics<P>{x.numel() > 0 ? s : Planes(Shape{0, s.c}), partials,
                                  out_ptr<P>(mean), out_ptr<P>(variance)});
    }
    for_each(ctx, x.numel(),
             Normalise<T, P>{s.c, s.plane, in_ptr<T>(x), in_ptr<P>(in[1]), in_ptr<P>(in[2]),
                             in_ptr<P>(mean), in_ptr<P>(variance), op.eps, out_ptr<T>(y)});
  });
}

std::size_t scratch(const ops::BatchNormGrad&, const Context&, Specs in, Specs) {
  return scratch_of(in[0].shape);
}

void run(const ops::BatchNormGrad& op, Context& ctx, Ins in, Outs out) {
  const Tensor &dy = in[0], &x = in[1], &weight = in[2], &mean = in[3], &variance = in[4];
  const Planes s(dy.shape());
  if (op.training && x.defined() && cudnn_takes(dy.dtype(), mean.dtype(), dy.shape()) &&
      aligned({&x, &dy, &weight, &mean})) {
    auto* const room = ctx.scratch_as<float>();
    const float* w = in_ptr<float>(weight);
    if (!w) {
      for_each(ctx, s.c, FillOnes{room, room + s.c});
      w = room;
    }
    float* const inverse = room + 2 * s.c;
    for_each(ctx, s.c, ToInverse{in_ptr<float>(variance), op.eps, inverse});
    return norm_backward(ctx, {dy.dtype(), dy.shape(), op.eps}, x.raw(), dy.raw(), w, mean.raw(),
                         inverse, out[0].raw(), out[1].raw(), out[2].raw());
  }
  dispatch_pair(ctx, dy.dtype(), mean.dtype(), [&](auto type, auto parameter) {
    using T = decltype(type);
    using P = decltype(parameter);
    auto* const sums = ctx.scratch_as<Partial>();
    const bool empty = dy.numel() == 0;
    if (!empty) {
      for_rows(ctx, s.c * s.chunks, s.size(0),
               ChunkGradient<T, P>{s, in_ptr<T>(dy), in_ptr<T>(x), in_ptr<P>(mean),
                                   in_ptr<P>(variance), op.eps, sums});
      for_each(ctx, s.c, MergeGradient<P>{s, sums, out_ptr<P>(out[1]), out_ptr<P>(out[2])});
    } else {
      for (int i = 1; i < 3; ++i) {
        check(ctx.op, "cudaMemsetAsync",
              cudaMemsetAsync(out[i].raw(), 0, out[i].spec().bytes(), ctx.stream));
      }
    }
    for_each(ctx, dy.numel(),
             InputGradient<T, P>{s, op.training, in_ptr<T>(dy), in_ptr<T>(x), in_ptr<P>(weight),
                                 in_ptr<P>(mean), in_ptr<P>(variance), op.eps, sums,
                                 out_ptr<T>(out[0])});
  });
}

namespace cuda {
namespace {

// The running statistics of one channel; see BatchNormUpdate. `batches` is read by every thread and
// advanced by a launch of its own.
template <class P>
struct UpdateStatistics {
  double momentum, unbias;
  bool cumulative;
  P *running_mean, *running_variance;
  const std::int64_t* batches;
  const P *mean, *variance;
  __device__ void operator()(std::int64_t c) const {
    using C = Compute<P>;
    const C m = static_cast<C>(cumulative ? 1.0 / static_cast<double>(*batches + 1) : momentum);
    const C keep = C(1) - m;
    running_mean[c] = store<P>(keep * cuda::load(running_mean[c]) + m * cuda::load(mean[c]));
    running_variance[c] = store<P>(keep * cuda::load(running_variance[c]) +
                                   m * (cuda::load(variance[c]) * static_cast<C>(unbias)));
  }
};
struct CountBatch {
  std::int64_t* batches;
  __device__ void operator()(std::int64_t) const { ++*batches; }
};

}  // namespace
}  // namespace cuda

void run(const ops::BatchNormUpdate& op, Context& ctx, Ins in, Outs) {
  const double n = static_cast<double>(op.count);
  const double unbias = op.count > 1 ? n / (n - 1) : 1;
  // An empty batch says nothing of the averages.
  const std::int64_t channels = op.count > 0 ? in[0].numel() : 0;
  dispatch_floating(ctx, in[0].dtype(), [&](auto type) {
    using P = decltype(type);
    for_each(ctx, channels,
             UpdateStatistics<P>{op.momentum, unbias, op.cumulative, out_ptr<P>(in[0]),
                                 out_ptr<P>(in[1]), in_ptr<std::int64_t>(in[2]), in_ptr<P>(in[3]),
                                 in_ptr<P>(in[4])});
  });
  for_each(ctx, 1, CountBatch{out_ptr<std::int64_t>(in[2])});
}

}  // namespace glassbox
