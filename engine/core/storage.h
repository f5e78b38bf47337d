// Storage: a block of bytes on a device with a version that rises at every in-place write, so that
// the tape notices when a tensor that backward needs was changed. Shared by tensors that alias.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/core/allocator.h"

namespace glassbox {

class Storage {
 public:
  Storage(std::size_t bytes, Device device);
  // From another allocator than the device's (page-locked host memory).
  Storage(std::size_t bytes, Device device, Allocator& allocator);
  // A part of another storage's bytes with a version of its own (a gradient in an arena).
  Storage(std::shared_ptr<Storage> whole, std::size_t offset, std::size_t bytes);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() const { return data_; }  // null on the meta device
  std::size_t bytes() const { return bytes_; }
  // What it holds of the allocator: `bytes` rounded up, or 0 for a part of another storage.
  std::size_t allocated_bytes() const { return block_.bytes; }
  Device device() const { return device_; }
  bool allocated_by(const Allocator& allocator) const { return allocator_ == &allocator; }
  std::uint64_t version() const { return version_; }
  void bump_version() { ++version_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  Device device_;
  std::uint64_t version_ = 0;
  Allocator* allocator_ = nullptr;
  Allocator::Block block_;
  std::shared_ptr<Storage> whole_;
};

// Told of every storage that its thread makes and of every one that its thread lets go of, parts of
// others left out. Without one a storage costs a thread-local load more. What is told to must not
// make a storage.
class StorageObserver {
 public:
  virtual void on_allocate(const Storage& storage) noexcept = 0;
  virtual void on_free(const Storage& storage) noexcept = 0;  // made before it was watched, perhaps

 protected:
  ~StorageObserver() = default;
};

// Makes `observer` the one of this thread while it lives.
class StorageObserverScope {
 public:
  explicit StorageObserverScope(StorageObserver& observer);
  ~StorageObserverScope();
  StorageObserverScope(const StorageObserverScope&) = delete;
  StorageObserverScope& operator=(const StorageObserverScope&) = delete;

 private:
  StorageObserver* previous_;
};

}  // namespace glassbox
