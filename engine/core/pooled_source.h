// PooledSource: a MemorySource that cuts what a device gives into blocks, in one pool for all and
// one for each MemoryPool.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "engine/core/allocator.h"
#include "engine/core/block_pool.h"

namespace glassbox {

class PooledSource final : public MemorySource {
 public:
  // `shortage` is asked for when memory has run out.
  PooledSource(std::string name, BlockPool::Take take, BlockPool::Give give,
               std::function<std::string()> shortage);

  void* take(std::size_t bytes) override;
  void give(void* data) noexcept override;
  void release_cached() override;
  std::size_t reserved() const override;
  std::uint64_t system_calls() const override;
  std::string name() const override { return name_; }
  std::string shortage() const override { return shortage_(); }
  void close_pool(std::uint64_t id) override;
  std::size_t reserved_by_pool(std::uint64_t id) const override;

 private:
  struct Pool {
    Pool(const BlockPool::Take& take, const BlockPool::Give& give) : blocks(take, give) {}
    BlockPool blocks;
    bool closed = false;
  };
  Pool& pool(std::uint64_t id);

  std::string name_;
  BlockPool::Take take_;
  BlockPool::Give give_;
  std::function<std::string()> shortage_;
  std::map<std::uint64_t, std::unique_ptr<Pool>> pools_;
  std::uint64_t taken_by_closed_ = 0;
};

}  // namespace glassbox
