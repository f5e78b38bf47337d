#include "engine/core/storage.h"

#include <utility>

namespace glassbox {

namespace {
thread_local constinit StorageObserver* observer = nullptr;
}
StorageObserverScope::StorageObserverScope(StorageObserver& o) : previous_(observer) {
  observer = &o;
}
StorageObserverScope::~StorageObserverScope() { observer = previous_; }

Storage::Storage(std::size_t bytes, Device device) : Storage(bytes, device, allocator(device)) {}

Storage::Storage(std::size_t bytes, Device device, Allocator& allocator)
    : bytes_(bytes), device_(device), allocator_(&allocator) {
  block_ = allocator_->allocate(bytes);
  data_ = static_cast<std::byte*>(block_.data);
  if (observer) observer->on_allocate(*this);
}

Storage::Storage(std::shared_ptr<Storage> whole, std::size_t offset, std::size_t bytes)
    : data_(whole->data() ? whole->data() + offset : nullptr),
      bytes_(bytes),
      device_(whole->device()),
      whole_(std::move(whole)) {}

Storage::~Storage() {
  if (!allocator_) return;
  if (observer) observer->on_free(*this);
  allocator_->free(block_);
}

}  // namespace glassbox
