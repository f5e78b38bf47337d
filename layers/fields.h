// Fields: how a module lists what it holds. One listing, `void fields(Fields& f)`, gives
// parameters, buffers, children, names, the state dict, to(), train(), clone() and the summary.
#pragma once
#include <concepts>
#include <functional>
#include <memory>
#include <string_view>

#include "engine/core/tensor.h"

namespace glassbox::layers {

class ModuleBase;

class Fields {
 public:
  virtual ~Fields() = default;

  // An optional parameter that is absent (an undefined one) may be listed; it is skipped.
  void operator()(std::string_view name, Parameter& parameter) {
    if (parameter.defined()) on_tensor(name, parameter, true);
  }
  void operator()(std::string_view name, Buffer& buffer) {
    if (buffer.defined()) on_tensor(name, buffer, false);
  }
  template <std::derived_from<ModuleBase> M>
  void operator()(std::string_view name, M& module) {
    on_module(name, module);
  }
  // A module that several others hold is a shared_ptr: listed wherever it is held, counted once.
  template <std::derived_from<ModuleBase> M>
  void operator()(std::string_view name, std::shared_ptr<M>& module) {
    if (!module) return;
    on_shared(name, *module, [&module](std::shared_ptr<ModuleBase> other) {
      module = std::static_pointer_cast<M>(std::move(other));
    });
  }

 protected:
  using Replace = std::function<void(std::shared_ptr<ModuleBase>)>;
  virtual void on_tensor(std::string_view name, Tensor& tensor, bool is_parameter) = 0;
  virtual void on_module(std::string_view name, ModuleBase& module) = 0;
  virtual void on_shared(std::string_view name, ModuleBase& module, const Replace& /*replace*/) {
    on_module(name, module);
  }
};

}  // namespace glassbox::layers
