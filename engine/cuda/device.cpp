#include "engine/cuda/device.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/core/storage.h"
#include "engine/cuda/gpu.h"
#include "engine/op.h"

#ifndef GLASSBOX_CUDA_ARCHITECTURES
#define GLASSBOX_CUDA_ARCHITECTURES "80"
#endif

namespace glassbox::cuda {
namespace {

std::string version_text(int v) { return cat(v / 1000, ".", v % 1000 / 10); }

thread_local Gpu* site_device = nullptr;  // of the kernel that is being launched

constexpr std::size_t small_upload = std::size_t(64) << 10;
constexpr std::size_t largest_pinned_copy = std::size_t(64) << 20;

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int devices) : devices_(static_cast<std::size_t>(devices)) { make_pinned(); }

  int device_count() const override { return static_cast<int>(devices_.size()); }
  DeviceProperties properties(int d) override { return at(d).properties(); }
  std::string versions() const override {
    int driver = 0, runtime = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    return cat("CUDA ", version_text(runtime), ", driver for ", version_text(driver), ", ",
               vendor_versions());
  }
  std::vector<int> architectures() const override {
    std::vector<int> out;
    int value = 0;
    // "80 90 compute_80": machine code, and from where on portable code serves.
    for (const char* c = GLASSBOX_CUDA_ARCHITECTURES;; ++c) {
      if (*c >= '0' && *c <= '9') {
        value = 10 * value + (*c - '0');
      } else if (value > 0) {
        out.push_back(value);
        value = 0;
      }
      if (!*c || *c == 'c') return out;
    }
  }
  Counters counters(int d) override { return at(d).counters(); }
  Allocator& allocator(int d) override { return at(d).allocator(); }
  Allocator& pinned_allocator() override { return *pinned_; }

  void upload(int d, void* to, const void* host, std::size_t bytes,
              std::shared_ptr<const void> keep) override {
    Gpu& gpu = at(d);
    // Of up to 64 KiB the driver keeps a copy and returns; of more it would wait for the stream
    // first, so those go through page-locked memory.
    if (!keep && bytes > small_upload && bytes <= largest_pinned_copy) {
      auto pinned = std::make_shared<Storage>(bytes, Device::cpu(), *pinned_);
      std::memcpy(pinned->data(), host, bytes);
      host = pinned->data();
      keep = std::move(pinned);
    }
    gpu.upload(to, host, bytes, std::move(keep));
  }
  void download(int d, void* host, const void* from, std::size_t bytes) override {
    at(d).download(host, from, bytes);
  }
  void copy(int to_device, void* to, int from_device, const void* from,
            std::size_t bytes) override {
    at(to_device).copy_from(to, from_device, from, bytes, at(from_device).stream());
  }
  void synchronize(int d) override { at(d).synchronize(); }

  void* make_event(int d) override {
    at(d).use();
    cudaEvent_t event = nullptr;
    check("event", "cudaEventCreate", cudaEventCreateWithFlags(&event, cudaEventDefault));
    return event;
  }
  void free_event(int, void* event) noexcept override {
    cudaEventDestroy(static_cast<cudaEvent_t>(event));
  }
  void record(int d, void* event) override {
    at(d).use();
    check("event", "cudaEventRecord",
          cudaEventRecord(static_cast<cudaEvent_t>(event), at(d).stream()));
  }
  void wait_for(int d, void* event) override {
    at(d).use();
    check("event", "cudaEventSynchronize", cudaEventSynchronize(static_cast<cudaEvent_t>(event)));
  }
  double seconds(int, void* from, void* to) override {
    float ms = 0;
    check("event", "cudaEventElapsedTime",
          cudaEventElapsedTime(&ms, static_cast<cudaEvent_t>(from), static_cast<cudaEvent_t>(to)));
    return static_cast<double>(ms) * 1e-3;
  }

  void run(const OpType& type, const void* op, int d, Specs in_specs, Specs out_specs, Ins in,
           Outs out) override {
    Gpu& device = at(d);
    Context ctx = device.context(type.name);
    // Why before the memory: what is enqueued on the stream is done with it before its next user.
    std::unique_ptr<Storage> scratch;
    if (type.scratch_cuda) {
      const std::size_t bytes = type.scratch_cuda(op, ctx, in_specs, out_specs);
      if (bytes > 0) {
        scratch = std::make_unique<Storage>(bytes, Device::cuda(d));
        ctx.scratch = scratch->data();
        ctx.scratch_bytes = bytes;
      }
    }
    site_device = &device;
    device.note(type.name);
    type.run_cuda(op, ctx, in, out);
    if (sync_debug()) device.wait(type.name);
  }

  std::size_t scratch(const OpType& type, const void* op, int d, Specs in, Specs out) override {
    return type.scratch_cuda ? type.scratch_cuda(op, at(d).context(type.name), in, out) : 0;
  }

 private:
  Gpu& at(int d) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<Gpu>& device = devices_[static_cast<std::size_t>(d)];
    if (!device) device = std::make_unique<Gpu>(d);
    last_used_ = d;
    return *device;
  }
  void make_pinned() {
    pinned_ = std::make_unique<Allocator>(std::make_unique<PooledSource>(
        "page-locked memory",
        [this](std::size_t n) -> void* {
          // A thread that only loads has chosen no device: another one's context would take memory.
          cudaSetDevice(last_used_);
          void* data = nullptr;
          if (cudaHostAlloc(&data, n, cudaHostAllocPortable) == cudaSuccess) return data;
          cudaGetLastError();
          return nullptr;
        },
        [](void* data, std::size_t) { cudaFreeHost(data); },
        [] { return std::string("the system locks no more pages"); }));
  }

  std::mutex mutex_;
  std::atomic<int> last_used_{0};
  std::vector<std::unique_ptr<Gpu>> devices_;
  std::unique_ptr<Allocator> pinned_;
};

// Whether a device runs kernels that were built for these architectures: machine code of the same
// major number and no higher minor, or the portable code that they were made from.
bool runs_on(int capability, const std::vector<int>& built) {
  for (const int a : built) {
    if (a / 10 == capability / 10 && a <= capability) return true;
  }
  const char* const portable = std::strstr(GLASSBOX_CUDA_ARCHITECTURES, "compute_");
  return portable && capability >= std::atoi(portable + std::strlen("compute_"));
}

}  // namespace

void fail_cuda(std::string_view op, std::string_view call, cudaError_t error) {
  cudaGetLastError();
  // What a kernel did wrong shows at whatever call comes next.
  const bool earlier = error >= cudaErrorIllegalAddress && error < cudaErrorNotPermitted;
  fail(op, cat(call, ": ", cudaGetErrorString(error), " (", cudaGetErrorName(error), ")",
               earlier ? "; an op before this one failed: GLASSBOX_CUDA_SYNC=1 names it" : ""));
}

void name_fault_site(Context& ctx, const char* what) {
  ctx.fault_site = site_device->name_site(ctx.op, what);
}

std::string explain_no_device(int error, const char* text, int driver, int runtime) {
  switch (error) {
    case cudaErrorInsufficientDriver:  // 35: no driver, or one that is too old
      if (driver == 0) {
        return "no NVIDIA driver answers (CUDA error 35). Install the driver of your GPU (Debian: "
               "nvidia-driver), and restart where it was just installed";
      }
      return cat("the NVIDIA driver is too old (CUDA error 35): it is for CUDA ",
                 version_text(driver), ", this build needs ", version_text(runtime),
                 runtime >= 13000 ? ", that is driver 580 or newer" : "", ". Update the driver");
    case cudaErrorStubLibrary:
      return "the toolkit's stub of libcuda is found before the driver's (CUDA error 34): take "
             "lib/stubs out of LD_LIBRARY_PATH";
    case cudaErrorNoDevice:
      return "the driver finds no NVIDIA GPU (CUDA error 100). In a container give it the GPUs "
             "(--gpus all); CUDA_VISIBLE_DEVICES may hide them";
    case cudaErrorSystemDriverMismatch:
      return "the loaded kernel module and the driver's libraries are of different versions (CUDA "
             "error 803): restart the machine after an update of the driver";
    default:
      return cat("CUDA error ", error, ": ", text);
  }
}

Backend* make_backend(std::string& why) {
  int count = 0, driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    cudaGetLastError();
    const cudaError_t meant = error != cudaSuccess ? error : cudaErrorNoDevice;
    why = explain_no_device(meant, cudaGetErrorString(meant), driver, runtime);
    return nullptr;
  }
  auto* const backend = new CudaBackend(count);
  std::string refused;
  for (int d = 0; d < count; ++d) {
    cudaDeviceProp p{};
    if (cudaGetDeviceProperties(&p, d) != cudaSuccess) continue;
    if (runs_on(10 * p.major + p.minor, backend->architectures())) return backend;
    refused +=
        cat(refused.empty() ? "" : "; ", p.name, " has compute capability ", p.major, ".", p.minor);
  }
  delete backend;
  why = cat(refused, ", and this build has kernels for ", GLASSBOX_CUDA_ARCHITECTURES,
            ". Build with -DCMAKE_CUDA_ARCHITECTURES set to the GPU's, which a toolkit that still "
            "knows it compiles for");
  return nullptr;
}

}  // namespace glassbox::cuda
