// The handles of cuDNN and cuBLASLt, and cuDNN's batch normalisation and pooling, by the entry
// points that every cuDNN 9 has ("legacy" in its documentation): the graph API compiles those at
// run time, which costs seconds of each process's start.
#include <cstdlib>

#include "engine/cuda/vendor_state.h"

namespace glassbox::cuda {

void fail_cudnn(std::string_view op, std::string_view call, cudnnStatus_t status) {
  char last[1024] = "";
  cudnnGetLastErrorString(last, sizeof last);
  fail(op, cat(call, ": ", cudnnGetErrorString(status), *last ? "; " : "", last));
}

cudnnDataType_t cudnn_type(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return CUDNN_DATA_DOUBLE;
    case DType::f16:
      return CUDNN_DATA_HALF;
    case DType::bf16:
      return CUDNN_DATA_BFLOAT16;
    default:
      return CUDNN_DATA_FLOAT;
  }
}

Descriptor::Descriptor(std::string_view op, cudnnBackendDescriptorType_t type) {
  check(op, "cudnnBackendCreateDescriptor", cudnnBackendCreateDescriptor(type, &handle_));
}
Descriptor::~Descriptor() {
  if (handle_) cudnnBackendDestroyDescriptor(handle_);
}

std::string vendor_versions() {
  const std::size_t dnn = cudnnGetVersion(), blas = cublasLtGetVersion();
  return cat("cuDNN ", dnn / 10000, ".", dnn / 100 % 100, ".", dnn % 100, ", cuBLAS ", blas / 10000,
             ".", blas / 100 % 100, ".", blas % 100);
}

std::unique_ptr<Vendor, VendorDeleter> make_vendor(int device, cudaStream_t stream) {
  std::unique_ptr<Vendor, VendorDeleter> vendor(new Vendor);
  vendor->device = device;
  check("cuda", "cudnnCreate", cudnnCreate(&vendor->dnn));
  check("cuda", "cudnnSetStream", cudnnSetStream(vendor->dnn, stream));
  check("cuda", "cublasLtCreate", cublasLtCreate(&vendor->blas));
  // What cuBLAS advises for Hopper; half as much, and so on, where there is no room.
  for (std::size_t bytes = std::size_t(32) << 20; bytes >= std::size_t(1) << 20; bytes /= 2) {
    if (cudaMalloc(&vendor->workspace, bytes) == cudaSuccess) {
      vendor->workspace_bytes = bytes;
      break;
    }
    cudaGetLastError();
  }
  cudaDeviceProp p{};
  check("cuda", "cudaGetDeviceProperties", cudaGetDeviceProperties(&p, device));
  const std::string folder = cache_folder();
  vendor->choices = PlanCache(
      folder.empty() ? "" : cat(folder, "/plans-sm", p.major, p.minor, "-", device, ".txt"),
      cat(p.name, ", sm ", p.major, p.minor, ", ", p.multiProcessorCount, " multiprocessors, ",
          vendor_versions()));
  return vendor;
}

void VendorDeleter::operator()(Vendor* vendor) const {
  if (vendor->workspace) cudaFree(vendor->workspace);
  if (vendor->dnn) cudnnDestroy(vendor->dnn);
  if (vendor->blas) cublasLtDestroy(vendor->blas);
  delete vendor;
}

namespace {

// A dense [N,C,H,W].
class Image {
 public:
  Image(std::string_view op, DType dtype, const Shape& s) {
    check(op, "cudnnCreateTensorDescriptor", cudnnCreateTensorDescriptor(&handle_));
    check(op, "cudnnSetTensor4dDescriptor",
          cudnnSetTensor4dDescriptor(handle_, CUDNN_TENSOR_NCHW, cudnn_type(dtype),
                                     static_cast<int>(s[0]), static_cast<int>(s[1]),
                                     static_cast<int>(s[2]), static_cast<int>(s[3])));
  }
  ~Image() { cudnnDestroyTensorDescriptor(handle_); }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  cudnnTensorDescriptor_t get() const { return handle_; }

 private:
  cudnnTensorDescriptor_t handle_ = nullptr;
};

class Pooling {
 public:
  Pooling(std::string_view op, const PoolProblem& p) {
    check(op, "cudnnCreatePoolingDescriptor", cudnnCreatePoolingDescriptor(&handle_));
    const cudnnPoolingMode_t mode = !p.average ? CUDNN_POOLING_MAX_DETERMINISTIC
                                    : p.count_include_pad
                                        ? CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING
                                        : CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING;
    check(op, "cudnnSetPooling2dDescriptor",
          cudnnSetPooling2dDescriptor(handle_, mode, CUDNN_PROPAGATE_NAN, p.kernel.h, p.kernel.w,
                                      p.padding.h, p.padding.w, p.stride.h, p.stride.w));
  }
  ~Pooling() { cudnnDestroyPoolingDescriptor(handle_); }
  Pooling(const Pooling&) = delete;
  Pooling& operator=(const Pooling&) = delete;
  cudnnPoolingDescriptor_t get() const { return handle_; }

 private:
  cudnnPoolingDescriptor_t handle_ = nullptr;
};

constexpr float one = 1, zero = 0;  // cuDNN scales f16 and bf16 by floats

}  // namespace

void pool_forward(const Context& ctx, const PoolProblem& p, const void* x, void* y) {
  const Image from(ctx.op, p.dtype, p.x), to(ctx.op, p.dtype, p.y);
  const Pooling pooling(ctx.op, p);
  ++*ctx.launches;
  check(
      ctx.op, "cudnnPoolingForward",
      cudnnPoolingForward(ctx.vendor->dnn, pooling.get(), &one, from.get(), x, &zero, to.get(), y));
}

void norm_forward(const Context& ctx, const NormProblem& p, const void* x, const void* weight,
                  const void* bias, void* y, void* mean, void* inverse_std) {
  const Image image(ctx.op, p.dtype, p.x), channels(ctx.op, DType::f32, Shape{1, p.x[1], 1, 1});
  ++*ctx.launches;
  const std::lock_guard lock(ctx.vendor->mutex);
  check(ctx.op, "cudnnBatchNormalizationForwardTraining",
        cudnnBatchNormalizationForwardTraining(
            ctx.vendor->dnn, CUDNN_BATCHNORM_SPATIAL, &one, &zero, image.get(), x, image.get(), y,
            channels.get(), weight, bias, 0, nullptr, nullptr, p.eps, mean, inverse_std));
}

void norm_backward(const Context& ctx, const NormProblem& p, const void* x, const void* dy,
                   const void* weight, const void* mean, const void* inverse_std, void* dx,
                   void* dweight, void* dbias) {
  const Image image(ctx.op, p.dtype, p.x), channels(ctx.op, DType::f32, Shape{1, p.x[1], 1, 1});
  ++*ctx.launches;
  const std::lock_guard lock(ctx.vendor->mutex);
  check(ctx.op, "cudnnBatchNormalizationBackward",
        cudnnBatchNormalizationBackward(ctx.vendor->dnn, CUDNN_BATCHNORM_SPATIAL, &one, &zero, &one,
                                        &zero, image.get(), x, image.get(), dy, image.get(), dx,
                                        channels.get(), weight, dweight, dbias, p.eps, mean,
                                        inverse_std));
}

}  // namespace glassbox::cuda
