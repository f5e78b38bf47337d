// A module for tests of the engine alone: what layers::Module does, on a function.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/scope.h"
#include "engine/graph/recorder.h"

namespace glassbox::test {

struct FakeModule final : Scoped {
  struct Named {
    std::string name;
    Tensor tensor;
    bool is_parameter = true;
  };
  std::string type;
  std::function<Tensor(FakeModule&, const Tensor&)> forward;
  std::vector<std::pair<std::string, FakeModule*>> children = {};
  std::vector<Named> tensors = {};
  bool training = false;

  FakeModule(std::string t, std::function<Tensor(FakeModule&, const Tensor&)> f)
      : type(std::move(t)), forward(std::move(f)) {}

  Tensor operator()(const Tensor& x) {
    const Scope scope(*this);
    Recorder* recorder = current_recorder();
    if (recorder) recorder->on_enter(*this, Ins(&x, 1));
    Tensor y;
    try {
      y = forward(*this, x);
    } catch (...) {
      if (recorder) recorder->on_leave(*this, {}, false);
      throw;
    }
    if (recorder) recorder->on_leave(*this, Ins(&y, 1), true);
    return y;
  }

  std::string type_name() const override { return type; }
  bool is_training() const override { return training; }
  void visit_children(const std::function<void(std::string_view, Scoped&)>& visit) override {
    for (auto& [name, child] : children) visit(name, *child);
  }
  void visit_tensors(const std::function<void(std::string_view, Tensor&, bool)>& visit) override {
    for (Named& n : tensors) visit(n.name, n.tensor, n.is_parameter);
  }
};

}  // namespace glassbox::test
