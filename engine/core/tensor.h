// Tensor: a handle to an n-dimensional array; copying the handle shares the array. Data is dense
// and row-major. Operations make new tensors (engine/ops/); only parameters, buffers, gradients and
// optimizer state are ever written in place. A tensor may be used from several threads as long as
// none of them writes it.
#pragma once
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/core/device.h"
#include "engine/core/dtype.h"
#include "engine/core/error.h"
#include "engine/core/shape.h"
#include "engine/core/small_vector.h"
#include "engine/core/storage.h"

namespace glassbox {

// What a tensor is, without its data. An undefined Spec stands for an absent optional input.
struct Spec {
  Shape shape;
  DType dtype = DType::f32;
  Device device;
  bool defined = true;
  bool internal = false;  // an op's output that only its backward reads

  std::int64_t numel() const { return defined ? shape.numel() : 0; }
  std::size_t bytes() const {
    return defined ? static_cast<std::size_t>(shape.numel()) * size_of(dtype) : 0;
  }
  static Spec undefined() { return Spec{{}, DType::f32, {}, false, false}; }
};
std::string to_string(const Spec& spec);  // "[64,3,32,32] f32"

// What the tape keeps with a tensor that takes part in differentiation (engine/autograd/tape.h).
struct AutogradMeta {
  virtual ~AutogradMeta() = default;
};

struct TensorImpl {
  std::uint64_t id;  // rises with every tensor made in this process
  Spec spec;
  std::size_t offset;  // bytes from the start of the storage
  std::shared_ptr<Storage> storage;
  std::unique_ptr<AutogradMeta> autograd;
  TensorImpl(Spec s, std::size_t o, std::shared_ptr<Storage> st);
};

class Tensor {
 public:
  Tensor() = default;  // undefined
  explicit Tensor(std::shared_ptr<TensorImpl> impl) : impl_(std::move(impl)) {}

  bool defined() const { return impl_ != nullptr; }
  explicit operator bool() const { return defined(); }

  // --- what it is; each throws Error on an undefined tensor -------------------------------------
  const Spec& spec() const { return impl().spec; }
  const Shape& shape() const { return impl().spec.shape; }
  std::int64_t size(int dim) const { return shape().size(dim); }
  int dim() const { return shape().rank(); }
  std::int64_t numel() const { return shape().numel(); }
  DType dtype() const { return impl().spec.dtype; }
  Device device() const { return impl().spec.device; }
  std::uint64_t id() const { return impl().id; }
  const std::shared_ptr<Storage>& storage() const { return impl().storage; }
  bool same_as(const Tensor& other) const { return impl_ == other.impl_; }

  // --- host access ------------------------------------------------------------------------------
  // The elements in row-major order. T must be the tensor's type and the tensor must be on the CPU.
  template <class T>
  std::span<const T> data() const {
    check_host_access(dtype_of<T>);
    return {reinterpret_cast<const T*>(raw()), static_cast<std::size_t>(numel())};
  }
  // The same for writing; raises the version. Only for state: an activation that backward needs and
  // that is written is reported by backward.
  template <class T>
  std::span<T> mutable_data() {
    check_host_access(dtype_of<T>);
    impl().storage->bump_version();
    return {reinterpret_cast<T*>(raw()), static_cast<std::size_t>(numel())};
  }
  // The only element, converted to T. Throws Error when there is more than one. Waits for a device.
  template <class T>
  T item() const {
    return static_cast<T>(item_as_double());
  }
  // All elements, converted to T.
  template <class T>
  std::vector<T> to_vector() const;
  std::byte* raw() const { return impl().storage->data() + impl().offset; }

  // --- the most used operations as members (see engine/ops for all) ------------------------------
  Tensor operator[](std::int64_t index) const;  // x[i]: a view with dimension 0 dropped
  Tensor reshape(std::initializer_list<std::int64_t> shape) const;  // one size may be -1
  Tensor reshape(const Shape& shape) const;
  Tensor flatten(int start_dim = 0, int end_dim = -1) const;
  Tensor permute(std::vector<int> dims) const;
  Tensor to(DType dtype) const;
  Tensor to(Device device) const;
  Tensor clone() const;  // a copy with its own storage; differentiable
  Tensor sum() const;
  Tensor mean() const;

  // --- autograd -------------------------------------------------------------------------------
  bool requires_grad() const;  // true for leaves that were asked to, and for what depends on them
  // Leaves only, floating only; throws Error otherwise.
  Tensor& set_requires_grad(bool requires_grad = true);
  bool is_leaf() const;
  Tensor grad() const;  // undefined until backward reaches this leaf
  void set_grad(const Tensor& grad);
  void zero_grad();       // makes the gradient undefined
  void retain_grad();     // keeps the gradient of a tensor that is not a leaf
  Tensor detach() const;  // the same data, outside the tape
  // Adds d(this)/d(leaf) to the gradient of every leaf. `seed` has this tensor's shape and may be
  // left out for one element. Throws Error on a second call over the same recording.
  void backward(const Tensor& seed = {}) const;

  TensorImpl& impl() const {
    if (!impl_) undefined_tensor();
    return *impl_;
  }
  TensorImpl* impl_or_null() const { return impl_.get(); }
  const std::shared_ptr<TensorImpl>& handle() const { return impl_; }

 protected:
  [[noreturn]] static void undefined_tensor();
  void check_host_access(DType wanted) const;
  double item_as_double() const;
  std::shared_ptr<TensorImpl> impl_;
};

// A trained tensor of a module: a leaf that wants a gradient.
class Parameter : public Tensor {
 public:
  Parameter() = default;
  Parameter(const Tensor& data);
};
// State of a module that is saved with it but not trained (running statistics).
class Buffer : public Tensor {
 public:
  Buffer() = default;
  Buffer(const Tensor& data) : Tensor(data) {}
};

using Tensors = std::vector<Tensor>;

// Uninitialised memory; on the meta device no memory at all.
Tensor empty(const Shape& shape, DType dtype = DType::f32, Device device = default_device());

// Copies host data. Throws Error when the count does not match the shape.
template <class T>
Tensor from(std::span<const T> values, const Shape& shape, Device device = default_device());
template <class T>
Tensor from(const std::vector<T>& values, const Shape& shape, Device device = default_device()) {
  return from(std::span<const T>(values), shape, device);
}
template <class T>
Tensor from(std::initializer_list<T> values, const Shape& shape, Device device = default_device()) {
  return from(std::span<const T>(values.begin(), values.size()), shape, device);
}
template <class T>
Tensor tensor(std::initializer_list<T> values, Device device = default_device()) {
  return from(values, {static_cast<std::int64_t>(values.size())}, device);
}

// Prints as numpy does: nested brackets, 4 digits, "..." in the middle of long dimensions.
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);
std::string to_string(const Tensor& tensor);

}  // namespace glassbox
