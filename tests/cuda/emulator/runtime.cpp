// See cuda_runtime.h: devices, memory, streams and events.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "cuda_runtime.h"
#include "tests/cuda/emulator/emulator.h"

struct EmulatedStream {
  std::deque<std::function<void()>> queue;
};
// Recorded so many times, of which so many have been passed: a wait is for the last one before it.
struct EmulatedEvent {
  std::uint64_t recorded = 0, passed = 0;
  EmulatedStream* stream = nullptr;
  std::chrono::steady_clock::time_point time;
};

namespace emulator {
namespace {

std::recursive_mutex mutex;
cudaError_t last_error = cudaSuccess;
int current_device = 0;
Settings settings_ = [] {
  Settings s;
  const char* const text = std::getenv("GLASSBOX_EMULATOR");
  std::istringstream words(text ? text : "");
  for (std::string word; words >> word;) {
    const std::size_t at = word.find('=');
    if (at == word.npos) continue;
    const std::string name = word.substr(0, at);
    const int value = std::atoi(word.c_str() + at + 1);
    if (name == "devices") s.devices = value;
    if (name == "count_error") s.count_error = value;
    if (name == "driver") s.driver = value;
    if (name == "capability") s.capability = value;
    if (name == "memory_mib") s.memory = std::size_t(value) << 20;
  }
  return s;
}();
Counts counts_;
std::map<void*, std::size_t> device_blocks, host_blocks;
std::vector<EmulatedStream*> streams;

cudaError_t result(cudaError_t e) {
  if (e != cudaSuccess) last_error = e;
  return e;
}

bool is_pinned(const void* p) {
  auto it = host_blocks.upper_bound(const_cast<void*>(p));
  if (it == host_blocks.begin()) return false;
  --it;
  return static_cast<const char*>(p) < static_cast<const char*>(it->first) + it->second;
}

void run_next(EmulatedStream* stream) {
  const std::function<void()> work = std::move(stream->queue.front());
  stream->queue.pop_front();
  work();
}

void drain(EmulatedStream* stream) {
  while (!stream->queue.empty()) run_next(stream);
}

// Runs the event's stream up to that recording of it.
void drain_until(EmulatedEvent* event, std::uint64_t recording) {
  while (event->passed < recording) {
    if (event->stream->queue.empty()) die("a wait for an event that is never passed");
    run_next(event->stream);
  }
}

}  // namespace

Settings& settings() { return settings_; }
Counts& counts() { return counts_; }

void enqueue(cudaStream_t stream, std::function<void()> work) {
  const std::lock_guard lock(mutex);
  if (!stream) die("the default stream is used");
  stream->queue.push_back(std::move(work));
}

cudaError_t check_launch(const cudaLaunchConfig_t& c) {
  const std::uint64_t threads = std::uint64_t(c.blockDim.x) * c.blockDim.y * c.blockDim.z;
  const bool good = threads >= 1 && threads <= 1024 && c.gridDim.x >= 1 && c.gridDim.y >= 1 &&
                    c.gridDim.z >= 1 && c.gridDim.y <= 65535 && c.gridDim.z <= 65535 &&
                    c.blockDim.z <= 64 && c.stream;
  ++counts_.launches;
  return good ? cudaSuccess : result(cudaErrorInvalidValue);
}

extern "C" {
Settings* glassbox_emulator_settings() { return &settings_; }
Counts* glassbox_emulator_counts() { return &counts_; }
}

}  // namespace emulator

using namespace emulator;

const char* cudaGetErrorName(cudaError_t e) {
  switch (e) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    default:
      return "cudaErrorUnknown";
  }
}
const char* cudaGetErrorString(cudaError_t e) {
  switch (e) {
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    default:
      return "an error of the emulator";
  }
}
cudaError_t cudaGetLastError() {
  const cudaError_t e = last_error;
  last_error = cudaSuccess;
  return e;
}
cudaError_t cudaPeekAtLastError() { return last_error; }
cudaError_t cudaGetDeviceCount(int* n) {
  if (settings_.count_error != cudaSuccess) return result(cudaError_t(settings_.count_error));
  *n = settings_.devices;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* v) {
  *v = settings_.driver;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* v) {
  *v = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int d) {
  if (d < 0 || d >= settings_.devices) return result(cudaErrorInvalidDevice);
  current_device = d;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* d) {
  *d = current_device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  *p = {};
  std::strcpy(p->name, "Emulated GPU");
  p->totalGlobalMem = settings_.memory;
  p->major = settings_.capability / 10;
  p->minor = settings_.capability % 10;
  p->multiProcessorCount = 4;
  p->l2CacheSize = 1 << 20;
  p->sharedMemPerBlock = 48 << 10;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *total = settings_.memory;
  *free = settings_.memory - counts_.device_bytes;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** p, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  ++counts_.mallocs;
  if (counts_.device_bytes + bytes > settings_.memory) return result(cudaErrorMemoryAllocation);
  *p = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
  std::memset(*p, 0xA5, bytes);  // what was never written shows
  device_blocks[*p] = bytes;
  counts_.device_bytes += bytes;
  return cudaSuccess;
}
cudaError_t cudaFree(void* p) {
  const std::lock_guard lock(mutex);
  const auto it = device_blocks.find(p);
  if (it == device_blocks.end()) return p ? result(cudaErrorInvalidValue) : cudaSuccess;
  for (EmulatedStream* s : streams) drain(s);
  counts_.device_bytes -= it->second;
  device_blocks.erase(it);
  std::free(p);
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** p, std::size_t bytes, unsigned) {
  const std::lock_guard lock(mutex);
  ++counts_.mallocs;
  *p = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
  host_blocks[*p] = bytes;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* p) {
  const std::lock_guard lock(mutex);
  for (EmulatedStream* s : streams) drain(s);
  host_blocks.erase(p);
  std::free(p);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t n, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  if (kind == cudaMemcpyHostToDevice && !is_pinned(from)) {
    // Pageable memory is staged before the call returns.
    auto staged = std::make_shared<std::vector<char>>(n);
    if (n) std::memcpy(staged->data(), from, n);
    enqueue(stream, [=] {
      if (n) std::memcpy(to, staged->data(), n);
    });
    return cudaSuccess;
  }
  enqueue(stream, [=] {
    if (n) std::memcpy(to, from, n);
  });
  if (kind == cudaMemcpyDeviceToHost && !is_pinned(to)) drain(stream);  // the call waits
  return cudaSuccess;
}
cudaError_t cudaMemcpyPeerAsync(void* to, int, const void* from, int, std::size_t n,
                                cudaStream_t stream) {
  enqueue(stream, [=] { std::memcpy(to, from, n); });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t n, cudaStream_t stream) {
  enqueue(stream, [=] { std::memset(to, value, n); });
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const std::lock_guard lock(mutex);
  *stream = new EmulatedStream;
  streams.push_back(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  ++counts_.waits;
  drain(stream);
  if (settings_.fault != cudaSuccess) return result(cudaError_t(settings_.fault));
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  // The other stream's work up to the event runs first.
  enqueue(stream, [event, recording = event->recorded] { drain_until(event, recording); });
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  const std::lock_guard lock(mutex);
  ++counts_.waits;
  for (EmulatedStream* s : streams) drain(s);
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new EmulatedEvent;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const std::lock_guard lock(mutex);
  // What is enqueued may still speak of it.
  if (event->stream) drain(event->stream);
  for (EmulatedStream* s : streams) drain(s);
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->stream = stream;
  enqueue(stream, [event, recording = ++event->recorded] {
    event->passed = recording;
    event->time = std::chrono::steady_clock::now();
  });
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return event->passed == event->recorded ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const std::lock_guard lock(mutex);
  ++counts_.waits;
  drain_until(event, event->recorded);
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t a, cudaEvent_t b) {
  if (a->passed < a->recorded || b->passed < b->recorded) return cudaErrorNotReady;
  *ms = std::chrono::duration<float, std::milli>(b->time - a->time).count();
  return cudaSuccess;
}
