#include "engine/core/scope.h"

#include <atomic>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace glassbox {
namespace {

thread_local std::vector<Scoped*> running;
thread_local ScopeId named = no_scope;

// Grows when a module is gone: another may then be at its address.
std::atomic<std::uint64_t> modules_gone{0};

class Names {
 public:
  struct Name {
    std::string text;
    bool is_path;
  };
  ScopeId id(std::string_view text, bool is_path) {
    const std::lock_guard lock(mutex_);
    auto& ids = is_path ? paths_ : labels_;
    const auto [it, fresh] = ids.try_emplace(std::string(text), ScopeId(names_.size()));
    if (fresh) names_.push_back({it->first, is_path});
    return it->second;
  }
  Name name(ScopeId id) {
    const std::lock_guard lock(mutex_);
    return names_.at(id);
  }

 private:
  std::mutex mutex_;
  std::vector<Name> names_{{"", true}};  // no_scope
  std::unordered_map<std::string, ScopeId> paths_, labels_;
};
Names& names() {
  static Names& names = *new Names;  // modules with static lifetime may run after any destructor
  return names;
}

// The ids of paths that this thread has worked out, by the innermost module.
struct KnownPath {
  std::vector<Scoped*> stack;
  ScopeId id = no_scope;
};
struct KnownPaths {
  std::uint64_t gone = 0;
  std::unordered_map<const Scoped*, KnownPath> by_module;
};
thread_local KnownPaths known;

std::string path_of_stack() {
  // Why hop by hop: a module may be listed in the one that calls it and not below the root.
  std::string path = running.front()->type_name();
  for (std::size_t i = 1; i < running.size(); ++i) {
    const std::string part = path_of(*running[i - 1], *running[i]);
    if (!part.empty()) path += "." + (part == "?" ? running[i]->type_name() : part);
  }
  return path;
}

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
  if (!running.empty()) return path_of_stack();
  if (named == no_scope) return "";
  const Names::Name name = names().name(named);
  return name.is_path ? name.text : "";
}

ScopeId scope_id() {
  if (running.empty()) return named;
  if (const std::uint64_t gone = modules_gone.load(std::memory_order_acquire); gone != known.gone) {
    known.by_module.clear();
    known.gone = gone;
  }
  KnownPath& path = known.by_module[running.back()];
  if (path.stack != running) {
    path.id = names().id(path_of_stack(), true);
    path.stack = running;
  }
  return path.id;
}
std::string scope_name(ScopeId id) { return names().name(id).text; }

NamedScope::NamedScope(ScopeId path) : previous_(std::exchange(named, path)) {}
NamedScope::NamedScope(std::string_view label) : NamedScope(names().id(label, false)) {}
NamedScope::~NamedScope() { named = previous_; }

Scoped::~Scoped() { modules_gone.fetch_add(1, std::memory_order_release); }

}  // namespace glassbox
