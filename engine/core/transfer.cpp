#include "engine/core/transfer.h"

#include <cstring>

#include "engine/core/backend.h"

namespace glassbox {

void copy_elements(const Tensor& from, const Tensor& to) {
  const Spec &a = from.spec(), &b = to.spec();
  if (a.shape != b.shape || a.dtype != b.dtype) {
    fail("copy", cat(to_string(a), " does not fit into ", to_string(b)));
  }
  if (a.device.is_meta() || b.device.is_meta()) fail("copy", "a meta tensor has no data");
  const std::size_t bytes = a.bytes();
  if (bytes == 0) return;
  if (a.device.is_cpu() && b.device.is_cpu()) {
    std::memcpy(to.raw(), from.raw(), bytes);
  } else if (a.device.is_cpu()) {
    cuda::backend("copy", b.device)
        .upload(b.device.index(), to.raw(), from.raw(), bytes,
                is_pinned(from) ? from.storage() : nullptr);
  } else if (b.device.is_cpu()) {
    cuda::backend("copy", a.device).download(a.device.index(), to.raw(), from.raw(), bytes);
  } else {
    cuda::backend("copy", b.device)
        .copy(b.device.index(), to.raw(), a.device.index(), from.raw(), bytes);
  }
}

void write_bytes(Tensor& to, std::size_t offset, const void* host, std::size_t bytes) {
  const Device device = to.device();
  if (offset > to.spec().bytes() || bytes > to.spec().bytes() - offset) {
    fail("write", cat(bytes, " bytes at ", offset, " are outside ", to_string(to.spec())));
  }
  to.storage()->bump_version();
  if (device.is_meta() || bytes == 0) return;
  if (device.is_cpu()) {
    std::memcpy(to.raw() + offset, host, bytes);
  } else {
    cuda::backend("write", device).upload(device.index(), to.raw() + offset, host, bytes, nullptr);
  }
}

Tensor pin_memory(const Tensor& tensor) {
  if (!tensor.device().is_cpu()) {
    fail("pin_memory", cat("only host memory is pinned, this tensor is on ", tensor.device()));
  }
  if (is_pinned(tensor)) return tensor;
  Allocator& pinned = cuda::backend("pin_memory", Device::cuda()).pinned_allocator();
  const Spec spec = tensor.spec();
  auto storage = std::make_shared<Storage>(spec.bytes(), Device::cpu(), pinned);
  const Tensor copy(std::make_shared<TensorImpl>(spec, 0, std::move(storage)));
  copy_elements(tensor, copy);
  return copy;
}

bool is_pinned(const Tensor& tensor) {
  cuda::Backend* const backend = cuda::loaded_backend();
  return backend && tensor.device().is_cpu() &&
         tensor.storage()->allocated_by(backend->pinned_allocator());
}

}  // namespace glassbox
