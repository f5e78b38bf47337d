#include "engine/core/tensor.h"

#include <atomic>
#include <cstring>

#include "engine/core/transfer.h"

namespace glassbox {
namespace {

std::atomic<std::uint64_t> next_id{1};

// Calls f with a null pointer of the C++ type of `dtype`.
template <class F>
auto dispatch(DType dtype, F f) {
  switch (dtype) {
    case DType::f32:
      return f(static_cast<float*>(nullptr));
    case DType::f64:
      return f(static_cast<double*>(nullptr));
    case DType::f16:
      return f(static_cast<Half*>(nullptr));
    case DType::bf16:
      return f(static_cast<BFloat16*>(nullptr));
    case DType::i32:
      return f(static_cast<std::int32_t*>(nullptr));
    case DType::i64:
      return f(static_cast<std::int64_t*>(nullptr));
    case DType::u8:
      return f(static_cast<std::uint8_t*>(nullptr));
    case DType::boolean:
      return f(static_cast<bool*>(nullptr));
  }
  __builtin_unreachable();
}

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, BFloat16>) {
    return static_cast<To>(static_cast<float>(value));
  } else {
    return static_cast<To>(value);
  }
}

// Outside the tape and unseen by a recorder.
Tensor host_copy(const Tensor& tensor) {
  Tensor host = empty(tensor.shape(), tensor.dtype(), Device::cpu());
  copy_elements(tensor, host);
  return host;
}

}  // namespace

std::string to_string(const Spec& spec) {
  if (!spec.defined) return "none";
  return to_string(spec.shape) + " " + std::string(name_of(spec.dtype));
}

TensorImpl::TensorImpl(Spec s, std::size_t o, std::shared_ptr<Storage> st)
    : id(next_id.fetch_add(1, std::memory_order_relaxed)),
      spec(s),
      offset(o),
      storage(std::move(st)) {}

void Tensor::undefined_tensor() {
  fail("tensor", "this tensor is undefined (never assigned, or an optional one that is absent)");
}

void Tensor::check_host_access(DType wanted) const {
  const TensorImpl& t = impl();
  if (!t.spec.device.is_cpu()) {
    fail("data", cat("a tensor on ", t.spec.device, " has no host data; copy it with ",
                     t.spec.device.is_meta() ? "a real model instead" : "to(Device::cpu())"));
  }
  if (t.spec.dtype != wanted) {
    fail("data", cat("tensor holds ", t.spec.dtype, " but ", wanted, " was asked for"));
  }
}

double Tensor::item_as_double() const {
  const TensorImpl& t = impl();
  if (numel() != 1) fail("item", cat("needs exactly one element, shape is ", t.spec.shape));
  if (!t.spec.device.is_cpu()) {
    if (t.spec.device.is_meta()) fail("item", "a tensor on the meta device has no value");
    return host_copy(*this).item<double>();
  }
  return dispatch(t.spec.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return convert<double>(*reinterpret_cast<const T*>(raw()));
  });
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  const Tensor host = device().is_cuda() ? host_copy(*this) : *this;
  if (device().is_meta()) fail("to_vector", "a tensor on the meta device has no data");
  std::vector<T> out(static_cast<std::size_t>(numel()));
  dispatch(dtype(), [&](auto* type) {
    using From = std::remove_pointer_t<decltype(type)>;
    const From* source = reinterpret_cast<const From*>(host.raw());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = convert<T>(source[i]);
  });
  return out;
}
template std::vector<float> Tensor::to_vector() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<std::int32_t> Tensor::to_vector() const;
template std::vector<std::int64_t> Tensor::to_vector() const;
template std::vector<std::uint8_t> Tensor::to_vector() const;

Tensor empty(const Shape& shape, DType dtype, Device device) {
  Spec spec{shape, dtype, device};
  auto storage = std::make_shared<Storage>(spec.bytes(), device);
  return Tensor(std::make_shared<TensorImpl>(spec, 0, std::move(storage)));
}

template <class T>
Tensor from(std::span<const T> values, const Shape& shape, Device device) {
  if (static_cast<std::int64_t>(values.size()) != shape.numel()) {
    fail("from", cat("shape ", shape, " needs ", shape.numel(), " values, got ", values.size()));
  }
  Tensor out = empty(shape, dtype_of<T>, device.is_meta() ? device : Device::cpu());
  if (device.is_meta()) return out;
  if (!values.empty()) std::memcpy(out.raw(), values.data(), values.size_bytes());
  if (device.is_cpu()) return out;
  Tensor moved = empty(shape, dtype_of<T>, device);
  copy_elements(out, moved);
  return moved;
}
template Tensor from(std::span<const float>, const Shape&, Device);
template Tensor from(std::span<const double>, const Shape&, Device);
template Tensor from(std::span<const Half>, const Shape&, Device);
template Tensor from(std::span<const BFloat16>, const Shape&, Device);
template Tensor from(std::span<const std::int32_t>, const Shape&, Device);
template Tensor from(std::span<const std::int64_t>, const Shape&, Device);
template Tensor from(std::span<const std::uint8_t>, const Shape&, Device);
template Tensor from(std::span<const bool>, const Shape&, Device);

}  // namespace glassbox
