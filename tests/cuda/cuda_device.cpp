#include "tests/cuda/cuda_device.h"

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "tests/skip.h"

namespace glassbox::test {
namespace {

struct Found {
  bool available = false, emulated = false;
  std::string why;
  void* library = nullptr;
};

// Loads the backend, once. A library named in the environment comes first, then a real GPU's.
const Found& found() {
  static const Found result = [] {
    Found f;
    const bool named = std::getenv("GLASSBOX_CUDA_LIBRARY") != nullptr;
    const bool driver = !named && dlopen("libcuda.so.1", RTLD_LAZY) != nullptr;
    std::string file;
#ifdef GLASSBOX_CUDA_EMULATED
    if (!named && !driver) {
      file = GLASSBOX_CUDA_EMULATED;
      setenv("GLASSBOX_CUDA_LIBRARY", file.c_str(), 1);
    }
#endif
    f.available = cuda::is_available();
    f.why = cuda::why_not();
    // Programs that the tests start see the machine as it is.
    if (!file.empty()) unsetenv("GLASSBOX_CUDA_LIBRARY");
    if (!file.empty() && f.available) f.library = dlopen(file.c_str(), RTLD_NOW | RTLD_NOLOAD);
    f.emulated = f.library != nullptr;
    return f;
  }();
  return result;
}

template <class T>
T& from_emulator(const char* symbol) {
  return *reinterpret_cast<T* (*)()>(dlsym(found().library, symbol))();
}

}  // namespace

void prepare_device() {
  found();
  const char* const wanted = std::getenv("GLASSBOX_TEST_DEVICE");
  setenv("GLASSBOX_DEVICE", wanted ? wanted : "cpu", 1);
}

bool have_cuda() {
  if (!found().available) skip("needs a CUDA device: " + found().why);
  return found().available;
}

bool have_gpu() {
  if (!found().available || found().emulated) skip("needs a GPU");
  return found().available && !found().emulated;
}

std::uint64_t check_warm_step(const std::function<Tensor()>& step) {
  constexpr int steps = 4;
  for (int i = 0; i < 3; ++i) step();
  cuda::synchronize();
  const cuda::Counters before = cuda::counters();
  Tensor loss;
  for (int i = 0; i < steps; ++i) loss = step();
  const cuda::Counters after = cuda::counters();
  CHECK(after.driver_allocations == before.driver_allocations);
  CHECK(after.host_waits == before.host_waits);
  CHECK(std::isfinite(loss.item<double>()));
  CHECK(cuda::counters().host_waits == before.host_waits + 1);
  return (after.launches - before.launches) / steps;
}

bool is_emulated() { return found().emulated; }

emulator::Settings& emulator_settings() {
  return from_emulator<emulator::Settings>("glassbox_emulator_settings");
}
emulator::Counts& emulator_counts() {
  return from_emulator<emulator::Counts>("glassbox_emulator_counts");
}

}  // namespace glassbox::test
