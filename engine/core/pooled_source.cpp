#include "engine/core/pooled_source.h"

#include <utility>

#include "engine/core/memory_pool.h"

namespace glassbox {

PooledSource::PooledSource(std::string name, BlockPool::Take take, BlockPool::Give give,
                           std::function<std::string()> shortage)
    : name_(std::move(name)),
      take_(std::move(take)),
      give_(std::move(give)),
      shortage_(std::move(shortage)) {}

PooledSource::Pool& PooledSource::pool(std::uint64_t id) {
  std::unique_ptr<Pool>& found = pools_[id];
  if (!found) found = std::make_unique<Pool>(take_, give_);
  return *found;
}

void* PooledSource::take(std::size_t bytes) {
  Pool& from = pool(current_memory_pool());
  void* data = from.blocks.allocate(bytes);
  if (!data) {
    // The pool gave its own cache back; the others' may be what is missing.
    release_cached();
    data = from.blocks.allocate(bytes);
  }
  return data;
}

void PooledSource::give(void* data) noexcept {
  for (auto it = pools_.begin(); it != pools_.end(); ++it) {
    Pool& p = *it->second;
    if (!p.blocks.free(data)) continue;
    if (p.closed && p.blocks.in_use() == 0) {
      taken_by_closed_ += p.blocks.segments_taken();
      pools_.erase(it);
    }
    return;
  }
}

void PooledSource::release_cached() {
  for (auto& [id, p] : pools_) p->blocks.release_cached();
}

std::size_t PooledSource::reserved() const {
  std::size_t total = 0;
  for (const auto& [id, p] : pools_) total += p->blocks.reserved();
  return total;
}

std::uint64_t PooledSource::system_calls() const {
  std::uint64_t total = taken_by_closed_;
  for (const auto& [id, p] : pools_) total += p->blocks.segments_taken();
  return total;
}

void PooledSource::close_pool(std::uint64_t id) {
  const auto it = pools_.find(id);
  if (it == pools_.end()) return;
  it->second->closed = true;
  if (it->second->blocks.in_use() > 0) return;
  taken_by_closed_ += it->second->blocks.segments_taken();
  pools_.erase(it);
}

std::size_t PooledSource::reserved_by_pool(std::uint64_t id) const {
  const auto it = pools_.find(id);
  return it == pools_.end() ? 0 : it->second->blocks.reserved();
}

}  // namespace glassbox
