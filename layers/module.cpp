#include "layers/module.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <typeindex>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>

#include "engine/autograd/tape.h"
#include "engine/graph/recorder.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/update.h"

namespace glassbox::layers {

struct ModuleBase::Hooks {
  std::vector<std::weak_ptr<ForwardHook>> forward;
  std::vector<std::weak_ptr<BackwardHook>> backward;
  // Of both: a module whose hooks are all gone is not watched any more. Apart, since the handles of
  // hooks may outlive the module, and must not hold what holds them.
  std::shared_ptr<int> living = std::make_shared<int>(0);
  bool any() const { return *living > 0; }
};

namespace {

// Collects one module's own fields.
class Listing final : public Fields {
 public:
  explicit Listing(ModuleBase& module) { module.list_fields(*this); }
  // Why copies of the names: a module may make them up as it lists.
  std::vector<std::pair<std::string, Tensor*>> parameters, buffers;
  std::vector<std::pair<std::string, ModuleBase*>> children;

 private:
  void on_tensor(std::string_view name, Tensor& tensor, bool is_parameter) override {
    (is_parameter ? parameters : buffers).emplace_back(name, &tensor);
  }
  void on_module(std::string_view name, ModuleBase& module) override {
    children.emplace_back(name, &module);
  }
};

std::string join(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

// Every module in pre-order, shared ones each time they are listed.
template <class F>
void walk(ModuleBase& module, const std::string& path, const F& visit) {
  visit(module, path);
  for (const auto& [name, child] : Listing(module).children) walk(*child, join(path, name), visit);
}

}  // namespace

// --- what it holds
// ----------------------------------------------------------------------------------

std::vector<Named<Tensor>> ModuleBase::named_parameters() {
  std::vector<Named<Tensor>> out;
  std::unordered_set<const TensorImpl*> seen;
  walk(*this, "", [&](ModuleBase& module, const std::string& path) {
    for (const auto& [name, tensor] : Listing(module).parameters) {
      if (seen.insert(tensor->impl_or_null()).second) out.emplace_back(join(path, name), *tensor);
    }
  });
  return out;
}

std::vector<Named<Tensor>> ModuleBase::named_buffers() {
  std::vector<Named<Tensor>> out;
  std::unordered_set<const TensorImpl*> seen;
  walk(*this, "", [&](ModuleBase& module, const std::string& path) {
    for (const auto& [name, tensor] : Listing(module).buffers) {
      if (seen.insert(tensor->impl_or_null()).second) out.emplace_back(join(path, name), *tensor);
    }
  });
  return out;
}

Tensors ModuleBase::parameters() {
  Tensors out;
  for (auto& [name, tensor] : named_parameters()) out.push_back(std::move(tensor));
  return out;
}

std::vector<Named<ModuleBase*>> ModuleBase::named_children() {
  std::vector<Named<ModuleBase*>> out;
  for (const auto& [name, child] : Listing(*this).children) out.emplace_back(name, child);
  return out;
}

std::vector<Named<ModuleBase*>> ModuleBase::named_modules() {
  std::vector<Named<ModuleBase*>> out;
  std::unordered_set<const ModuleBase*> seen;
  walk(*this, "", [&](ModuleBase& module, const std::string& path) {
    if (seen.insert(&module).second) out.emplace_back(path, &module);
  });
  return out;
}

ModuleBase& ModuleBase::get_submodule(std::string_view path) {
  ModuleBase* module = this;
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find('.'));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    ModuleBase* next = nullptr;
    std::string names;
    for (const auto& [child_name, child] : Listing(*module).children) {
      if (child_name == name) next = child;
      names += (names.empty() ? "" : ", ") + std::string(child_name);
    }
    if (!next) {
      fail(type_name(),
           cat("no module \"", path, "\": ", module->type_name(),
               names.empty() ? " has no children" : " has " + names, ", not \"", name, "\""));
    }
    module = next;
  }
  return *module;
}

std::int64_t ModuleBase::num_parameters() {
  std::int64_t n = 0;
  for (const auto& [name, tensor] : named_parameters()) n += tensor.numel();
  return n;
}

StateDict ModuleBase::state_dict() {
  StateDict out;
  walk(*this, "", [&](ModuleBase& module, const std::string& path) {
    const Listing listing(module);
    for (const auto& [name, tensor] : listing.parameters)
      out.emplace_back(join(path, name), *tensor);
    for (const auto& [name, tensor] : listing.buffers) out.emplace_back(join(path, name), *tensor);
  });
  return out;
}

LoadReport ModuleBase::load_state_dict(const StateDict& state, bool strict) {
  LoadReport report;
  StateDict own = state_dict();
  std::vector<std::pair<Tensor, Tensor>> copies;
  for (auto& [name, tensor] : own) {
    const auto it = std::find_if(state.begin(), state.end(),
                                 [&n = name](const auto& entry) { return entry.first == n; });
    if (it == state.end()) {
      report.missing.push_back(name);
    } else if (it->second.shape() != tensor.shape()) {
      report.mismatched.push_back(
          cat(name, " (", it->second.shape(), " given, ", tensor.shape(), " expected)"));
    } else {
      copies.emplace_back(tensor, it->second);
    }
  }
  for (const auto& [name, tensor] : state) {
    const bool known = std::any_of(own.begin(), own.end(),
                                   [&n = name](const auto& entry) { return entry.first == n; });
    if (!known) report.unexpected.push_back(name);
  }
  if (strict && !report.ok()) {
    std::string text;
    const auto add = [&text](std::string_view title, const std::vector<std::string>& names) {
      if (names.empty()) return;
      text += (text.empty() ? "" : "; ") + std::string(title) + ":";
      for (const std::string& name : names)
        text += " " + name + (&name == &names.back() ? "" : ",");
    };
    add("missing", report.missing);
    add("unexpected", report.unexpected);
    add("wrong shape", report.mismatched);
    fail("load_state_dict", cat("the state does not fit ", type_name(), ": ", text));
  }
  const NoGrad no_grad;
  for (auto& [to, from] : copies) assign(to, cast(from.to(to.device()), to.dtype()));
  return report;
}

// --- how it is
// ---------------------------------------------------------------------------------------

void ModuleBase::train(bool training) {
  walk(*this, "",
       [training](ModuleBase& module, const std::string&) { module.training_ = training; });
}

void ModuleBase::requires_grad(bool requires_grad) {
  for (auto& [name, tensor] : named_parameters()) tensor.set_requires_grad(requires_grad);
}

void ModuleBase::zero_grad() {
  for (auto& [name, tensor] : named_parameters()) tensor.zero_grad();
}

namespace {
// Gives a tensor other contents; every handle to it sees them, so ties and optimizers keep theirs.
void replace_contents(Tensor& tensor, const Tensor& with) {
  TensorImpl& impl = tensor.impl();
  impl.spec = with.spec();
  impl.offset = with.impl().offset;
  impl.storage = with.storage();
  tensor.zero_grad();
}
}  // namespace

void ModuleBase::to(Device device) {
  const NoGrad no_grad;
  const NamedScope scope(type_name() + "'s parameters and buffers");
  for (auto& [name, tensor] : state_dict()) {
    if (tensor.device() != device) replace_contents(tensor, tensor.to(device));
  }
}

void ModuleBase::to(DType dtype) {
  if (!is_floating(dtype)) fail("to", cat("parameters cannot be ", dtype));
  const NoGrad no_grad;
  const NamedScope scope(type_name() + "'s parameters and buffers");
  for (auto& [name, tensor] : state_dict()) {
    if (is_floating(tensor.dtype()) && tensor.dtype() != dtype) {
      replace_contents(tensor, cast(tensor, dtype));
    }
  }
}

// --- cloning
// -----------------------------------------------------------------------------------------

namespace {
thread_local int cloning = 0;
}
detail::CloneScope::CloneScope() { ++cloning; }
detail::CloneScope::~CloneScope() { --cloning; }

ModuleBase::ModuleBase(const ModuleBase& other) : Scoped(other), training_(other.training_) {
  if (!cloning) {
    fail("module",
         "modules are not copied: move them, hold them in a std::shared_ptr, or clone(model)");
  }
}

// Walks a fresh member-wise copy, in which tensors and shared modules are still the original's, and
// replaces each by one copy of its own.
class Cloner final : public Fields {
 public:
  explicit Cloner(Device device) : device_(device) {}
  void visit(ModuleBase& copy) { copy.list_fields(*this); }

 private:
  void on_tensor(std::string_view, Tensor& tensor, bool is_parameter) override {
    Tensor& copy = tensors_[tensor.impl_or_null()];
    if (!copy.defined()) {
      const NoGrad no_grad;
      // Why the original is kept: its address must not be reused while it is a key.
      originals_.push_back(tensor);
      copy = device_.is_meta() ? empty(tensor.shape(), tensor.dtype(), device_)
                               : tensor.to(device_).clone();
      if (is_parameter) copy.set_requires_grad(tensor.requires_grad());
    }
    tensor = copy;
  }
  void on_module(std::string_view, ModuleBase& module) override { visit(module); }
  void on_shared(std::string_view, ModuleBase& module, const Replace& replace) override {
    std::shared_ptr<ModuleBase>& copy = modules_[&module];
    if (!copy) {
      copy = module.copy_members();
      const std::shared_ptr<ModuleBase> made = copy;  // the map may grow under `copy`
      replace(made);
      visit(*made);
    } else {
      replace(copy);
    }
  }

  Device device_;
  std::unordered_map<const TensorImpl*, Tensor> tensors_;
  Tensors originals_;
  std::unordered_map<const ModuleBase*, std::shared_ptr<ModuleBase>> modules_;
};

void detail::finish_clone(ModuleBase& copy, Device device) { Cloner(device).visit(copy); }

std::shared_ptr<ModuleBase> ModuleBase::clone_to(Device device) {
  const detail::CloneScope scope;
  std::shared_ptr<ModuleBase> copy = copy_members();
  detail::finish_clone(*copy, device);
  return copy;
}

// --- calls and hooks
// ---------------------------------------------------------------------------------

ModuleBase::Call::Call(ModuleBase& module)
    : module_(module),
      scope_(module),
      watched_((module.hooks_ && module.hooks_->any()) || current_recorder()) {}

void ModuleBase::Call::enter(Tensors inputs) {
  entered_ = true;
  if (Recorder* recorder = current_recorder()) recorder->on_enter(module_, inputs);
  // Why only for hooks: a forward that gives its input up early shall free it, watched or not.
  hooked_ = module_.hooks_ && module_.hooks_->any();
  if (hooked_) inputs_ = std::move(inputs);
}

void ModuleBase::Call::leave(const Tensors& outputs) {
  left_ = true;
  if (hooked_) {
    // A copy: a hook may add or remove hooks.
    const std::shared_ptr<Hooks> hooks = module_.hooks_;
    const std::vector<std::weak_ptr<ForwardHook>> forward = hooks->forward;
    for (const auto& weak : forward) {
      if (const auto hook = weak.lock()) (*hook)(module_, inputs_, outputs);
    }
    for (const auto& weak : hooks->backward) {
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (weak.expired() || !outputs[i].requires_grad()) continue;
        on_gradient(outputs[i], [weak, module = &module_, i](const Tensor& dy) {
          if (const auto hook = weak.lock()) (*hook)(*module, static_cast<int>(i), dy);
        });
      }
    }
  }
  if (Recorder* recorder = current_recorder()) recorder->on_leave(module_, outputs, true);
}

ModuleBase::Call::~Call() {
  // Reached without leave() only while an exception passes.
  if (!entered_ || left_) return;
  if (Recorder* recorder = current_recorder()) recorder->on_leave(module_, {}, false);
}

namespace {
template <class Hook>
HookHandle install(const std::shared_ptr<int>& living, std::vector<std::weak_ptr<Hook>>& hooks,
                   Hook hook) {
  std::erase_if(hooks, [](const auto& weak) { return weak.expired(); });
  auto held = std::shared_ptr<Hook>(new Hook(std::move(hook)), [living](Hook* mine) {
    --*living;
    delete mine;
  });
  ++*living;
  hooks.push_back(held);
  return HookHandle(std::move(held));
}
}  // namespace

HookHandle ModuleBase::on_forward(ForwardHook hook) {
  if (!hooks_) hooks_ = std::make_shared<Hooks>();
  return install(hooks_->living, hooks_->forward, std::move(hook));
}

HookHandle ModuleBase::on_backward(BackwardHook hook) {
  if (!hooks_) hooks_ = std::make_shared<Hooks>();
  return install(hooks_->living, hooks_->backward, std::move(hook));
}

Capture::Capture(ModuleBase& root, std::string_view path) : state_(std::make_shared<State>()) {
  state_->path = path;
  const std::weak_ptr<State> weak = state_;
  handle_ = root.get_submodule(path).on_forward(
      [weak](ModuleBase&, const Tensors&, const Tensors& outputs) {
        if (const auto state = weak.lock(); state && state->outputs.empty())
          state->outputs = outputs;
      });
}

const Tensor& Capture::value() const { return values().front(); }
const Tensors& Capture::values() const {
  if (!has_value())
    fail("capture", cat("\"", state_->path, "\" was not called since it was captured"));
  return state_->outputs;
}

// --- for the engine
// --------------------------------------------------------------------------------

namespace {
std::string readable_name(const std::type_info& type) {
  int status = 0;
  char* demangled = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string name = status == 0 ? demangled : type.name();
  std::free(demangled);
  name = name.substr(0, name.find('<'));
  // "(anonymous namespace)::Net" and "f()::Net" too.
  if (const std::size_t colon = name.rfind("::"); colon != name.npos) name = name.substr(colon + 2);
  return name;
}
}  // namespace

std::string ModuleBase::type_name() const {
  // A recording asks for each call; demangling costs more than the op of a small layer.
  thread_local std::unordered_map<std::type_index, std::string> names;
  const std::type_info& type = typeid(*this);
  const auto [it, is_new] = names.try_emplace(type);
  if (is_new) it->second = readable_name(type);
  return it->second;
}

void ModuleBase::visit_children(const std::function<void(std::string_view, Scoped&)>& visit) {
  for (const auto& [name, child] : Listing(*this).children) visit(name, *child);
}

void ModuleBase::visit_tensors(const std::function<void(std::string_view, Tensor&, bool)>& visit) {
  const Listing listing(*this);
  for (const auto& [name, tensor] : listing.parameters) visit(name, *tensor, true);
  for (const auto& [name, tensor] : listing.buffers) visit(name, *tensor, false);
}

}  // namespace glassbox::layers
