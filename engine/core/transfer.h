// Bytes of tensors to and from the host and between devices.
#pragma once
#include <cstddef>

#include "engine/core/tensor.h"

namespace glassbox {

// Copies all elements; shape and type must be equal, devices may differ, neither may be meta. Waits
// only when `to` is on the host and `from` is not.
void copy_elements(const Tensor& from, const Tensor& to);
// Overwrites bytes of a tensor with the host's, and raises its version.
void write_bytes(Tensor& to, std::size_t offset, const void* host, std::size_t bytes);

// A copy in page-locked host memory, from which a device reads without waiting (and which the
// system cannot page out). Throws Error where there is no GPU.
Tensor pin_memory(const Tensor& tensor);
bool is_pinned(const Tensor& tensor);

}  // namespace glassbox
