// cuda::Context: what a CUDA kernel's launcher is given besides its operands. Valid for one call;
// the host only enqueues, so nothing here waits.
#pragma once
#include <cuda_runtime.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/core/error.h"

namespace glassbox::cuda {

struct Vendor;  // handles and plans of cuDNN and cuBLASLt (engine/cuda/vendor.h)

// Where kernels report input that only they can see, in page-locked memory that the host reads when
// it next waits. The first report stays.
struct Fault {
  std::uint32_t claimed;
  std::uint32_t site;  // which launch: see Context::fault_site
  std::int64_t value, limit;
};

class Context {
 public:
  std::string_view op;  // the op's name, for errors
  int device = 0;
  cudaStream_t stream = nullptr;
  int multiprocessors = 1;
  bool allow_tf32 = false, deterministic = true;
  Vendor* vendor = nullptr;
  Fault* fault = nullptr;
  std::uint32_t fault_site = 0;  // made by name_fault_site
  std::atomic<std::uint64_t>* launches = nullptr;

  // The block of working memory that the op's scratch() asked for, 512-byte aligned.
  void* scratch = nullptr;
  std::size_t scratch_bytes = 0;

  template <class T>
  T* scratch_as() const {
    return static_cast<T*>(scratch);
  }
};

// Throws the Error of a CUDA call that failed: "op: cudaMalloc: out of memory in Net.conv".
[[noreturn]] void fail_cuda(std::string_view op, std::string_view call, cudaError_t error);
inline void check(std::string_view op, std::string_view call, cudaError_t error) {
  if (error != cudaSuccess) fail_cuda(op, call, error);
}

// Names a launch whose kernel may report a Fault: the op, the module that runs, and what the value
// is: "index". Costs a scope path; only for kernels that check their input.
void name_fault_site(Context& ctx, const char* what);

}  // namespace glassbox::cuda
