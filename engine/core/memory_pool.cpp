#include "engine/core/memory_pool.h"

#include <atomic>

#include "engine/core/allocator.h"

namespace glassbox {
namespace {
std::atomic<std::uint64_t> next_pool{1};
thread_local std::uint64_t open_pool = 0;
}  // namespace

MemoryPool::MemoryPool(Device device) : id_(next_pool.fetch_add(1)), device_(device) {
  allocator(device);  // throws where there is no such device
}
MemoryPool::~MemoryPool() { allocator(device_).close_pool(id_); }
std::size_t MemoryPool::reserved() const { return allocator(device_).reserved_by_pool(id_); }

MemoryPoolScope::MemoryPoolScope(const MemoryPool& pool) : previous_(open_pool) {
  open_pool = pool.id();
}
MemoryPoolScope::~MemoryPoolScope() { open_pool = previous_; }

std::uint64_t current_memory_pool() { return open_pool; }

}  // namespace glassbox
