// Gpu: one device: its streams, memory, copies, faults and counters. For device.cpp alone.
#pragma once
#include <array>
#include <atomic>
#include <bit>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/backend.h"
#include "engine/core/pooled_source.h"
#include "engine/core/scope.h"
#include "engine/cuda/context.h"
#include "engine/cuda/vendor.h"

namespace glassbox::cuda {

class Gpu final {
 public:
  explicit Gpu(int index) : index_(index) {
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
        to_string(Device::cuda(index)), [this](std::size_t n) { return take(n); },
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
    if (!in_flight_.empty()) cudaGetLastError();  // that the first is not ready is no error
    if (!keep || bytes > largest_staged || !make_room(staging(), bytes)) {
      check("copy", "cudaMemcpyAsync",
            cudaMemcpyAsync(to, host, bytes, cudaMemcpyHostToDevice, stream_));
      if (keep) hold(std::move(keep), stream_);
      return;
    }
    // Beside the computation, over a stream of its own, into a buffer of its own: `to` may still be
    // in use by what was enqueued before. From there it is a short copy on the device.
    Staging& s = staging();
    ++next_staging_;
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
    // Into pageable memory the call waits itself, and says what went wrong before it.
    const cudaError_t error = cudaMemcpyAsync(host, from, bytes, cudaMemcpyDeviceToHost, stream_);
    if (error != cudaSuccess) fail_fault("copy", error);
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

  // The op that is enqueued, for faults that show later.
  void note(std::string_view op) { last_op_ = op; }

 private:
  struct Site {
    std::string text;   // "embedding: index"
    std::string where;  // " in Net.table"
  };

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
                   "; the last op enqueued was ", last_op_.empty() ? "none" : last_op_,
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

  Staging& staging() { return staging_[next_staging_ % staging_.size()]; }

  // False where the device has no memory left for it.
  bool make_room(Staging& s, std::size_t bytes) {
    if (!s.arrived) {
      check("copy", "cudaEventCreate",
            cudaEventCreateWithFlags(&s.arrived, cudaEventDisableTiming));
      check("copy", "cudaEventCreate",
            cudaEventCreateWithFlags(&s.consumed, cudaEventDisableTiming));
    }
    if (s.bytes >= bytes) return true;
    if (s.data) check("copy", "cudaFree", cudaFree(s.data));
    s.data = nullptr;
    s.bytes = 0;
    ++driver_allocations_;
    const std::size_t room = std::bit_ceil(bytes);
    if (cudaMalloc(&s.data, room) != cudaSuccess) {
      cudaGetLastError();
      s.data = nullptr;
      return false;
    }
    s.bytes = room;
    return true;
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
  std::string_view last_op_;
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

}  // namespace glassbox::cuda
