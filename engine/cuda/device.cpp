#include "engine/cuda/device.h"

#include <array>
#include <atomic>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/core/pooled_source.h"
#include "engine/core/scope.h"
#include "engine/core/storage.h"
#include "engine/cuda/context.h"
#include "engine/cuda/vendor.h"
#include "engine/op.h"

#ifndef GLASSBOX_CUDA_ARCHITECTURES
#define GLASSBOX_CUDA_ARCHITECTURES "80"
#endif

namespace glassbox::cuda {
namespace {

// The op that was launched last on this thread, for faults that show later.
thread_local std::string_view last_op;

std::string version_text(int v) { return cat(v / 1000, ".", v % 1000 / 10); }

struct Site {
  std::string text;  // "embedding: index" and where
  std::string where;
};

class Device final {
 public:
  explicit Device(int index) : index_(index) {
    use();
    check("cuda", "cudaStreamCreate", cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    check("cuda", "cudaStreamCreate", cudaStreamCreateWithFlags(&copies_, cudaStreamNonBlocking));
    void* fault = nullptr;
    check("cuda", "cudaHostAlloc",
          cudaHostAlloc(&fault, sizeof(Fault), cudaHostAllocMapped | cudaHostAllocPortable));
    fault_ = static_cast<Fault*>(fault);
    *fault_ = {};
    cudaDeviceProp p{};
    check("cuda", "cudaGetDeviceProperties", cudaGetDeviceProperties(&p, index));
    multiprocessors_ = p.multiProcessorCount;
    vendor_ = make_vendor(index, stream_);
    allocator_ = std::make_unique<Allocator>(std::make_unique<PooledSource>(
        to_string(glassbox::Device::cuda(index)), [this](std::size_t n) { return take(n); },
        [this](void* data, std::size_t) { give(data); }, [this] { return shortage(); }));
  }

  void use() const { check("cuda", "cudaSetDevice", cudaSetDevice(index_)); }
  Allocator& allocator() { return *allocator_; }
  cudaStream_t stream() const { return stream_; }

  DeviceProperties properties() const {
    use();
    cudaDeviceProp p{};
    check("cuda", "cudaGetDeviceProperties", cudaGetDeviceProperties(&p, index_));
    DeviceProperties out;
    out.name = p.name;
    out.major = p.major;
    out.minor = p.minor;
    out.multiprocessors = p.multiProcessorCount;
    out.l2_cache = static_cast<std::size_t>(p.l2CacheSize);
    check("cuda", "cudaMemGetInfo", cudaMemGetInfo(&out.free_memory, &out.total_memory));
    return out;
  }

  Counters counters() const { return {driver_allocations_, host_waits_, launches_}; }

  void upload(void* to, const void* host, std::size_t bytes, std::shared_ptr<const void> keep) {
    use();
    const std::lock_guard lock(mutex_);
    while (!in_flight_.empty() && cudaEventQuery(in_flight_.front().done) == cudaSuccess) {
      spare_events_.push_back(in_flight_.front().done);
      in_flight_.pop_front();
    }
    if (!keep || bytes > largest_staged) {
      check("copy", "cudaMemcpyAsync",
            cudaMemcpyAsync(to, host, bytes, cudaMemcpyHostToDevice, stream_));
      if (keep) hold(std::move(keep), stream_);
      return;
    }
    // Beside the computation, over a stream of its own, into a buffer of its own: `to` may still be
    // in use by what was enqueued before. From there it is a short copy on the device.
    Staging& s = staging_[next_staging_++ % staging_.size()];
    make_room(s, bytes);
    check("copy", "cudaStreamWaitEvent", cudaStreamWaitEvent(copies_, s.consumed, 0));
    check("copy", "cudaMemcpyAsync",
          cudaMemcpyAsync(s.data, host, bytes, cudaMemcpyHostToDevice, copies_));
    check("copy", "cudaEventRecord", cudaEventRecord(s.arrived, copies_));
    hold(std::move(keep), copies_);
    check("copy", "cudaStreamWaitEvent", cudaStreamWaitEvent(stream_, s.arrived, 0));
    check("copy", "cudaMemcpyAsync",
          cudaMemcpyAsync(to, s.data, bytes, cudaMemcpyDeviceToDevice, stream_));
    check("copy", "cudaEventRecord", cudaEventRecord(s.consumed, stream_));
  }

  void download(void* host, const void* from, std::size_t bytes) {
    use();
    check("copy", "cudaMemcpyAsync",
          cudaMemcpyAsync(host, from, bytes, cudaMemcpyDeviceToHost, stream_));
    wait("copy");
  }

  void copy_from(void* to, int from_device, const void* from, std::size_t bytes,
                 cudaStream_t theirs) {
    use();
    if (from_device == index_) {
      check("copy", "cudaMemcpyAsync",
            cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_));
      return;
    }
    // After what the other device has enqueued, and before what it enqueues next: the source may be
    // freed and used again there as soon as this returns.
    cudaEvent_t before = nullptr, after = nullptr;
    check("copy", "cudaSetDevice", cudaSetDevice(from_device));
    check("copy", "cudaEventCreate", cudaEventCreateWithFlags(&before, cudaEventDisableTiming));
    check("copy", "cudaEventRecord", cudaEventRecord(before, theirs));
    use();
    check("copy", "cudaStreamWaitEvent", cudaStreamWaitEvent(stream_, before, 0));
    check("copy", "cudaMemcpyPeerAsync",
          cudaMemcpyPeerAsync(to, index_, from, from_device, bytes, stream_));
    check("copy", "cudaEventCreate", cudaEventCreateWithFlags(&after, cudaEventDisableTiming));
    check("copy", "cudaEventRecord", cudaEventRecord(after, stream_));
    check("copy", "cudaStreamWaitEvent", cudaStreamWaitEvent(theirs, after, 0));
    cudaEventDestroy(before);
    cudaEventDestroy(after);
  }

  void synchronize() {
    use();
    wait("synchronize");
  }

  // Waits, and throws what went wrong on the device meanwhile.
  void wait(std::string_view what) {
    ++host_waits_;
    const cudaError_t error = cudaStreamSynchronize(stream_);
    if (error != cudaSuccess) fail_fault(what, error);
    if (fault_->claimed == 0) return;
    const Fault fault = *fault_;
    *fault_ = {};
    const std::lock_guard lock(mutex_);
    const Site& site = sites_[fault.site % sites_.size()];
    throw Error(cat(site.text, " ", fault.value, " is outside [0, ", fault.limit, ")", site.where));
  }

  std::uint32_t name_site(std::string_view op, const char* what) {
    const std::string path = scope_path();
    const std::lock_guard lock(mutex_);
    const std::uint32_t site = next_site_++;
    sites_[site % sites_.size()] = {cat(op, ": ", what), path.empty() ? "" : " in " + path};
    return site;
  }

  Context context(std::string_view op) {
    use();
    Context ctx;
    ctx.op = op;
    ctx.device = index_;
    ctx.stream = stream_;
    ctx.multiprocessors = multiprocessors_;
    ctx.allow_tf32 = allow_tf32();
    ctx.deterministic = deterministic();
    ctx.vendor = vendor_.get();
    ctx.fault = fault_;
    ctx.launches = &launches_;
    return ctx;
  }

 private:
  void* take(std::size_t bytes) {
    use();
    ++driver_allocations_;
    void* data = nullptr;
    const cudaError_t error = cudaMalloc(&data, bytes);
    if (error == cudaSuccess) return data;
    cudaGetLastError();  // it is handled here
    if (error != cudaErrorMemoryAllocation) fail_cuda("allocator", "cudaMalloc", error);
    return nullptr;
  }
  void give(void* data) noexcept {
    cudaSetDevice(index_);
    cudaFree(data);
  }
  std::string shortage() const {
    std::size_t free = 0, total = 0;
    if (cudaMemGetInfo(&free, &total) != cudaSuccess) return "the device does not answer";
    return cat(
        "the device has ", total, " bytes, of which ", free,
        " are free; the rest is other programs', and what CUDA itself takes. A smaller batch "
        "takes less; `glassbox devices` shows the memory");
  }

  // What runs asynchronously and went wrong: the context is lost.
  [[noreturn]] void fail_fault(std::string_view what, cudaError_t error) const {
    fail(what, cat(cudaGetErrorName(error), ": ", cudaGetErrorString(error), " on cuda:", index_,
                   "; the last op enqueued was ", last_op.empty() ? "none" : last_op,
                   sync_debug() ? ""
                                : ". With GLASSBOX_CUDA_SYNC=1 each op is waited for, and the "
                                  "one at fault is named"));
  }

  // Page-locked memory must not be used for something else before the copy has read it.
  void hold(std::shared_ptr<const void> keep, cudaStream_t stream) {
    cudaEvent_t done = nullptr;
    if (spare_events_.empty()) {
      check("copy", "cudaEventCreate", cudaEventCreateWithFlags(&done, cudaEventDisableTiming));
    } else {
      done = spare_events_.back();
      spare_events_.pop_back();
    }
    check("copy", "cudaEventRecord", cudaEventRecord(done, stream));
    in_flight_.push_back({std::move(keep), done});
  }

  // Where a copy arrives, and what it waits for before it is written again.
  struct Staging {
    void* data = nullptr;
    std::size_t bytes = 0;
    cudaEvent_t arrived = nullptr, consumed = nullptr;
  };
  static constexpr std::size_t largest_staged = std::size_t(64) << 20;

  void make_room(Staging& s, std::size_t bytes) {
    if (!s.arrived) {
      check("copy", "cudaEventCreate",
            cudaEventCreateWithFlags(&s.arrived, cudaEventDisableTiming));
      check("copy", "cudaEventCreate",
            cudaEventCreateWithFlags(&s.consumed, cudaEventDisableTiming));
    }
    if (s.bytes >= bytes) return;
    if (s.data) check("copy", "cudaFree", cudaFree(s.data));
    s.data = nullptr;
    s.bytes = 0;
    ++driver_allocations_;
    check("copy", "cudaMalloc", cudaMalloc(&s.data, bytes));
    s.bytes = bytes;
  }

  struct InFlight {
    std::shared_ptr<const void> keep;
    cudaEvent_t done;
  };

  int index_, multiprocessors_ = 1;
  cudaStream_t stream_ = nullptr, copies_ = nullptr;
  Fault* fault_ = nullptr;
  std::unique_ptr<Vendor, VendorDeleter> vendor_;
  std::unique_ptr<Allocator> allocator_;
  std::atomic<std::uint64_t> launches_{0};
  std::atomic<std::uint64_t> driver_allocations_{0}, host_waits_{0};
  std::mutex mutex_;  // of what follows
  std::list<InFlight> in_flight_;
  std::vector<cudaEvent_t> spare_events_;
  std::array<Staging, 3> staging_;
  std::size_t next_staging_ = 0;
  std::array<Site, 256> sites_;
  std::uint32_t next_site_ = 0;
};

thread_local Device* site_device = nullptr;  // of the kernel that is being launched

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int devices) : devices_(static_cast<std::size_t>(devices)) {}

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
    for (const char* c = GLASSBOX_CUDA_ARCHITECTURES;; ++c) {
      if (*c >= '0' && *c <= '9') {
        value = 10 * value + (*c - '0');
      } else if (value > 0) {
        out.push_back(value);
        value = 0;
      }
      if (!*c) return out;
    }
  }
  Counters counters(int d) override { return at(d).counters(); }
  Allocator& allocator(int d) override { return at(d).allocator(); }
  Allocator& pinned_allocator() override { return *pinned_; }

  void upload(int d, void* to, const void* host, std::size_t bytes,
              std::shared_ptr<const void> keep) override {
    at(d).upload(to, host, bytes, std::move(keep));
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
    Device& device = at(d);
    Context ctx = device.context(type.name);
    // Why before the memory: what is enqueued on the stream is done with it before its next user.
    std::unique_ptr<Storage> scratch;
    if (type.scratch_cuda) {
      const std::size_t bytes = type.scratch_cuda(op, ctx, in_specs, out_specs);
      if (bytes > 0) {
        scratch = std::make_unique<Storage>(bytes, glassbox::Device::cuda(d));
        ctx.scratch = scratch->data();
        ctx.scratch_bytes = bytes;
      }
    }
    site_device = &device;
    last_op = type.name;
    type.run_cuda(op, ctx, in, out);
    if (sync_debug()) device.wait(type.name);
  }

  std::size_t scratch(const OpType& type, const void* op, int d, Specs in, Specs out) override {
    return type.scratch_cuda ? type.scratch_cuda(op, at(d).context(type.name), in, out) : 0;
  }

 private:
  Device& at(int d) {
    const std::lock_guard lock(mutex_);
    if (!pinned_) make_pinned();
    std::unique_ptr<Device>& device = devices_[static_cast<std::size_t>(d)];
    if (!device) device = std::make_unique<Device>(d);
    return *device;
  }
  void make_pinned() {
    pinned_ = std::make_unique<Allocator>(std::make_unique<PooledSource>(
        "page-locked memory",
        [](std::size_t n) -> void* {
          void* data = nullptr;
          if (cudaHostAlloc(&data, n, cudaHostAllocPortable) == cudaSuccess) return data;
          cudaGetLastError();
          return nullptr;
        },
        [](void* data, std::size_t) { cudaFreeHost(data); },
        [] { return std::string("the system locks no more pages"); }));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::unique_ptr<Allocator> pinned_;
};

// Whether a device runs kernels that were built for these architectures: machine code of the same
// major number and no higher minor, or the last one's portable code.
bool runs_on(int capability, const std::vector<int>& built) {
  for (const int a : built) {
    if (a / 10 == capability / 10 && a <= capability) return true;
  }
  return !built.empty() && capability >= built.back();
}

}  // namespace

void fail_cuda(std::string_view op, std::string_view call, cudaError_t error) {
  cudaGetLastError();
  fail(op, cat(call, ": ", cudaGetErrorString(error), " (", cudaGetErrorName(error), ")"));
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
