#include "viz/model_paths.h"

#include <algorithm>

#include "engine/core/error.h"

namespace glassbox::viz {

using layers::ModuleBase;
using layers::Named;

bool is_pattern(std::string_view text) { return text.find_first_of("*?") != text.npos; }

bool matches(std::string_view pattern, std::string_view path) {
  // Row i, column j: the first i characters of the pattern can be the first j of the path. So time
  // is their product, whatever the pattern.
  std::vector<bool> row(path.size() + 1), next(path.size() + 1);
  row[0] = true;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool deep = pattern.substr(i, 2) == "**";
    const char c = pattern[i];
    next[0] = c == '*' && row[0];
    for (std::size_t j = 1; j <= path.size(); ++j) {
      const bool same_name = path[j - 1] != '.';
      if (c == '*') {
        next[j] = row[j] || (next[j - 1] && (deep || same_name));
      } else {
        next[j] = row[j - 1] && (c == '?' ? same_name : c == path[j - 1]);
      }
    }
    std::swap(row, next);
    i += deep;
  }
  return row[path.size()];
}

namespace {

template <class Entries>
std::string some_names(const Entries& entries) {
  constexpr std::size_t most = 12;
  std::string text;
  std::size_t count = 0;
  for (const auto& entry : entries) {
    if (entry.first.empty()) continue;
    if (++count <= most) text += (text.empty() ? "" : ", ") + entry.first;
  }
  if (count > most) text += cat(" and ", count - most, " more");
  return text;
}

}  // namespace

std::vector<Named<ModuleBase*>> modules_at(ModuleBase& model, std::string_view path) {
  if (!is_pattern(path)) return {{std::string(path), &model.get_submodule(path)}};
  const std::vector<Named<ModuleBase*>> all = model.named_modules();
  std::vector<Named<ModuleBase*>> found;
  for (const auto& entry : all) {
    if (matches(path, entry.first)) found.push_back(entry);
  }
  if (found.empty()) {
    const std::string names = some_names(all);
    fail("probe", cat("\"", path, "\" matches no module of ", model.type_name(),
                      names.empty() ? "" : ", which has " + names));
  }
  return found;
}

std::vector<Named<Tensor>> tensors_at(ModuleBase& model, std::string_view path) {
  const std::vector<Named<Tensor>> parameters = model.named_parameters();
  std::vector<Named<Tensor>> found;
  if (is_pattern(path)) {
    for (const auto& entry : parameters) {
      const std::string_view name = entry.first;
      const std::size_t dot = name.rfind('.');
      if (matches(path, name) || matches(path, dot == name.npos ? "" : name.substr(0, dot)))
        found.push_back(entry);
    }
  } else {
    const layers::StateDict state = model.state_dict();
    for (const auto& entry : state) {
      if (entry.first == path) return {entry};
    }
    std::string prefix = std::string(path);
    if (!path.empty()) prefix += ".";
    for (const auto& entry : parameters) {
      if (entry.first.starts_with(prefix)) found.push_back(entry);
    }
    // A second path of a shared module: its own names.
    if (found.empty()) {
      ModuleBase* module = &model;
      try {
        module = &model.get_submodule(path);
      } catch (const Error&) {
        module = nullptr;
      }
      if (module) {
        for (const auto& [name, tensor] : module->named_parameters())
          found.emplace_back(prefix + name, tensor);
      }
    }
  }
  if (found.empty()) {
    const std::string names = some_names(parameters);
    fail("probe",
         cat("\"", path, "\" ", is_pattern(path) ? "matches" : "is", " no parameter of ",
             model.type_name(), names.empty() ? ", which has none" : ", which has " + names));
  }
  return found;
}

std::string label_of(ModuleBase& model, const std::string& path) {
  return path.empty() ? model.type_name() : path;
}

}  // namespace glassbox::viz
