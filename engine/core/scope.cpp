#include "engine/core/scope.h"

#include <vector>

namespace glassbox {
namespace {

thread_local std::vector<Scoped*> running;

bool find_path(Scoped& from, const Scoped& target, std::string& path) {
  if (&from == &target) return true;
  bool found = false;
  from.visit_children([&](std::string_view name, Scoped& child) {
    if (found) return;
    const std::size_t length = path.size();
    if (!path.empty()) path += '.';
    path += name;
    found = find_path(child, target, path);
    if (!found) path.resize(length);
  });
  return found;
}

}  // namespace

Scope::Scope(Scoped& module) { running.push_back(&module); }
Scope::~Scope() { running.pop_back(); }

std::span<Scoped* const> scope_stack() { return running; }

std::string path_of(Scoped& root, const Scoped& target) {
  std::string path;
  return find_path(root, target, path) ? path : "?";
}

std::string scope_path() {
  if (running.empty()) return "";
  // Why hop by hop: a module may be listed in the one that calls it and not below the root.
  std::string path = running.front()->type_name();
  for (std::size_t i = 1; i < running.size(); ++i) {
    const std::string part = path_of(*running[i - 1], *running[i]);
    if (!part.empty()) path += "." + (part == "?" ? running[i]->type_name() : part);
  }
  return path;
}

}  // namespace glassbox
