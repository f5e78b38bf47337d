// What a test sets in the emulated CUDA runtime and reads from it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace emulator {

struct Settings {
  int devices = 2;
  int count_error = 0;  // what cudaGetDeviceCount returns
  int driver = 13000;
  int capability = 90;
  std::size_t memory = std::size_t(2) << 30;  // of each device
  int fault = 0;                              // what the next waits return
  bool reverse_blocks = false;
};
// At load, GLASSBOX_EMULATOR sets them too: "devices=1 count_error=35 driver=12040 capability=70
// memory_mib=64".
struct Counts {
  std::uint64_t mallocs = 0, waits = 0, launches = 0, kernels = 0;
  std::size_t device_bytes = 0;
};

Settings& settings();
Counts& counts();
// Says what the code under test did wrong, with the thread, and stops the program.
[[noreturn]] void die(const char* what);

}  // namespace emulator
