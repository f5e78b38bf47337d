// Scope: which module is running on this thread. Entering costs a pointer on a stack; a name is
// worked out for an error, for a recording, and when a module first takes memory.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace glassbox {

class Tensor;

// What the engine needs to know of a module. layers::ModuleBase implements it.
class Scoped {
 public:
  Scoped() = default;
  Scoped(const Scoped&) = default;
  Scoped& operator=(const Scoped&) = default;
  virtual ~Scoped();
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
// "Net.features.3": of the running module, or the one whose op's gradient runs; else "".
std::string scope_path();

// A path as a number, the same for the same path as long as the program runs: cheap enough to be
// kept with each block of memory and each node of a tape. A program has few paths, and none is
// forgotten.
using ScopeId = std::uint32_t;
constexpr ScopeId no_scope = 0;
// Of the running module; else of this thread's innermost NamedScope; else no_scope.
ScopeId scope_id();
std::string scope_name(ScopeId id);

// A name for what runs outside any module, so that its memory has an owner: for an op's gradient
// the path of the module that ran the op, which errors name too, or a label, "Adam's state".
class NamedScope {
 public:
  explicit NamedScope(ScopeId path);
  explicit NamedScope(std::string_view label);
  ~NamedScope();
  NamedScope(const NamedScope&) = delete;
  NamedScope& operator=(const NamedScope&) = delete;

 private:
  ScopeId previous_;
};

// The dotted path from `root` to `target`: "" for the root itself, "?" when it is not below it.
std::string path_of(Scoped& root, const Scoped& target);

}  // namespace glassbox
