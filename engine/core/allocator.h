// Allocator: one caching allocator per device. Blocks are 64-byte aligned and kept from step to
// step: giving pages back to the system costs a training step 15-35 % in page faults. Thread-safe.
// The meta device has one too, over a source that returns no memory, so that a dry run accounts for
// the bytes that a real run would take. A device whose memory comes from its library brings its own
// source.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/core/device.h"
#include "engine/core/scope.h"

namespace glassbox {

struct MemoryStats {
  std::size_t allocated = 0;       // bytes in use, each request rounded up to 64
  std::size_t peak = 0;            // the largest `allocated` since reset_peak()
  std::size_t reserved = 0;        // bytes taken from the system, in use or cached
  std::uint64_t requests = 0;      // calls of allocate
  std::uint64_t system_calls = 0;  // those that had to ask the system
};

// Where an allocator's memory comes from when it is not the system's. It keeps its own cache; the
// allocator's lock is held during each call.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  virtual void* take(std::size_t bytes) = 0;  // null: no more, the cache given back already
  virtual void give(void* data) noexcept = 0;
  virtual void release_cached() = 0;
  virtual std::size_t reserved() const = 0;
  virtual std::uint64_t system_calls() const = 0;
  virtual std::string name() const = 0;      // "cuda:0"
  virtual std::string shortage() const = 0;  // for the error: what the device has and who holds it
  // See MemoryPool.
  virtual void close_pool(std::uint64_t) {}
  virtual std::size_t reserved_by_pool(std::uint64_t) const { return 0; }
};

class Allocator {
 public:
  static constexpr std::size_t alignment = 64;
  struct Block {
    void* data = nullptr;      // null on the meta device and for empty requests
    std::size_t bytes = 0;     // what was asked for, rounded up to the alignment
    std::size_t capacity = 0;  // what the block really holds
    ScopeId owner = no_scope;  // whose op asked for it
  };

  explicit Allocator(bool has_memory) : has_memory_(has_memory) {}
  explicit Allocator(std::unique_ptr<MemorySource> source)
      : has_memory_(true), source_(std::move(source)) {}
  ~Allocator() { release_cached(); }
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  // Throws Error when the system has no more memory, after the cache has been given back once.
  Block allocate(std::size_t bytes);
  void free(Block block);

  MemoryStats stats() const;
  // Who holds the bytes in use: the module paths in which they were asked for, or what a NamedScope
  // called itself; "" for what was asked for outside. Largest first.
  struct Holder {
    std::string name;
    std::size_t bytes;
  };
  std::vector<Holder> holders() const;
  void reset_peak();
  void release_cached();  // gives unused blocks back to the system

  // Of a MemoryPool.
  void close_pool(std::uint64_t id);
  std::size_t reserved_by_pool(std::uint64_t id) const;

  // The most bytes in use at once while it lives, whatever reset_peak() does meanwhile and however
  // many of them there are. Of all threads.
  class PeakScope {
   public:
    explicit PeakScope(Allocator& allocator);
    ~PeakScope();
    PeakScope(const PeakScope&) = delete;
    PeakScope& operator=(const PeakScope&) = delete;
    std::size_t start() const { return start_; }  // in use when it began
    std::size_t peak() const;

   private:
    friend class Allocator;
    Allocator& allocator_;
    PeakScope* next_;
    std::size_t start_, peak_;
  };

 private:
  void* take_from_system(std::size_t bytes);
  [[noreturn]] void out_of_memory(std::size_t bytes, ScopeId owner) const;
  std::vector<Holder> holders_locked() const;
  void release_cached_locked();

  const bool has_memory_;
  const std::unique_ptr<MemorySource> source_;  // null: the system
  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> cached_;  // by capacity
  MemoryStats stats_;
  std::vector<std::size_t> held_{0};  // bytes in use, by ScopeId
  PeakScope* peaks_ = nullptr;        // those that live, a list
};

// The allocator of a device. Throws Error for a device that this build or machine does not have.
Allocator& allocator(Device device);

}  // namespace glassbox
