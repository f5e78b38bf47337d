#include "engine/core/scope.h"

#include <algorithm>
#include <atomic>
#include <exception>
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

bool find_path(Scoped& from, const Scoped& target, std::string& path) {
  if (&from == &target) return true;
  std::vector<std::pair<std::string, Scoped*>> children;
  from.visit_children(
      [&](std::string_view name, Scoped& child) { children.emplace_back(name, &child); });
  const std::size_t length = path.size();
  const auto append = [&](const std::string& name) {
    path.resize(length);
    path += length > 0 ? "." + name : name;
  };
  // Nearly always it is a child, and then no further one is asked for its own.
  for (const auto& [name, child] : children) {
    if (child != &target) continue;
    append(name);
    return true;
  }
  for (const auto& [name, child] : children) {
    append(name);
    if (find_path(*child, target, path)) return true;
  }
  path.resize(length);
  return false;
}

// How the inner of two running modules is called in the outer. Why hop by hop: a module may be
// listed in the one that calls it and not below the root.
std::string hop(std::size_t inner) {
  const std::string part = path_of(*running[inner - 1], *running[inner]);
  if (part.empty()) return "";  // itself
  return "." + (part == "?" ? running[inner]->type_name() : part);
}

// The ids of paths that this thread has worked out, by the innermost module.
class KnownPaths {
 public:
  // Of the first `depth` running modules.
  ScopeId id(std::size_t depth) {
    const std::span<Scoped* const> stack(running.data(), depth);
    Known& known = by_module_[stack.back()];
    if (!std::equal(stack.begin(), stack.end(), known.stack.begin(), known.stack.end())) {
      const std::string path =
          depth == 1 ? stack[0]->type_name() : names().name(id(depth - 1)).text + hop(depth - 1);
      known.id = names().id(path, true);
      known.stack.assign(running.begin(), running.begin() + static_cast<std::ptrdiff_t>(depth));
    }
    return known.id;
  }
  ScopeId id() {
    // A module's own listing, which the search for its name reads, may take memory.
    if (searching_) return no_scope;
    if (const std::uint64_t gone = modules_gone.load(std::memory_order_acquire); gone != gone_) {
      by_module_.clear();
      gone_ = gone;
    }
    searching_ = true;
    ScopeId found = no_scope;
    try {
      found = id(running.size());
    } catch (const std::exception&) {  // a listing that is wrong is told where it is asked for
    }
    searching_ = false;
    return found;
  }

 private:
  struct Known {
    std::vector<Scoped*> stack;
    ScopeId id = no_scope;
  };
  std::uint64_t gone_ = 0;
  bool searching_ = false;
  std::unordered_map<const Scoped*, Known> by_module_;
};
thread_local KnownPaths known_paths;

}  // namespace

Scope::Scope(Scoped& module) { running.push_back(&module); }
Scope::~Scope() { running.pop_back(); }

std::span<Scoped* const> scope_stack() { return running; }

std::string path_of(Scoped& root, const Scoped& target) {
  std::string path;
  return find_path(root, target, path) ? path : "?";
}

std::string scope_path() {
  if (!running.empty()) {
    std::string path = running.front()->type_name();
    for (std::size_t i = 1; i < running.size(); ++i) path += hop(i);
    return path;
  }
  if (named == no_scope) return "";
  const Names::Name name = names().name(named);
  return name.is_path ? name.text : "";
}

ScopeId scope_id() { return running.empty() ? named : known_paths.id(); }
std::string scope_name(ScopeId id) { return names().name(id).text; }

NamedScope::NamedScope(ScopeId path) : previous_(std::exchange(named, path)) {}
NamedScope::NamedScope(std::string_view label) : NamedScope(names().id(label, false)) {}
NamedScope::~NamedScope() { named = previous_; }

Scoped::~Scoped() { modules_gone.fetch_add(1, std::memory_order_release); }

}  // namespace glassbox
