// What the vendors' libraries need per device. For the vendor_ files alone.
#pragma once
#include <cublasLt.h>
#include <cudnn.h>

#include <array>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "engine/cuda/plan_cache.h"
#include "engine/cuda/vendor.h"

namespace glassbox::cuda {

[[noreturn]] void fail_cudnn(std::string_view op, std::string_view call, cudnnStatus_t status);
[[noreturn]] void fail_cublas(std::string_view op, std::string_view call, cublasStatus_t status);
inline void check(std::string_view op, std::string_view call, cudnnStatus_t status) {
  if (status != CUDNN_STATUS_SUCCESS) fail_cudnn(op, call, status);
}
inline void check(std::string_view op, std::string_view call, cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS) fail_cublas(op, call, status);
}

cudnnDataType_t cudnn_type(DType dtype);

// One of cuDNN's backend descriptors, owned.
class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(std::string_view op, cudnnBackendDescriptorType_t type);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  explicit operator bool() const { return handle_ != nullptr; }
  cudnnBackendDescriptor_t get() const { return handle_; }

  // Each returns what cuDNN says: a plan that does not exist is found by trying to make it.
  template <class T>
  cudnnStatus_t set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                    const T& value) {
    return cudnnBackendSetAttribute(handle_, name, type, 1, &value);
  }
  template <class T>
  cudnnStatus_t set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                    const std::vector<T>& values) {
    return cudnnBackendSetAttribute(handle_, name, type, static_cast<std::int64_t>(values.size()),
                                    values.data());
  }
  cudnnStatus_t set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    return cudnnBackendSetAttribute(handle_, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                                    &value.handle_);
  }
  cudnnStatus_t finalize() { return cudnnBackendFinalize(handle_); }

 private:
  cudnnBackendDescriptor_t handle_ = nullptr;
};

// A convolution's way through cuDNN. Without a plan there is none, and workspace is -1.
struct ConvPlan {
  std::vector<Descriptor> parts;  // what the plan was made from
  Descriptor plan;
  std::int64_t workspace = -1;
};

// What plans are made for: the GPU of a handle, or one that is only described, which need not be
// there (a DEVICEPROP descriptor): so the plans that would run can be asked for on any machine.
struct PlanTarget {
  cudnnHandle_t handle = nullptr;
  const Descriptor* properties = nullptr;
};
struct PlanLimits {
  bool allow_tf32 = false, deterministic = true;
};
// The first way that the heuristics list, that can be built and keeps the limits. `listed`, if not
// null, is how many they list.
ConvPlan make_conv_plan(std::string_view op, const ConvProblem& problem, const PlanTarget& target,
                        const PlanLimits& limits, int* listed = nullptr);
// A plan's own description of itself, in one line, and the plan again; "" and false where that does
// not work.
std::string to_json(const ConvPlan& plan);
bool from_json(std::string_view op, const std::string& text, const PlanTarget& target,
               ConvPlan& plan);

struct MatmulPlan {
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr;
  cublasLtMatmulAlgo_t algorithm{};
  std::size_t workspace = 0;
  bool found = false;
};

// All that a plan depends on, as numbers: looked up at every call.
using ConvKey = std::array<std::int64_t, 24>;
using MatmulKey = std::array<std::int64_t, 16>;

struct Vendor {
  int device = 0;
  cudnnHandle_t dnn = nullptr;
  cublasLtHandle_t blas = nullptr;
  // Of matrix products. Not the allocator's: it is there as long as the device is used, and no
  // tensor's.
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
  std::mutex mutex;  // of the plans and of dnn, which one thread at a time may use
  std::map<ConvKey, ConvPlan> conv_plans;
  std::map<MatmulKey, MatmulPlan> matmul_plans;
  PlanCache choices;  // which plan was chosen, kept in a file
};

}  // namespace glassbox::cuda
