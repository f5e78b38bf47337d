// What a model lists, gathered in one walk. Detail of the summary.
#pragma once
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "layers/module.h"

namespace glassbox::viz::detail {

struct ModuleInfo {
  struct Field {
    std::string name;
    Tensor* tensor;
    bool is_parameter;
  };
  layers::ModuleBase* module = nullptr;
  std::string path;  // the first under which it is listed
  std::vector<std::pair<std::string, layers::ModuleBase*>> children;
  std::vector<Field> fields;
  int hooks = 0;  // that torchsummary puts on it
};

class ModuleInfos {
 public:
  struct Owner {
    const layers::ModuleBase* module;
    std::string path;  // of the tensor
    bool is_parameter;
  };

  explicit ModuleInfos(layers::ModuleBase& root);
  // Of a module that is listed nowhere below the root too.
  const ModuleInfo& of(const layers::ModuleBase& module);
  bool is_listed(const Scoped& module) const { return listed_.contains(&module); }
  // Each tensor that is listed, once, with the module that lists it first.
  const std::unordered_map<const TensorImpl*, Owner>& owners() const { return owners_; }

 private:
  void add(layers::ModuleBase& module, const std::string& path);
  void count_hooks(layers::ModuleBase& module);

  std::unordered_map<const Scoped*, ModuleInfo> infos_;
  std::unordered_map<const Scoped*, bool> listed_;
  std::unordered_map<const TensorImpl*, Owner> owners_;
};

}  // namespace glassbox::viz::detail
