// Scope: which module is running on this thread. Entering costs a pointer on a stack; names are
// worked out from the root only for an error or a recording.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace glassbox {

class Tensor;

// What the engine needs to know of a module. layers::ModuleBase implements it.
class Scoped {
 public:
  virtual ~Scoped() = default;
  virtual std::string type_name() const = 0;  // "Conv2d"
  virtual bool is_training() const = 0;
  virtual void visit_children(
      const std::function<void(std::string_view name, Scoped& child)>& visit) = 0;
  // Own tensors, not those of children; `is_parameter` is false for buffers.
  virtual void visit_tensors(const std::function<void(std::string_view name, Tensor& tensor,
                                                      bool is_parameter)>& visit) = 0;
};

class Scope {
 public:
  explicit Scope(Scoped& module);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
};

// The running modules of this thread, root first.
std::span<Scoped* const> scope_stack();
// "Net.features.3", or "" outside any module.
std::string scope_path();
// The dotted path from `root` to `target`: "" for the root itself, "?" when it is not below it.
std::string path_of(Scoped& root, const Scoped& target);

}  // namespace glassbox
