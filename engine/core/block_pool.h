// BlockPool: cuts blocks out of large segments of a device's memory, because asking the driver
// for memory is slow and waits for the device. A request takes the smallest free block that holds
// it; what is left over is split off, and a freed block joins its free neighbours. Requests up to
// 1 MiB come from segments of 2 MiB, up to 10 MiB from segments of 20 MiB, larger ones have a
// segment each: the rule of PyTorch's CUDA allocator (c10/cuda/CUDACachingAllocator.cpp). Not
// thread-safe: its allocator's lock guards it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>

namespace glassbox {

class BlockPool {
 public:
  static constexpr std::size_t granule = 512;
  // Takes memory from the device, null when it has no more, and gives it back.
  using Take = std::function<void*(std::size_t bytes)>;
  using Give = std::function<void(void* data, std::size_t bytes)>;

  BlockPool(Take take, Give give);
  ~BlockPool();  // blocks still in use stay the device's: nobody gives them back any more
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // `bytes` above 0. Null when the device has no more.
  void* allocate(std::size_t bytes);
  // What allocate gave. False for an address that is none of its blocks in use.
  bool free(void* data);
  // Gives back the segments of which nothing is in use.
  void release_cached();

  std::size_t reserved() const { return reserved_; }
  std::size_t in_use() const { return in_use_; }  // in whole blocks
  std::size_t segments() const { return segments_; }
  std::size_t free_blocks() const { return small_.size() + large_.size(); }
  std::size_t largest_free() const;
  std::uint64_t segments_taken() const { return taken_; }

 private:
  struct Block {
    std::byte* data;
    std::size_t bytes;
    bool small, used = false;
    Block *previous = nullptr, *next = nullptr;  // neighbours in the segment
  };
  struct Order {
    bool operator()(const Block* a, const Block* b) const {
      return a->bytes != b->bytes ? a->bytes < b->bytes : a->data < b->data;
    }
  };
  using Free = std::set<Block*, Order>;

  Free& list(bool small) { return small ? small_ : large_; }
  Block* take_segment(std::size_t bytes, bool small);
  void join(Block* into, Block* next);

  Take take_;
  Give give_;
  Free small_, large_;
  std::map<void*, Block*> used_;
  std::size_t reserved_ = 0, in_use_ = 0, segments_ = 0;
  std::uint64_t taken_ = 0;
};

}  // namespace glassbox
