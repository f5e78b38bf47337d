#include "engine/core/allocator.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "engine/core/backend.h"
#include "engine/core/error.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace glassbox {
namespace {

constexpr std::size_t huge_page = std::size_t(2) << 20;

std::size_t round_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

// A cached block serves a request of at least half its size. Why so wide: the last batch of an
// epoch and evaluation ask for other sizes than a training step, at other times; a set of blocks
// for each would double the memory.
bool fits(std::size_t capacity, std::size_t bytes) {
  return capacity - bytes <= std::max<std::size_t>(bytes, 4096);
}

}  // namespace

void* Allocator::take_from_system(std::size_t bytes) {
  const std::size_t align = bytes >= huge_page ? huge_page : alignment;
  void* data = std::aligned_alloc(align, round_up(bytes, align));
#ifdef __linux__
  // Why: 2 MiB pages take fewer faults and TLB misses; a refusal changes nothing.
  if (data && bytes >= huge_page) madvise(data, round_up(bytes, align), MADV_HUGEPAGE);
#endif
  return data;
}

Allocator::Block Allocator::allocate(std::size_t bytes) {
  if (bytes > SIZE_MAX / 2) fail("allocator", cat("a request of ", bytes, " bytes is too large"));
  const std::size_t rounded = round_up(bytes, alignment);
  const ScopeId owner = has_memory_ ? scope_id() : no_scope;  // a dry run has to be quick
  std::lock_guard lock(mutex_);
  ++stats_.requests;
  if (owner >= held_.size()) held_.resize(owner + 1);
  Block block{nullptr, rounded, rounded, owner};
  if (source_) {
    if (rounded != 0 && !(block.data = source_->take(rounded))) out_of_memory(rounded, owner);
  } else if (has_memory_ && rounded != 0) {
    const auto it = cached_.lower_bound(rounded);
    if (it != cached_.end() && fits(it->first, rounded)) {
      block.capacity = it->first;
      block.data = it->second.back();
      it->second.pop_back();
      if (it->second.empty()) cached_.erase(it);
    } else {
      ++stats_.system_calls;
      block.data = take_from_system(rounded);
      if (!block.data) {
        release_cached_locked();
        block.data = take_from_system(rounded);
      }
      if (!block.data) out_of_memory(rounded, owner);
      stats_.reserved += rounded;
    }
  }
  stats_.allocated += rounded;
  held_[owner] += rounded;
  stats_.peak = std::max(stats_.peak, stats_.allocated);
  for (PeakScope* p = peaks_; p; p = p->next_) p->peak_ = std::max(p->peak_, stats_.allocated);
  return block;
}

void Allocator::out_of_memory(std::size_t bytes, ScopeId owner) const {
  std::string text =
      cat("asked for ", bytes, " bytes", owner == no_scope ? "" : " in " + scope_name(owner),
          " while this program's tensors hold ", stats_.allocated);
  constexpr std::size_t named = 4;
  const std::vector<Holder> holders = holders_locked();
  for (std::size_t i = 0; i < std::min(holders.size(), named); ++i) {
    const auto& [name, held] = holders[i];
    text += cat(i == 0 ? " (" : ", ", name.empty() ? "outside any module" : name, " ", held);
  }
  if (!holders.empty()) text += holders.size() > named ? ", ...)" : ")";
  std::string where;
  if (source_) {
    where = " on " + source_->name();
    const std::size_t reserved = source_->reserved();
    text += cat(" and its cache ", reserved - std::min(reserved, stats_.allocated), "; ",
                source_->shortage());
  }
  throw OutOfMemoryError(cat("allocator: out of memory", where, ": ", text));
}

std::vector<Allocator::Holder> Allocator::holders_locked() const {
  std::vector<Holder> holders;
  for (std::size_t id = 0; id < held_.size(); ++id) {
    if (held_[id] > 0) holders.push_back({scope_name(static_cast<ScopeId>(id)), held_[id]});
  }
  std::stable_sort(holders.begin(), holders.end(),
                   [](const Holder& a, const Holder& b) { return a.bytes > b.bytes; });
  return holders;
}

std::vector<Allocator::Holder> Allocator::holders() const {
  std::lock_guard lock(mutex_);
  return holders_locked();
}

void Allocator::free(Block block) {
  std::lock_guard lock(mutex_);
  stats_.allocated -= block.bytes;
  held_[block.owner] -= block.bytes;
  if (!block.data) return;
  if (source_)
    source_->give(block.data);
  else
    cached_[block.capacity].push_back(block.data);
}

MemoryStats Allocator::stats() const {
  std::lock_guard lock(mutex_);
  MemoryStats stats = stats_;
  if (source_) {
    stats.reserved = source_->reserved();
    stats.system_calls = source_->system_calls();
  }
  return stats;
}

void Allocator::reset_peak() {
  std::lock_guard lock(mutex_);
  stats_.peak = stats_.allocated;
}

void Allocator::close_pool(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  if (source_) source_->close_pool(id);
}

std::size_t Allocator::reserved_by_pool(std::uint64_t id) const {
  std::lock_guard lock(mutex_);
  return source_ ? source_->reserved_by_pool(id) : 0;
}

void Allocator::release_cached() {
  std::lock_guard lock(mutex_);
  release_cached_locked();
}

void Allocator::release_cached_locked() {
  if (source_) return source_->release_cached();
  for (auto& [capacity, blocks] : cached_) {
    for (void* data : blocks) {
      std::free(data);
      stats_.reserved -= capacity;
    }
  }
  cached_.clear();
}

Allocator::PeakScope::PeakScope(Allocator& allocator) : allocator_(allocator) {
  std::lock_guard lock(allocator_.mutex_);
  start_ = peak_ = allocator_.stats_.allocated;
  next_ = std::exchange(allocator_.peaks_, this);
}

Allocator::PeakScope::~PeakScope() {
  std::lock_guard lock(allocator_.mutex_);
  PeakScope** link = &allocator_.peaks_;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
}

std::size_t Allocator::PeakScope::peak() const {
  std::lock_guard lock(allocator_.mutex_);
  return peak_;
}

Allocator& allocator(Device device) {
  // Why never destroyed: tensors with static lifetime may be freed after any destructor here.
  static Allocator& cpu = *new Allocator(true);
  static Allocator& meta = *new Allocator(false);
  if (device.is_cpu()) return cpu;
  if (device.is_meta()) return meta;
  return cuda::backend("allocator", device).allocator(device.index());
}

}  // namespace glassbox
