#include "layers/container.h"

namespace glassbox::layers {

void detail::Children::push(std::string name, std::shared_ptr<ModuleBase> child) {
  if (!child) fail("Sequential", cat("child ", items.size(), " is a null pointer"));
  if (name.empty()) name = std::to_string(items.size());
  if (name.find('.') != std::string::npos)
    fail("Sequential", "the name \"" + name + "\" has a dot");
  for (const auto& [other, module] : items) {
    if (other == name) fail("Sequential", "two children are named \"" + name + "\"");
  }
  items.emplace_back(std::move(name), std::move(child));
}

ModuleBase& detail::Children::at(std::string_view owner, std::size_t i) const {
  if (i >= items.size()) fail(owner, cat("has ", items.size(), " children, no child ", i));
  return *items[i].second;
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (auto& [name, child] : children_.items) {
    Tensors out = child->call({y});
    if (out.size() != 1) {
      fail("Sequential", cat("child ", name, " (", child->type_name(), ") gave ", out.size(),
                             " tensors; the next one takes one"));
    }
    y = std::move(out[0]);
  }
  return y;
}

Tensor ModuleList::forward(const Tensor&) {
  fail("ModuleList", "has no forward: call its children in your own");
}

}  // namespace glassbox::layers
