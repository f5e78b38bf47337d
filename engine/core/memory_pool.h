// MemoryPool: device memory kept apart. What is allocated on this thread while a MemoryPoolScope of
// it is open comes from its segments alone, and what was freed there is used again there alone: a
// recording that is replayed keeps its addresses. Devices with a memory source of their own (CUDA)
// have pools; for others a scope changes nothing.
#pragma once
#include <cstddef>
#include <cstdint>

#include "engine/core/device.h"

namespace glassbox {

class MemoryPool {
 public:
  explicit MemoryPool(Device device);
  ~MemoryPool();  // its memory goes back when the last block in use is freed
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  std::uint64_t id() const { return id_; }
  Device device() const { return device_; }
  std::size_t reserved() const;  // bytes taken from the device

 private:
  std::uint64_t id_;
  Device device_;
};

class MemoryPoolScope {
 public:
  explicit MemoryPoolScope(const MemoryPool& pool);
  ~MemoryPoolScope();
  MemoryPoolScope(const MemoryPoolScope&) = delete;
  MemoryPoolScope& operator=(const MemoryPoolScope&) = delete;

 private:
  std::uint64_t previous_;
};

// The pool of this thread's open scope; 0: the shared one.
std::uint64_t current_memory_pool();

}  // namespace glassbox
