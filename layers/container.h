// Sequential calls its children in order; ModuleList only holds them. Children are moved in, or
// shared as a std::shared_ptr, and are numbered from 0 unless named:
//   Sequential{Conv2d{3, 16, 3}, ReLU{}}
//   Sequential{named("conv", Conv2d{3, 16, 3}), named("act", ReLU{})}
#pragma once
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/ops/shape.h"
#include "layers/module.h"

namespace glassbox::layers {

template <class M>
struct NamedModule {
  std::string name;
  std::shared_ptr<M> module;
};
template <class M>
requires std::derived_from<std::remove_cvref_t<M>, ModuleBase>
auto named(std::string name, M&& module) {
  static_assert(!std::is_lvalue_reference_v<M>,
                "move the module in, or pass a std::shared_ptr to it");
  return NamedModule<M>{std::move(name), std::make_shared<M>(std::move(module))};
}
template <std::derived_from<ModuleBase> M>
NamedModule<M> named(std::string name, std::shared_ptr<M> module) {
  return {std::move(name), std::move(module)};
}

namespace detail {
// The list behind both containers.
class Children {
 public:
  template <class M>
  void add(M&& child) {
    using Plain = std::remove_cvref_t<M>;
    if constexpr (std::derived_from<Plain, ModuleBase>) {
      static_assert(!std::is_lvalue_reference_v<M>,
                    "move the module in, or pass a std::shared_ptr to it");
      push("", std::make_shared<Plain>(std::move(child)));
    } else if constexpr (requires {
                           child.name;
                           child.module;
                         }) {
      push(std::move(child.name), std::move(child.module));
    } else {
      push("", std::forward<M>(child));  // a std::shared_ptr
    }
  }
  // Throws Error for an empty pointer, a name that is taken, empty or has a dot.
  void push(std::string name, std::shared_ptr<ModuleBase> child);
  ModuleBase& at(std::string_view owner, std::size_t i) const;
  void list(Fields& f) {
    for (auto& [name, child] : items) f(name, child);
  }
  std::vector<Named<std::shared_ptr<ModuleBase>>> items;
};
template <class Container, class... Ms>
concept Parts = !(sizeof...(Ms) == 1 && (std::same_as<std::remove_cvref_t<Ms>, Container> && ...));
}  // namespace detail

struct Sequential : Module<Sequential> {
  Sequential() = default;
  template <class... Ms>
  requires detail::Parts<Sequential, Ms...> &&
      (sizeof...(Ms) > 0) explicit Sequential(Ms&&... children) {
    (children_.add(std::forward<Ms>(children)), ...);
  }
  template <class M>
  void push_back(M&& child) {
    children_.add(std::forward<M>(child));
  }
  std::size_t size() const { return children_.items.size(); }
  // Child i. Throws Error when out of range.
  ModuleBase& operator[](std::size_t i) const { return children_.at("Sequential", i); }
  // Child i as its own type. Throws Error when it is of another.
  template <std::derived_from<ModuleBase> M>
  M& get(std::size_t i) const {
    if (M* child = dynamic_cast<M*>(&(*this)[i])) return *child;
    fail("Sequential", cat("child ", i, " is a ", (*this)[i].type_name()));
  }
  // Each child takes the one output of the one before it.
  Tensor forward(const Tensor& x);
  void fields(Fields& f) { children_.list(f); }

 private:
  detail::Children children_;
};

struct ModuleList : Module<ModuleList> {
  ModuleList() = default;
  template <class... Ms>
  requires detail::Parts<ModuleList, Ms...> &&
      (sizeof...(Ms) > 0) explicit ModuleList(Ms&&... children) {
    (children_.add(std::forward<Ms>(children)), ...);
  }
  template <class M>
  void push_back(M&& child) {
    children_.add(std::forward<M>(child));
  }
  std::size_t size() const { return children_.items.size(); }
  ModuleBase& operator[](std::size_t i) const { return children_.at("ModuleList", i); }
  // Throws Error: a list has no forward of its own.
  Tensor forward(const Tensor& x);
  void fields(Fields& f) { children_.list(f); }

 private:
  detail::Children children_;
};

struct Flatten : Module<Flatten> {
  int start_dim, end_dim;
  explicit Flatten(int start = 1, int end = -1) : start_dim(start), end_dim(end) {}
  Tensor forward(const Tensor& x) { return flatten(x, start_dim, end_dim); }
};

struct Identity : Module<Identity> {
  Tensor forward(const Tensor& x) { return x; }
};

}  // namespace glassbox::layers
