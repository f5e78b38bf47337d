// Backend: what the engine asks of the CUDA library (engine/cuda), which implements it.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "engine/core/allocator.h"
#include "engine/core/cuda.h"

namespace glassbox {

struct OpType;
struct Spec;
class Storage;
class Tensor;

namespace cuda {

class Backend {
 public:
  virtual int device_count() const = 0;
  virtual DeviceProperties properties(int device) = 0;
  virtual std::string versions() const = 0;
  virtual std::vector<int> architectures() const = 0;
  virtual Counters counters(int device) = 0;

  virtual Allocator& allocator(int device) = 0;
  virtual Allocator& pinned_allocator() = 0;  // page-locked host memory

  // Copies of bytes. `host` may be reused when upload returns, unless it is pinned: then `keep` is
  // held until the copy is done. download waits.
  virtual void upload(int device, void* to, const void* host, std::size_t bytes,
                      std::shared_ptr<const void> keep) = 0;
  virtual void download(int device, void* host, const void* from, std::size_t bytes) = 0;
  virtual void copy(int to_device, void* to, int from_device, const void* from,
                    std::size_t bytes) = 0;
  virtual void synchronize(int device) = 0;

  virtual void* make_event(int device) = 0;
  virtual void free_event(int device, void* event) noexcept = 0;
  virtual void record(int device, void* event) = 0;
  virtual void wait_for(int device, void* event) = 0;
  virtual double seconds(int device, void* from, void* to) = 0;

  // Runs the op's CUDA kernel on operands that are all on this device.
  virtual void run(const OpType& type, const void* op, int device, std::span<const Spec> in_specs,
                   std::span<const Spec> out_specs, std::span<const Tensor> in,
                   std::span<Tensor> out) = 0;
  // The working memory that it would take, bytes.
  virtual std::size_t scratch(const OpType& type, const void* op, int device,
                              std::span<const Spec> in, std::span<const Spec> out) = 0;

 protected:
  ~Backend() = default;
};

// The loaded library. Throws Error in the name of `what` when there is none, or no such device.
Backend& backend(std::string_view what, Device device);
// Null when there is none; does not load it.
Backend* loaded_backend();

bool sync_debug();

}  // namespace cuda
}  // namespace glassbox
