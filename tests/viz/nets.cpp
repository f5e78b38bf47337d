#include "tests/viz/nets.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/ops/create.h"
#include "engine/ops/pointwise.h"
#include "layers/layers.h"

namespace glassbox::test {
namespace {

using nlohmann::json;
namespace L = layers;
using Any = std::shared_ptr<L::ModuleBase>;

Tensor one(const Any& module, const Tensor& x) { return module->call({x})[0]; }

// The kinds of a user's own. Their names are printed.

struct Stack : L::Module<Stack> {
  L::ModuleList layers;
  Tensor forward(const Tensor& x) { return run(layers, x); }
  void fields(L::Fields& f) { f("layers", layers); }

 private:
  static Tensor run(L::ModuleList& list, Tensor x) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      auto* inner = dynamic_cast<L::ModuleList*>(&list[i]);
      x = inner ? run(*inner, x) : list[i].call({x})[0];
    }
    return x;
  }
};

Tensor add(const Any& shortcut, const Any& body, const Tensor& x) {
  const Tensor short_way = shortcut ? one(shortcut, x) : x;  // first: C++ leaves a + b's order open
  return short_way + one(body, x);
}

struct Residual : L::Module<Residual> {
  Any shortcut, body;
  Tensor forward(const Tensor& x) { return add(shortcut, body, x); }
  void fields(L::Fields& f) {
    f("shortcut", shortcut);
    f("body", body);
  }
};

struct AdaptivelyRecalibratedResidualBlock : L::Module<AdaptivelyRecalibratedResidualBlock> {
  Any shortcut, body;
  Tensor forward(const Tensor& x) { return add(shortcut, body, x); }
  void fields(L::Fields& f) {
    f("shortcut", shortcut);
    f("body", body);
  }
};

Tensors each(L::ModuleList& list, const Tensor& x) {
  Tensors ys;
  for (std::size_t i = 0; i < list.size(); ++i) ys.push_back(list[i].call({x})[0]);
  return ys;
}

struct Branch : L::Module<Branch> {
  L::ModuleList branches;
  Tensor forward(const Tensor& x) { return concat(each(branches, x), 1); }
  void fields(L::Fields& f) { f("branches", branches); }
};

struct TupleOut : L::Module<TupleOut> {
  L::ModuleList parts;
  Tensors forward(const Tensor& x) { return each(parts, x); }
  void fields(L::Fields& f) { f("parts", parts); }
};

struct Repeat : L::Module<Repeat> {
  Any body;
  int times = 1;
  Tensor forward(const Tensor& x) {
    Tensor y = x;
    for (int i = 0; i < times; ++i) y = one(body, y);
    return y;
  }
  void fields(L::Fields& f) { f("body", body); }
};

struct Scale : L::Module<Scale> {
  std::string name;
  Parameter p;
  Tensor forward(const Tensor& x) { return x * p; }
  void fields(L::Fields& f) { f(name, p); }
};

struct Spare : L::Module<Spare> {
  Any used, spare;
  Tensor forward(const Tensor& x) { return one(used, x); }
  void fields(L::Fields& f) {
    f("used", used);
    f("spare", spare);
  }
};

struct Pick : L::Module<Pick> {
  Any body;
  std::size_t index = 0;
  Tensor forward(const Tensor& x) { return body->call({x})[index]; }
  void fields(L::Fields& f) { f("body", body); }
};

struct TwoInput : L::Module<TwoInput> {
  Any left, right, tail;
  Tensor forward(const Tensor& a, const Tensor& b) {
    return one(tail, concat({one(left, a), one(right, b)}, 1));
  }
  void fields(L::Fields& f) {
    f("left", left);
    f("right", right);
    f("tail", tail);
  }
};

// A Sequential whose last child may give several tensors, which PyTorch's can. Only for a root,
// which makes no row.
struct Root : L::Module<Root> {
  L::ModuleList children;
  Tensors forward(const Tensor& x) {
    Tensors ys{x};
    for (std::size_t i = 0; i < children.size(); ++i) ys = children[i].call(ys);
    return ys;
  }
  void fields(L::Fields& f) { f("children", children); }
};

class Builder {
 public:
  Any build(const json& node) {
    const std::string kind = node.at("kind");
    if (kind == "Shared") return known_.at(node.at("ref"));
    Any module = make(kind, node);
    if (const auto frozen = node.find("frozen"); frozen != node.end()) freeze(*module, *frozen);
    if (node.contains("id")) known_[node.at("id")] = module;
    return module;
  }
  Any build_root(const json& node) {
    return node.at("kind") == "Sequential" ? with_list<Root>(&Root::children, node) : build(node);
  }

 private:
  static Pair pair(const json& node, const char* name, Pair otherwise) {
    const auto it = node.find(name);
    if (it == node.end()) return otherwise;
    return it->is_array() ? Pair((*it)[0], (*it)[1]) : Pair(it->get<int>());
  }
  static void freeze(L::ModuleBase& module, const json& frozen) {
    for (auto& [name, parameter] : module.named_parameters()) {
      const bool named =
          frozen.is_array() && std::find(frozen.begin(), frozen.end(), name) != frozen.end();
      if (frozen == true || named) parameter.set_requires_grad(false);
    }
  }

  template <class M, class... Args>
  static Any shared(Args&&... args) {
    return std::make_shared<M>(std::forward<Args>(args)...);
  }
  template <class M>
  Any with_list(L::ModuleList M::*list, const json& node) {
    auto module = std::make_shared<M>();
    for (const json& child : node.at("children")) ((*module).*list).push_back(build(child));
    return module;
  }
  template <class M>
  Any residual(const json& node) {
    auto module = std::make_shared<M>();
    if (node.contains("shortcut")) module->shortcut = build(node["shortcut"]);
    module->body = build(node["body"]);
    return module;
  }
  template <class List>
  Any list(const json& node) {
    auto module = std::make_shared<List>();
    for (const json& child : node.at("children")) module->push_back(build(child));
    return module;
  }

  Any make(const std::string& kind, const json& node) {
    if (Any layer = make_layer(kind, node)) return layer;
    if (kind == "Sequential") return list<L::Sequential>(node);
    if (kind == "ModuleList") return list<L::ModuleList>(node);
    if (kind == "Stack") return with_list(&Stack::layers, node);
    if (kind == "Branch") return with_list(&Branch::branches, node);
    if (kind == "TupleOut") return with_list(&TupleOut::parts, node);
    if (kind == "Residual") return residual<Residual>(node);
    if (kind == "AdaptivelyRecalibratedResidualBlock") {
      return residual<AdaptivelyRecalibratedResidualBlock>(node);
    }
    if (kind == "Repeat") {
      auto module = std::make_shared<Repeat>();
      module->body = build(node["body"]);
      module->times = node["times"];
      return module;
    }
    if (kind == "Scale") {
      auto module = std::make_shared<Scale>();
      const std::vector<std::int64_t> shape = node["shape"];
      module->name = node["param"];
      module->p = ones(Shape(std::span<const std::int64_t>(shape)));
      return module;
    }
    if (kind == "Spare") {
      auto module = std::make_shared<Spare>();
      module->used = build(node["used"]);
      module->spare = build(node["spare"]);
      return module;
    }
    if (kind == "Pick") {
      auto module = std::make_shared<Pick>();
      module->body = build(node["body"]);
      module->index = node["index"];
      return module;
    }
    if (kind == "TwoInput") {
      auto module = std::make_shared<TwoInput>();
      module->left = build(node["left"]);
      module->right = build(node["right"]);
      module->tail = build(node["tail"]);
      return module;
    }
    fail("nets", "unknown kind " + kind);
  }

  // Null for a kind that is no layer of the library.
  static Any make_layer(const std::string& kind, const json& node) {
    const auto number = [&node](const char* name) { return node.at(name).get<std::int64_t>(); };
    if (kind == "Conv2d") {
      const L::Conv2dOptions options{.stride = pair(node, "stride", 1),
                                     .padding = pair(node, "padding", 0),
                                     .dilation = pair(node, "dilation", 1),
                                     .groups = node.value("groups", 1),
                                     .bias = node.value("bias", true)};
      return shared<L::Conv2d>(number("in"), number("out"), pair(node, "kernel", 1), options);
    }
    if (kind == "Linear") {
      return shared<L::Linear>(number("in"), number("out"),
                               L::LinearOptions{.bias = node.value("bias", true)});
    }
    const L::BatchNormOptions norm{.affine = node.value("affine", true)};
    if (kind == "BatchNorm1d") return shared<L::BatchNorm1d>(number("features"), norm);
    if (kind == "BatchNorm2d") return shared<L::BatchNorm2d>(number("features"), norm);
    const Pair kernel = pair(node, "kernel", 1), size = pair(node, "size", 1);
    const Pair stride = pair(node, "stride", kernel), padding = pair(node, "padding", 0);
    if (kind == "MaxPool2d") {
      return shared<L::MaxPool2d>(kernel,
                                  L::MaxPool2dOptions{.stride = stride, .padding = padding});
    }
    if (kind == "AvgPool2d") {
      return shared<L::AvgPool2d>(kernel,
                                  L::AvgPool2dOptions{.stride = stride, .padding = padding});
    }
    if (kind == "AdaptiveMaxPool2d") return shared<L::AdaptiveMaxPool2d>(size);
    if (kind == "AdaptiveAvgPool2d") return shared<L::AdaptiveAvgPool2d>(size);
    if (kind == "ReLU") return shared<L::ReLU>();
    if (kind == "Identity") return shared<L::Identity>();
    if (kind == "Flatten") return shared<L::Flatten>();
    if (kind == "Dropout") return shared<L::Dropout>();
    if (kind == "Dropout2d") return shared<L::Dropout2d>();
    return nullptr;
  }

  std::map<std::string, Any> known_;
};

}  // namespace

std::shared_ptr<layers::ModuleBase> build_net(const nlohmann::json& net) {
  return Builder().build_root(net);
}

}  // namespace glassbox::test
