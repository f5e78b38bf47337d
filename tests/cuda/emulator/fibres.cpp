// See cuda_runtime.h. A block's threads are fibres, run in order of their number, each until it
// ends or waits at a barrier.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "cuda_runtime.h"
#include "tests/cuda/emulator/emulator.h"

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

namespace emulator {
namespace {

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

}  // namespace

void run_grid(dim3 grid, dim3 block, const std::function<void()>& body) {
  body_of_block = &body;
  gridDim = grid;
  blockDim = block;
  const unsigned blocks = grid.x * grid.y * grid.z;
  for (unsigned i = 0; i < blocks; ++i) {
    // Another order than the obvious one: nothing may depend on it.
    const unsigned b = settings().reverse_blocks ? blocks - 1 - i : i;
    blockIdx = dim3(b % grid.x, b / grid.x % grid.y, b / (grid.x * grid.y));
    run_block(block.x * block.y * block.z);
  }
  ++counts().kernels;
}

void die(const char* what) {
  std::fprintf(stderr, "CUDA emulator: %s (block %u,%u,%u thread %u of %u)\n", what, blockIdx.x,
               blockIdx.y, blockIdx.z, threadIdx.x, blockDim.x);
  std::abort();
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

}  // namespace emulator
