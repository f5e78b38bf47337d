// See cuda_runtime.h. A block's threads are fibres, run in order of their number, each until it
// ends or waits at a barrier.
#include "tests/cuda/emulator/emulator.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "cuda_runtime.h"

#ifdef __x86_64__
// Why not ucontext: its switch asks the system for the signal mask, and millions of threads switch.
// Saves the registers that a call keeps and the stack, and goes on with another one.
extern "C" void emulator_switch(void** save, void* next);
asm(R"(
.text
.globl emulator_switch
.hidden emulator_switch
.type emulator_switch, @function
emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulator_switch, .-emulator_switch
)");
#else
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define EMULATOR_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMULATOR_ASAN
#endif
#endif
#ifdef EMULATOR_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

dim3 threadIdx, blockIdx, blockDim, gridDim;

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

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "CUDA emulator: %s (block %u,%u,%u thread %u of %u)\n", what, blockIdx.x,
               blockIdx.y, blockIdx.z, threadIdx.x, blockDim.x);
  std::abort();
}

// --- fibres -----------------------------------------------------------------------------------

enum class State { runs, at_block_barrier, at_warp_barrier, ended };
constexpr std::size_t stack_bytes = 128 << 10;

#ifdef __x86_64__
struct Place {
  void* stack = nullptr;
  void begin(char* bottom, std::size_t bytes, void (*entry)()) {
    auto** top = reinterpret_cast<void**>((reinterpret_cast<std::uintptr_t>(bottom) + bytes) &
                                          ~std::uintptr_t(15));
    *--top = nullptr;  // nothing to return to
    *--top = reinterpret_cast<void*>(entry);
    stack = top - 6;
    std::fill_n(static_cast<void**>(stack), 6, nullptr);
  }
};
void switch_to(Place& from, Place& to) { emulator_switch(&from.stack, to.stack); }
#else
struct Place {
  ucontext_t context{};
  void begin(char* bottom, std::size_t bytes, void (*entry)()) {
    getcontext(&context);
    context.uc_stack.ss_sp = bottom;
    context.uc_stack.ss_size = bytes;
    context.uc_link = nullptr;
    makecontext(&context, entry, 0);
  }
};
void switch_to(Place& from, Place& to) { swapcontext(&from.context, &to.context); }
#endif

struct Fibre {
  Place place;
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(stack_bytes);
  State state = State::ended;
  dim3 thread;
#ifdef EMULATOR_ASAN
  void* fake_stack = nullptr;
#endif
};

Place scheduler;
std::vector<std::unique_ptr<Fibre>> fibres;
Fibre* running = nullptr;
const std::function<void()>* body_of_block = nullptr;
#ifdef EMULATOR_ASAN
void* scheduler_fake_stack = nullptr;
const void* scheduler_bottom = nullptr;
std::size_t scheduler_size = 0;
#endif

void to_scheduler(bool for_good) {
  Fibre* const self = running;
#ifdef EMULATOR_ASAN
  __sanitizer_start_switch_fiber(for_good ? nullptr : &self->fake_stack, scheduler_bottom,
                                 scheduler_size);
#else
  (void)for_good;
#endif
  switch_to(self->place, scheduler);
#ifdef EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(self->fake_stack, nullptr, nullptr);
#endif
}

void fibre_main() {
#ifdef EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &scheduler_bottom, &scheduler_size);
#endif
  (*body_of_block)();
  running->state = State::ended;
  to_scheduler(true);
}

void resume(Fibre& fibre) {
  running = &fibre;
  threadIdx = fibre.thread;
  fibre.state = State::runs;
#ifdef EMULATOR_ASAN
  __sanitizer_start_switch_fiber(&scheduler_fake_stack, fibre.stack.get(), stack_bytes);
#endif
  switch_to(scheduler, fibre.place);
#ifdef EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(scheduler_fake_stack, nullptr, nullptr);
#endif
  running = nullptr;
}

void wait_at(State barrier) {
  if (!running) die("a barrier outside a kernel");
  running->state = barrier;
  to_scheduler(false);
}

// --- the warp's exchange ----------------------------------------------------------------------

struct Slot {
  std::byte bytes[16];
  bool there = false;
};
std::vector<Slot> slots;

unsigned linear_thread() {
  return threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
}

void run_block(unsigned threads) {
  while (fibres.size() < threads) fibres.push_back(std::make_unique<Fibre>());
  slots.assign(threads, {});
  for (unsigned t = 0; t < threads; ++t) {
    Fibre& fibre = *fibres[t];
    fibre.place.begin(fibre.stack.get(), stack_bytes, fibre_main);
    const dim3& d = blockDim;
    fibre.thread = dim3(t % d.x, t / d.x % d.y, t / (d.x * d.y));
    resume(fibre);
  }
  for (;;) {
    bool moved = false, any = false, all_at_block = true;
    for (unsigned w = 0; w < threads; w += warp_size) {
      const unsigned end = std::min(w + warp_size, threads);
      bool warp_waits = false, whole = true;
      for (unsigned t = w; t < end; ++t) {
        const State s = fibres[t]->state;
        if (s == State::ended) continue;
        any = true;
        warp_waits = warp_waits || s == State::at_warp_barrier;
        whole = whole && s == State::at_warp_barrier;
        all_at_block = all_at_block && s == State::at_block_barrier;
      }
      if (!warp_waits) continue;
      if (!whole) continue;  // some lanes wait at the block's barrier: they are found below
      for (unsigned t = w; t < end; ++t) {
        if (fibres[t]->state == State::at_warp_barrier) resume(*fibres[t]);
      }
      moved = true;
    }
    if (!any) return;
    if (all_at_block) {
      for (unsigned t = 0; t < threads; ++t) {
        if (fibres[t]->state == State::at_block_barrier) resume(*fibres[t]);
      }
      moved = true;
    }
    if (!moved) die("a barrier that not all threads reach");
  }
}

// --- memory, streams --------------------------------------------------------------------------

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

void run_grid(dim3 grid, dim3 block, const std::function<void()>& body) {
  body_of_block = &body;
  gridDim = grid;
  blockDim = block;
  const unsigned blocks = grid.x * grid.y * grid.z;
  for (unsigned i = 0; i < blocks; ++i) {
    // Another order than the obvious one: nothing may depend on it.
    const unsigned b = settings_.reverse_blocks ? blocks - 1 - i : i;
    blockIdx = dim3(b % grid.x, b / grid.x % grid.y, b / (grid.x * grid.y));
    run_block(block.x * block.y * block.z);
  }
  ++counts_.kernels;
}

void block_barrier() { wait_at(State::at_block_barrier); }

void exchange(const void* mine, void* theirs, std::size_t bytes, unsigned from) {
  const unsigned self = linear_thread(), warp = self / warp_size * warp_size;
  if (bytes > sizeof(Slot::bytes)) die("a shuffle of more than 16 bytes");
  std::memcpy(slots[self].bytes, mine, bytes);
  slots[self].there = true;
  wait_at(State::at_warp_barrier);
  const unsigned other = warp + from;
  if (from < warp_size && other < slots.size() && slots[other].there) {
    std::memcpy(theirs, slots[other].bytes, bytes);
  }
  wait_at(State::at_warp_barrier);
  slots[self].there = false;
}

unsigned ballot(bool mine) {
  const unsigned self = linear_thread(), warp = self / warp_size * warp_size;
  slots[self].bytes[0] = std::byte(mine);
  slots[self].there = true;
  wait_at(State::at_warp_barrier);
  unsigned bits = 0;
  for (unsigned lane = 0; lane < warp_size && warp + lane < slots.size(); ++lane) {
    const Slot& s = slots[warp + lane];
    if (s.there && s.bytes[0] == std::byte(1)) bits |= 1u << lane;
  }
  wait_at(State::at_warp_barrier);
  slots[self].there = false;
  return bits;
}

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
