#include "viz/module_infos.h"

#include <algorithm>

#include "layers/container.h"

namespace glassbox::viz::detail {

using layers::ModuleBase;

namespace {

// Collects one module's own fields.
class Listing final : public layers::Fields {
 public:
  explicit Listing(ModuleInfo& info) : info_(info) { info.module->list_fields(*this); }

 private:
  void on_tensor(std::string_view name, Tensor& tensor, bool is_parameter) override {
    info_.fields.push_back({std::string(name), &tensor, is_parameter});
  }
  void on_module(std::string_view name, ModuleBase& module) override {
    info_.children.emplace_back(name, &module);
  }
  ModuleInfo& info_;
};

std::string join(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

}  // namespace

ModuleInfos::ModuleInfos(ModuleBase& root) {
  add(root, "");
  count_hooks(root);
  infos_.at(&root).hooks = 0;  // torchsummary leaves the root out
}

void ModuleInfos::add(ModuleBase& module, const std::string& path) {
  const auto [it, is_new] = infos_.try_emplace(&module);
  if (!is_new) return;
  ModuleInfo& info = it->second;
  info.module = &module;
  info.path = path;
  listed_.emplace(&module, true);
  const Listing listing(info);
  for (const ModuleInfo::Field& field : info.fields) {
    owners_.try_emplace(field.tensor->impl_or_null(),
                        Owner{&module, join(path, field.name), field.is_parameter});
  }
  for (const auto& [name, child] : info.children) add(*child, join(path, name));
}

const ModuleInfo& ModuleInfos::of(const ModuleBase& module) {
  const auto [it, is_new] = infos_.try_emplace(&module);
  if (is_new) {
    it->second.module = const_cast<ModuleBase*>(&module);
    const Listing listing(it->second);
  }
  return it->second;
}

// module.apply() of PyTorch: each parent visits each of its children once.
void ModuleInfos::count_hooks(ModuleBase& module) {
  ModuleInfo& info = infos_.at(&module);
  for (std::size_t i = 0; i < info.children.size(); ++i) {
    ModuleBase* child = info.children[i].second;
    const bool visited = std::any_of(info.children.begin(), info.children.begin() + i,
                                     [child](const auto& c) { return c.second == child; });
    if (!visited) count_hooks(*child);
  }
  const bool is_container = dynamic_cast<const layers::Sequential*>(&module) ||
                            dynamic_cast<const layers::ModuleList*>(&module);
  if (!is_container) ++info.hooks;
}

}  // namespace glassbox::viz::detail
