#include "engine/core/block_pool.h"

#include <algorithm>
#include <utility>

namespace glassbox {
namespace {

constexpr std::size_t MiB = std::size_t(1) << 20;
constexpr std::size_t small_request = MiB, small_segment = 2 * MiB;
constexpr std::size_t large_request = 10 * MiB, large_segment = 20 * MiB;

std::size_t round_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

std::size_t segment_for(std::size_t bytes) {
  if (bytes <= small_request) return small_segment;
  if (bytes < large_request) return large_segment;
  return round_up(bytes, 2 * MiB);
}

// What is worth keeping as a block of its own.
bool worth_splitting(std::size_t rest, bool small) {
  return small ? rest >= BlockPool::granule : rest > small_request;
}

}  // namespace

BlockPool::BlockPool(Take take, Give give) : take_(std::move(take)), give_(std::move(give)) {}

BlockPool::~BlockPool() {
  release_cached();
  for (const auto& [data, block] : used_) delete block;
  for (Free* blocks : {&small_, &large_}) {
    for (Block* block : *blocks) delete block;
  }
}

BlockPool::Block* BlockPool::take_segment(std::size_t bytes, bool small) {
  const std::size_t size = segment_for(bytes);
  void* data = take_(size);
  if (!data) {
    release_cached();
    data = take_(size);
  }
  if (!data) return nullptr;
  ++taken_;
  ++segments_;
  reserved_ += size;
  return new Block{static_cast<std::byte*>(data), size, small};
}

void* BlockPool::allocate(std::size_t bytes) {
  bytes = round_up(bytes, granule);
  const bool small = bytes <= small_request;
  Free& free_blocks = list(small);
  Block wanted{nullptr, bytes, small};
  Block* block = nullptr;
  if (const auto it = free_blocks.lower_bound(&wanted); it != free_blocks.end()) {
    // A request with a segment of its own does not break up a much larger one: that would keep the
    // larger from being used or given back.
    if (bytes < large_request || (*it)->bytes - bytes < large_segment) {
      block = *it;
      free_blocks.erase(it);
    }
  }
  if (!block) block = take_segment(bytes, small);
  if (!block) return nullptr;
  if (const std::size_t rest = block->bytes - bytes; worth_splitting(rest, small)) {
    Block* const tail = new Block{block->data + bytes, rest, small, false, block, block->next};
    if (tail->next) tail->next->previous = tail;
    block->next = tail;
    block->bytes = bytes;
    free_blocks.insert(tail);
  }
  block->used = true;
  in_use_ += block->bytes;
  used_.emplace(block->data, block);
  return block->data;
}

void BlockPool::join(Block* into, Block* next) {
  into->bytes += next->bytes;
  into->next = next->next;
  if (into->next) into->next->previous = into;
  delete next;
}

bool BlockPool::free(void* data) {
  const auto it = used_.find(data);
  if (it == used_.end()) return false;
  Block* block = it->second;
  used_.erase(it);
  block->used = false;
  in_use_ -= block->bytes;
  Free& free_blocks = list(block->small);
  if (Block* next = block->next; next && !next->used) {
    free_blocks.erase(next);
    join(block, next);
  }
  if (Block* previous = block->previous; previous && !previous->used) {
    free_blocks.erase(previous);
    join(previous, block);
    block = previous;
  }
  free_blocks.insert(block);
  return true;
}

void BlockPool::release_cached() {
  for (Free* blocks : {&small_, &large_}) {
    for (auto it = blocks->begin(); it != blocks->end();) {
      Block* const block = *it;
      if (block->previous || block->next) {
        ++it;
        continue;
      }
      it = blocks->erase(it);
      give_(block->data, block->bytes);
      reserved_ -= block->bytes;
      --segments_;
      delete block;
    }
  }
}

std::size_t BlockPool::largest_free() const {
  std::size_t largest = 0;
  for (const Free* blocks : {&small_, &large_}) {
    if (!blocks->empty()) largest = std::max(largest, (*blocks->rbegin())->bytes);
  }
  return largest;
}

}  // namespace glassbox
