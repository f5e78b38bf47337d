// NVIDIA GPUs, as a program sees them. The CUDA backend is a library of its own, loaded when a CUDA
// device is first asked for: a program starts, and computes on the CPU, where there is no GPU, no
// driver or no cuDNN. Work on a GPU is asynchronous: ops return when they are enqueued, and only
// item(), host copies and synchronize() wait.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/device.h"

namespace glassbox::cuda {

bool is_available();  // there is a GPU that this build can use
// Why not, with what to do about it; "" when is_available().
std::string why_not();
int device_count();  // 0 when not available

struct DeviceProperties {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  std::size_t total_memory = 0, free_memory = 0;  // bytes
  std::size_t l2_cache = 0;                       // bytes
};
// Throws Error for a device that does not exist.
DeviceProperties properties(int index = 0);

// What the backend was built and is run with: "CUDA 13.0, driver 13.0, cuDNN 9.19.0, cuBLAS
// 13.1.0". "" when not available.
std::string versions();
// The compute capabilities that the build holds kernels for: {80, 86, 89, 90}.
std::vector<int> architectures();

// Waits until all work on the device is done. Throws the Error of work that failed meanwhile.
void synchronize(int index = 0);
// Gives memory that no tensor uses back to the driver.
void empty_cache(int index = 0);

// After each op, waits and throws its error at once, where else it would show later. Slow; for
// finding a fault. Also on when GLASSBOX_CUDA_SYNC=1 is in the environment.
void set_sync_debug(bool on);

// Matrix products and convolutions of f32 tensors may round their operands to TF32 (10 bits of
// mantissa) on tensor cores. Off at first.
void set_allow_tf32(bool allow);
bool allow_tf32();

// Only kernels that give the same bits in every run. An op that has none throws. On at first.
void set_deterministic(bool on);
bool deterministic();

// What the host asked of a device since the program began: a warm training step takes no memory
// from the driver and waits for nothing.
struct Counters {
  std::uint64_t driver_allocations = 0, host_waits = 0, launches = 0;
};
Counters counters(int index = 0);

// Time between two points of a device's stream, measured by the device. Each throws Error when
// there is no such device.
class Event {
 public:
  explicit Event(int index = 0);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record();                               // this point
  void synchronize();                          // waits until the device has passed it
  double seconds_since(const Event& earlier);  // both are waited for

 private:
  int index_;
  void* handle_;
};

}  // namespace glassbox::cuda
