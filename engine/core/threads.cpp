#include "engine/core/threads.h"

#include <atomic>
#include <cstdlib>
#include <thread>

#include "engine/core/error.h"

namespace glassbox {
namespace {

int initial_threads() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    if (const int n = std::atoi(text); n >= 1) return n;
  }
  const unsigned cores = std::thread::hardware_concurrency();
  return cores ? static_cast<int>(cores) : 1;
}

std::atomic<int>& global() {
  static std::atomic<int> threads = initial_threads();
  return threads;
}
thread_local int local_threads = 0;  // 0: none of its own

}  // namespace

int num_threads() { return local_threads ? local_threads : global().load(); }

void set_num_threads(int n) {
  if (n < 1) fail("set_num_threads", cat("needs at least 1 thread, got ", n));
  global() = n;
}

NumThreadsScope::NumThreadsScope(int n) : previous_(local_threads) {
  if (n < 1) fail("NumThreadsScope", cat("needs at least 1 thread, got ", n));
  local_threads = n;
}
NumThreadsScope::~NumThreadsScope() { local_threads = previous_; }

}  // namespace glassbox
