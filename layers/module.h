// Module: a layer or a model. A model is a struct with its layers as plain members, a forward and
// one listing of what it holds:
//
//   struct Net : layers::Module<Net> {
//     layers::Conv2d conv{1, 10, 5};
//     layers::Linear fc{320, 10};
//     Tensor forward(const Tensor& x) { return fc(relu(conv(x)).flatten(1)); }
//     void fields(layers::Fields& f) { f("conv", conv); f("fc", fc); }
//   };
//
// forward takes one tensor or several and returns a Tensor, a list, a tuple or a struct of Tensors.
// A module is called, not forwarded: `net(x)` enters its scope and its hooks. Modules are moved,
// and copied only by clone(model). One thread at a time.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/scope.h"
#include "layers/fields.h"
#include "layers/tensors_of.h"

namespace glassbox::viz {
class Summary;
struct SummaryOptions;
}  // namespace glassbox::viz

namespace glassbox::layers {

template <class T>
using Named = std::pair<std::string, T>;

// Parameters and buffers by name, in PyTorch's order: a module's own before its children's.
using StateDict = std::vector<Named<Tensor>>;

// What load_state_dict found.
struct LoadReport {
  std::vector<std::string> missing, unexpected, mismatched;  // the last with both shapes
  bool ok() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
};

// Keeps a hook installed; taking it away is letting it go out of scope.
class [[nodiscard]] HookHandle {
 public:
  HookHandle() = default;
  explicit HookHandle(std::shared_ptr<void> hook) : hook_(std::move(hook)) {}
  void remove() { hook_.reset(); }

 private:
  std::shared_ptr<void> hook_;
};

class ModuleBase : public Scoped {
 public:
  using ForwardHook =
      std::function<void(ModuleBase&, const Tensors& inputs, const Tensors& outputs)>;
  using BackwardHook = std::function<void(ModuleBase&, int output, const Tensor& dy)>;

  // --- what it holds ----------------------------------------------------------------------------
  Tensors parameters();
  std::vector<Named<Tensor>> named_parameters();  // each tensor once, under its first name
  std::vector<Named<Tensor>> named_buffers();
  std::vector<Named<ModuleBase*>> named_children();
  std::vector<Named<ModuleBase*>> named_modules();  // this one first, as ""; each once
  // The module at "features.3". Throws Error with the names that exist.
  ModuleBase& get_submodule(std::string_view path);
  std::int64_t num_parameters();  // elements, each tensor once

  StateDict state_dict();
  // Copies values in; types are converted. With `strict`, throws Error that lists every missing,
  // unexpected and mismatched entry, having changed nothing.
  LoadReport load_state_dict(const StateDict& state, bool strict = true);

  // --- how it is -------------------------------------------------------------------------------
  void train(bool training = true);
  void eval() { train(false); }
  bool is_training() const final { return training_; }
  void requires_grad(bool requires_grad);
  void zero_grad();
  void to(Device device);
  void to(DType dtype);  // floating-point parameters and buffers
  void cuda(int index = 0) { to(Device::cuda(index)); }
  void cpu() { to(Device::cpu()); }

  // --- how it is called by those who know nothing of its forward
  // ----------------------------------
  virtual Tensors call(const Tensors& inputs) = 0;
  // A copy on another device with its ties kept; on the meta device it takes no memory.
  std::shared_ptr<ModuleBase> clone_to(Device device);
  // Shapes of one sample of each usual input, without the batch; empty when it has none. A model
  // gives it by a member `Shape input_shape()` or `std::vector<Shape> input_shapes()`.
  virtual std::vector<Shape> usual_inputs() = 0;
  // Types of the usual inputs, in order; those left out are the parameters'. A model whose inputs
  // are not floating-point gives it by a member `std::vector<DType> input_dtypes()`.
  virtual std::vector<DType> usual_dtypes() { return {}; }
  // True when forward returns a list, a tuple or a struct, even if of one tensor.
  virtual bool returns_list() const = 0;

  // --- seeing through it -------------------------------------------------------------------------
  HookHandle on_forward(ForwardHook hook);
  HookHandle on_backward(BackwardHook hook);
  // Defined in viz (include "viz/summary.h"). Shapes are without the batch. Nothing is run: the
  // model is recorded on the meta device.
  viz::Summary summary();
  viz::Summary summary(const Shape& input);
  viz::Summary summary(const Shape& input, const viz::SummaryOptions& options);

  std::string type_name() const final;
  void visit_children(const std::function<void(std::string_view, Scoped&)>& visit) final;
  void visit_tensors(
      const std::function<void(std::string_view, Tensor&, bool is_parameter)>& visit) final;

  virtual void list_fields(Fields& fields) = 0;

 protected:
  ModuleBase() = default;
  ModuleBase(ModuleBase&&) noexcept = default;
  ModuleBase& operator=(ModuleBase&&) noexcept = default;
  ModuleBase(const ModuleBase& other);  // throws Error outside clone()
  ModuleBase& operator=(const ModuleBase&) = delete;

  // Around one forward: scope, recorder, hooks. Costs a pointer on a stack when nobody watches.
  class Call {
   public:
    explicit Call(ModuleBase& module);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    bool watched() const { return watched_; }
    void enter(Tensors inputs);
    void leave(const Tensors& outputs);

   private:
    ModuleBase& module_;
    Scope scope_;
    bool watched_, entered_ = false, left_ = false, hooked_ = false;
    Tensors inputs_;
  };

 private:
  friend class Cloner;
  struct Hooks;
  virtual std::shared_ptr<ModuleBase> copy_members() = 0;

  bool training_ = true;
  std::shared_ptr<Hooks> hooks_;
};

namespace detail {
// Lets copy constructors of modules run; only clone makes one.
struct CloneScope {
  CloneScope();
  ~CloneScope();
};
void finish_clone(ModuleBase& copy, Device device);
}  // namespace detail

template <class T>
class Module : public ModuleBase {
 public:
  template <class... Args>
  auto operator()(Args&&... args) {
    Call call(*this);
    if (!call.watched()) return self().forward(std::forward<Args>(args)...);
    Tensors inputs;
    (detail::append_tensors(inputs, args), ...);
    std::erase_if(inputs, [](const Tensor& x) { return !x.defined(); });  // an absent mask
    call.enter(std::move(inputs));
    auto result = self().forward(std::forward<Args>(args)...);
    call.leave(detail::tensors_of(result));
    return result;
  }

  Tensors call(const Tensors& in) final {
    T& t = self();
    if constexpr (requires { t.forward(in); }) {
      if (in.size() != 1 || !requires { t.forward(in[0]); }) return detail::tensors_of((*this)(in));
    }
    if constexpr (requires { t.forward(in[0]); }) {
      if (in.size() == 1) return detail::tensors_of((*this)(in[0]));
    }
    if constexpr (requires { t.forward(in[0], in[1]); }) {
      if (in.size() == 2) return detail::tensors_of((*this)(in[0], in[1]));
    }
    if constexpr (requires { t.forward(in[0], in[1], in[2]); }) {
      if (in.size() == 3) return detail::tensors_of((*this)(in[0], in[1], in[2]));
    }
    if constexpr (requires { t.forward(in[0], in[1], in[2], in[3]); }) {
      if (in.size() == 4) return detail::tensors_of((*this)(in[0], in[1], in[2], in[3]));
    }
    fail(type_name(), cat("forward does not take ", in.size(), " tensors"));
  }

  std::vector<Shape> usual_inputs() override {
    if constexpr (requires(T & t) {
                    { t.input_shapes() } -> std::convertible_to<std::vector<Shape>>;
                  }) {
      return self().input_shapes();
    } else if constexpr (requires(T & t) {
                           { t.input_shape() } -> std::convertible_to<Shape>;
                         }) {
      return {self().input_shape()};
    } else {
      return {};
    }
  }

  std::vector<DType> usual_dtypes() override {
    if constexpr (requires(T & t) {
                    { t.input_dtypes() } -> std::convertible_to<std::vector<DType>>;
                  }) {
      return self().input_dtypes();
    } else {
      return {};
    }
  }

  bool returns_list() const final { return detail::returns_list<T>(); }

  void list_fields(Fields& fields) final {
    // Layers without parameters need no listing.
    if constexpr (requires(T & t) { t.fields(fields); }) self().fields(fields);
  }

 private:
  T& self() { return static_cast<T&>(*this); }
  std::shared_ptr<ModuleBase> copy_members() final {
    if constexpr (std::is_copy_constructible_v<T>) {
      return std::make_shared<T>(static_cast<const T&>(*this));
    } else {
      fail("clone", type_name() + " has a member that cannot be copied");
    }
  }
};

// A deep copy with its ties kept.
template <std::derived_from<ModuleBase> T>
T clone(const T& model) {
  const detail::CloneScope scope;
  T copy(model);
  detail::finish_clone(copy, Device::cpu());
  return copy;
}

// The output of a module's next call: `auto c = capture(net, "features.3"); net(x); c.value();`
class Capture {
 public:
  Capture(ModuleBase& root, std::string_view path);
  bool has_value() const { return !state_->outputs.empty(); }
  const Tensor& value() const;    // throws Error when the module was not called yet
  const Tensors& values() const;  // all outputs
 private:
  struct State {
    std::string path;
    Tensors outputs;
  };
  std::shared_ptr<State> state_;
  HookHandle handle_;
};
inline Capture capture(ModuleBase& root, std::string_view path) { return Capture(root, path); }

}  // namespace glassbox::layers
