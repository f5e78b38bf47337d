#include "engine/graph/recorder.h"

#include <algorithm>

namespace glassbox {

#ifndef GLASSBOX_NO_RECORDER
namespace detail {
thread_local constinit Recorder* recorder = nullptr;
}
RecordScope::RecordScope(Recorder* recorder) : previous_(detail::recorder) {
  detail::recorder = recorder;
}
RecordScope::~RecordScope() { detail::recorder = previous_; }
#else
RecordScope::RecordScope(Recorder*) : previous_(nullptr) {}
RecordScope::~RecordScope() = default;
#endif

namespace {
thread_local PhaseState phase_state;
}
PhaseState current_phase() { return phase_state; }
PhaseScope::PhaseScope(Phase phase, int forward_node) : previous_(phase_state) {
  phase_state = {phase, forward_node};
}
PhaseScope::~PhaseScope() { phase_state = previous_; }

namespace {

Role role_of_output(Phase phase) {
  return phase == Phase::forward    ? Role::activation
         : phase == Phase::backward ? Role::gradient
                                    : Role::state;
}

void visit_modules(Scoped& module, const std::string& path,
                   const std::function<void(Scoped&, const std::string&)>& visit) {
  visit(module, path);
  module.visit_children([&](std::string_view name, Scoped& child) {
    visit_modules(child, path.empty() ? std::string(name) : path + "." + std::string(name), visit);
  });
}

}  // namespace

void GraphRecorder::register_tensors(Scoped& root) {
  visit_modules(root, "", [this](Scoped& module, const std::string& path) {
    paths_.emplace(&module, path);  // a shared module keeps its first path
    module.visit_tensors([&](std::string_view name, Tensor& tensor, bool is_parameter) {
      if (!tensor.defined()) return;
      name_value(tensor, path.empty() ? std::string(name) : path + "." + std::string(name),
                 is_parameter ? Role::parameter : Role::buffer);
    });
  });
}

void GraphRecorder::name_value(const Tensor& tensor, std::string name, Role role) {
  if (by_tensor_.contains(tensor.id())) return;  // tied: the first name stays
  const int v = new_value(tensor, role);
  graph_.values[static_cast<std::size_t>(v)].name = std::move(name);
  graph_.values[static_cast<std::size_t>(v)].external = tensor;
}

int GraphRecorder::new_value(const Tensor& tensor, Role role) {
  const int index = static_cast<int>(graph_.values.size());
  Graph::Value& value = graph_.values.emplace_back();
  value.spec = tensor.spec();
  value.role = role;
  value.tensor_id = tensor.id();
  by_tensor_[tensor.id()] = index;
  return index;
}

int GraphRecorder::value_of(const Tensor& tensor) {
  if (!tensor.defined()) return -1;
  if (const auto it = by_tensor_.find(tensor.id()); it != by_tensor_.end()) return it->second;
  const int v = new_value(tensor, Role::input);
  graph_.values[static_cast<std::size_t>(v)].external = tensor;
  return v;
}

void GraphRecorder::on_enter(Scoped& module, Ins inputs) {
  if (open_.empty()) {
    if (graph_.name.empty()) graph_.name = module.type_name();
    register_tensors(module);
    // Most networks run about one op for each tensor that they hold, and make a value or two by it.
    graph_.nodes.reserve(graph_.nodes.size() + graph_.values.size());
    graph_.values.reserve(3 * graph_.values.size());
  }
  Graph::Call call;
  call.type = module.type_name();
  call.module = &module;
  call.parent = open_.empty() ? -1 : open_.back();
  const auto path = paths_.find(&module);
  if (path != paths_.end()) {
    call.path = path->second;
  } else {
    // Listed nowhere below the root: named after the module that calls it.
    const std::string& parent = graph_.calls[static_cast<std::size_t>(call.parent)].path;
    call.path = (parent.empty() ? "" : parent + ".") + "(" + call.type + ")";
    paths_.emplace(&module, call.path);
  }
  call.repeat = repeats_[&module]++;
  call.training = module.is_training();
  call.first_node = static_cast<int>(graph_.nodes.size());
  for (const Tensor& x : inputs) call.inputs.push_back(value_of(x));
  module.visit_tensors([&](std::string_view, Tensor& tensor, bool) {
    if (tensor.defined()) call.tensors.push_back(value_of(tensor));
  });
  const int index = static_cast<int>(graph_.calls.size());
  if (open_.empty())
    graph_.inputs.insert(graph_.inputs.end(), call.inputs.begin(), call.inputs.end());
  graph_.calls.push_back(std::move(call));
  open_.push_back(index);
}

void GraphRecorder::on_leave(Scoped&, Ins outputs, bool completed) {
  if (open_.empty()) return;
  const int index = open_.back();
  open_.pop_back();
  Graph::Call& call = graph_.calls[static_cast<std::size_t>(index)];
  call.last_node = static_cast<int>(graph_.nodes.size());
  call.completed = completed;
  for (const Tensor& y : outputs) call.outputs.push_back(value_of(y));
  if (!completed) return;
  graph_.completion.push_back(index);
  if (open_.empty()) {
    graph_.outputs.insert(graph_.outputs.end(), call.outputs.begin(), call.outputs.end());
  }
}

int GraphRecorder::on_op(const OpType& type, const void* op, Ins in, Ins out) {
  const int index = static_cast<int>(graph_.nodes.size());
  const PhaseState phase = current_phase();
  Graph::Node node;
  node.op = AnyOp(type, type.copy(op));
  node.phase = phase.phase;
  // Why the bound: the forward pass may have been watched by another recorder.
  if (phase.forward_node < index) node.forward_node = phase.forward_node;
  // A gradient belongs to the call whose forward op it differentiates.
  node.call = !open_.empty() ? open_.back()
              : node.forward_node >= 0
                  ? graph_.nodes[static_cast<std::size_t>(node.forward_node)].call
                  : -1;
  for (const Tensor& x : in) {
    const int v = value_of(x);
    node.inputs.push_back(v);
    if (v < 0) continue;
    std::vector<int>& readers = graph_.values[static_cast<std::size_t>(v)].readers;
    if (readers.empty() || readers.back() != index) readers.push_back(index);
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int source = node.op.alias(static_cast<int>(i));
    const int before = source < 0 ? -1 : node.inputs[static_cast<std::size_t>(source)];
    Role role = role_of_output(phase.phase);
    std::string name;
    if (before >= 0 && type.writes) {
      Graph::Value& old = graph_.values[static_cast<std::size_t>(before)];
      // Memory from outside without a name shows what it is by who writes it.
      if (old.role == Role::input && old.producer < 0) {
        old.role = phase.phase == Phase::backward ? Role::gradient
                   : out[i].requires_grad()       ? Role::parameter
                                                  : Role::state;
      }
      role = old.role;
      name = old.name;
    }
    const int v = new_value(out[i], role);
    Graph::Value& value = graph_.values[static_cast<std::size_t>(v)];
    value.producer = index;
    value.output = static_cast<int>(i);
    value.alias_of = before;
    value.name = std::move(name);
    node.outputs.push_back(v);
  }
  node.cost = node.op.cost(graph_.in_specs(node), graph_.out_specs(node));
  graph_.nodes.push_back(std::move(node));
  return index;
}

void GraphRecorder::on_error(const OpType& type, const void*, Ins in, std::string_view message) {
  Failure failure{std::string(type.name),
                  std::string(message),
                  {},
                  open_.empty() ? -1 : open_.back(),
                  std::string(type.kind)};
  for (const Tensor& x : in) failure.inputs.push_back(value_of(x));
  failures_.push_back(std::move(failure));
}

}  // namespace glassbox
