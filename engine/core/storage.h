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
  // A part of another storage's bytes with a version of its own (a gradient in an arena).
  Storage(std::shared_ptr<Storage> whole, std::size_t offset, std::size_t bytes);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() const { return data_; }  // null on the meta device
  std::size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
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

}  // namespace glassbox
