#include "viz/summary_rows.h"

#include <unordered_map>
#include <unordered_set>

#include "layers/container.h"
#include "viz/calls.h"
#include "viz/record.h"
#include "viz/symbolic.h"
#include "viz/text.h"
#include "viz/titles.h"

namespace glassbox::viz::detail {
namespace {

using layers::ModuleBase;
using Row = Summary::Row;

// Builds the rows: one per call and per op that a module runs beside its children's, in order of
// execution; then, below the module that lists them, the modules that were never called.
class Rows {
 public:
  // `graph` is null when only the listing is known.
  Rows(Summary& summary, ModuleBase& model, const Graph* graph, const Symbolic* symbolic)
      : summary_(summary), graph_(graph), symbolic_(symbolic) {
    for (auto& [path, module] : model.named_modules()) {
      paths_.emplace(module, path);
      module->visit_tensors([&, m = module, p = path](std::string_view name, Tensor& tensor, bool) {
        owners_.try_emplace(tensor.impl_or_null(),
                            Owner{m, p.empty() ? std::string(name) : p + "." + std::string(name)});
      });
    }
    count_hooks(model);
    hooks_[&model] = 0;  // torchsummary leaves the root out
    if (graph_) {
      events_ = events_of(*graph_);
      for (const Graph::Call& call : graph_->calls) called_.insert(call.module);
      row_of_call_.resize(graph_->calls.size(), -1);
      for (std::size_t i = 0; i < graph_->calls.size(); ++i) {
        if (graph_->calls[i].parent < 0) add_call(static_cast<int>(i), -1);
      }
      for (const int call : graph_->completion) {
        summary_.completion.push_back(row_of_call_[static_cast<std::size_t>(call)]);
      }
    } else {
      add_uncalled(model, "", model.type_name(), -1);
    }
    sum_up();
  }

 private:
  struct Owner {
    const ModuleBase* module;
    std::string path;  // of the tensor
  };

  // module.apply() of PyTorch: each parent visits each of its children once.
  void count_hooks(ModuleBase& module) {
    std::unordered_set<const ModuleBase*> visited;
    for (const auto& [name, child] : module.named_children()) {
      if (visited.insert(child).second) count_hooks(*child);
    }
    const bool is_container = dynamic_cast<const layers::Sequential*>(&module) ||
                              dynamic_cast<const layers::ModuleList*>(&module);
    if (!is_container) ++hooks_[&module];
  }

  int add_row(Row row, int parent) {
    row.parent = parent;
    row.depth = parent < 0 ? 0 : summary_.rows[static_cast<std::size_t>(parent)].depth + 1;
    summary_.rows.push_back(std::move(row));
    return static_cast<int>(summary_.rows.size()) - 1;
  }
  Row& row(int index) { return summary_.rows[static_cast<std::size_t>(index)]; }

  void add_call(int index, int parent) {
    const Graph::Call& call = graph_->calls[static_cast<std::size_t>(index)];
    // The recording keeps identities; the modules are those of the copy, which lives.
    auto& module = const_cast<ModuleBase&>(static_cast<const ModuleBase&>(*call.module));
    const std::vector<Event>& events = events_[static_cast<std::size_t>(index)];

    Row made;
    made.name = name_of_call(call);
    made.path = call.path;
    made.type = call.type;
    made.call = call.repeat + 1;
    for (const int v : call.outputs) {
      if (v >= 0) made.outputs.push_back(symbolic_->value(v));
    }
    const bool listed = paths_.contains(&module);
    if (!listed) made.notes.push_back("not listed in fields()");
    // Said once, where the repetition begins.
    const bool inner =
        parent >= 0 && graph_->calls[static_cast<std::size_t>(call.parent)].repeat == call.repeat;
    if (call.repeat > 0 && !inner) {
      const bool elsewhere = call.path != made.name && !call.path.ends_with("." + made.name);
      made.notes.push_back(ordinal(call.repeat + 1) + " call" +
                           (elsewhere ? " of " + call.path : ""));
    }
    const int own = add_row(std::move(made), parent);
    row_of_call_[static_cast<std::size_t>(index)] = own;
    describe(module, own, listed && call.repeat == 0);

    // A layer that runs one op is that op.
    const bool is_layer = is_one_op(events) && module.named_children().empty();
    if (is_layer) {
      const Graph::Node& node = graph_->nodes[static_cast<std::size_t>(events[0].index)];
      row(own).kernel = kernel_of(*graph_, node);
      add_cost(row(own), events[0].index);
    } else {
      if (call.repeat == 0) add_tensors(module, own);
      for (const Event& event : events) {
        event.is_call ? add_call(event.index, own) : add_op(event.index, own);
      }
    }
    if (call.repeat == 0 && listed) add_never_called(module, "", own);
  }

  // As the caller names it; the path from the root where the caller does not list it.
  std::string name_of_call(const Graph::Call& call) const {
    if (call.parent < 0) return call.type;
    const Graph::Call& parent = graph_->calls[static_cast<std::size_t>(call.parent)];
    if (parent.path.empty()) return call.path;
    const std::string below = relative_path(call.path, parent.path);
    if (below != call.path) return below;
    const std::string name = path_of(const_cast<Scoped&>(*parent.module), *call.module);
    return name == "?" || name.empty() ? call.path : name;
  }

  static std::string last_part(const std::string& path) { return path.substr(path.rfind('.') + 1); }

  void add_op(int index, int parent) {
    const Graph::Node& node = graph_->nodes[static_cast<std::size_t>(index)];
    Row made;
    made.kind = Row::Kind::op;
    made.name = node.op.name();
    made.path = (row(parent).path.empty() ? "" : row(parent).path + "/") + made.name;
    made.type = node.op.kind();
    made.kernel = kernel_of(*graph_, node);
    made.call = 1;
    for (const int v : shown_outputs(*graph_, node)) made.outputs.push_back(symbolic_->value(v));
    add_cost(row(add_row(std::move(made), parent)), index);
  }

  void add_cost(Row& to, int node) const {
    const auto i = static_cast<std::size_t>(node);
    to.flops += symbolic_->quantity([i](const Graph& g) { return g.nodes[i].cost.flops; });
    to.macs += symbolic_->quantity([i](const Graph& g) { return macs_of(g, g.nodes[i]); });
  }

  // Own tensors: counted in the row of the module that lists them first.
  void describe(ModuleBase& module, int index, bool counted) {
    bool any = false;
    Row& r = row(index);
    if (const auto it = hooks_.find(&module); it != hooks_.end()) r.hooks = it->second;
    r.returns_list = module.returns_list();
    module.visit_tensors([&](std::string_view name, Tensor& tensor, bool is_parameter) {
      if (name == "weight" || name == "bias") r.weight_and_bias += tensor.numel();
      if (name == "weight") r.weight_trainable = tensor.requires_grad();
      if (!is_parameter || !counted) return;
      const Owner& owner = owners_.at(tensor.impl_or_null());
      if (owner.module != &module) {
        r.notes.push_back(std::string(name) + " tied to " + owner.path);
      } else if (counted_.insert(tensor.impl_or_null()).second) {
        any = true;
        r.parameters += tensor.numel();
        if (!tensor.requires_grad()) r.frozen += tensor.numel();
      }
    });
    if (any && r.frozen > 0)
      r.notes.push_back(r.frozen == r.parameters ? "frozen" : "partly frozen");
  }

  // The parameters that a module holds beside its children become rows of their own.
  void add_tensors(ModuleBase& module, int index) {
    if (row(index).parameters == 0 || module.named_children().empty()) return;
    module.visit_tensors([&](std::string_view name, Tensor& tensor, bool is_parameter) {
      const Owner& owner = owners_.at(tensor.impl_or_null());
      if (!is_parameter || owner.module != &module || last_part(owner.path) != name) return;
      Row made;
      made.kind = Row::Kind::tensor;
      made.name = name;
      made.path = owner.path;
      made.type = "Parameter";
      made.parameters = tensor.numel();
      if (!tensor.requires_grad()) {
        made.frozen = made.parameters;
        made.notes.push_back("frozen");
      }
      TensorInfo info{{}, tensor.dtype()};
      for (const std::int64_t size : tensor.shape()) info.dims.push_back({0, size});
      made.outputs.push_back(std::move(info));
      row(index).parameters -= made.parameters;
      row(index).frozen -= made.frozen;
      add_row(std::move(made), index);
    });
    std::erase_if(row(index).notes,
                  [](const std::string& note) { return note.ends_with("frozen"); });
  }

  // What `module` lists and nobody called. A container that was not called itself, but whose parts
  // were, gives its place to those.
  void add_never_called(ModuleBase& module, const std::string& prefix, int parent) {
    for (const auto& [name, child] : module.named_children()) {
      if (called_.contains(child)) continue;
      const std::string path = prefix.empty() ? name : prefix + "." + name;
      if (any_called(*child)) {
        add_never_called(*child, path, parent);
      } else {
        add_uncalled(*child, paths_.at(child), path, parent);
      }
    }
  }

  bool any_called(ModuleBase& module) {
    if (called_.contains(&module)) return true;
    for (const auto& [name, child] : module.named_children()) {
      if (any_called(*child)) return true;
    }
    return false;
  }

  void add_uncalled(ModuleBase& module, const std::string& path, const std::string& name,
                    int parent) {
    Row made;
    made.name = name;
    made.path = path;
    made.type = module.type_name();
    const bool again = !placed_.insert(&module).second;
    if (again) made.notes.push_back("the same as " + paths_.at(&module));
    const bool said_above = parent >= 0 && row(parent).call == 0;
    if (is_read(module)) {
      made.notes.push_back("never called, but its parameters are read");
    } else if (graph_ && !said_above) {
      made.notes.push_back("never called");
    }
    const int own = add_row(std::move(made), parent);
    describe(module, own, !again);
    if (again) return;
    add_tensors(module, own);
    for (const auto& [child_name, child] : module.named_children()) {
      add_uncalled(*child, path.empty() ? child_name : path + "." + child_name, child_name, own);
    }
  }

  bool is_read(ModuleBase& module) const {
    bool read = false;
    if (!graph_) return read;
    module.visit_tensors([&](std::string_view, Tensor& tensor, bool) {
      for (const Graph::Value& value : graph_->values) {
        read = read || (value.tensor_id == tensor.id() && !value.readers.empty());
      }
    });
    return read;
  }

  void sum_up() {
    for (Row& r : summary_.rows) r.total = r.parameters;
    for (std::size_t i = summary_.rows.size(); i-- > 1;) {
      row(summary_.rows[i].parent).total += summary_.rows[i].total;
    }
  }

  Summary& summary_;
  const Graph* graph_;
  const Symbolic* symbolic_;
  std::unordered_map<const Scoped*, std::string> paths_;
  std::unordered_map<const TensorImpl*, Owner> owners_;
  std::unordered_map<const ModuleBase*, int> hooks_;
  std::unordered_set<const Scoped*> called_, placed_;
  std::unordered_set<const TensorImpl*> counted_;
  std::vector<std::vector<Event>> events_;
  std::vector<int> row_of_call_;
};

// Elements of the parameters that no op of the forward pass read.
std::int64_t count_unread(const Graph& graph) {
  std::int64_t unread = 0;
  for (const Graph::Value& value : graph.values) {
    const bool given = value.role == Role::parameter && value.producer < 0;
    if (given && value.readers.empty()) unread += value.spec.numel();
  }
  return unread;
}

void count_tensors(Summary& summary, ModuleBase& model) {
  Summary::Totals& totals = summary.totals;
  for (const auto& [name, tensor] : model.named_parameters()) {
    totals.parameters += tensor.numel();
    if (!tensor.requires_grad()) totals.frozen += tensor.numel();
    totals.parameter_bytes += static_cast<double>(tensor.spec().bytes());
  }
  for (const auto& [name, tensor] : model.named_buffers()) {
    totals.buffers += tensor.numel();
    totals.buffer_bytes += static_cast<double>(tensor.spec().bytes());
  }
}

double activation_bytes(const Graph& graph) {
  double bytes = 0;
  for (const Graph::Node& node : graph.nodes) {
    if (!is_shown(graph, node)) continue;
    for (const int v : shown_outputs(graph, node)) {
      const Graph::Value& value = graph.values[static_cast<std::size_t>(v)];
      if (value.alias_of < 0) bytes += static_cast<double>(value.spec.bytes());
    }
  }
  return bytes;
}

}  // namespace

Summary summary_of_recording(ModuleBase& model, const std::vector<Shape>& inputs,
                             const SummaryOptions& options) {
  Recording recording = record(model, inputs, {Symbolic::small, options.dtypes});
  if (recording.error) std::rethrow_exception(recording.error);
  const Recording larger = record(model, inputs, {Symbolic::large, options.dtypes});
  const Graph& graph = recording.graph;
  const Symbolic symbolic(graph, larger.error ? nullptr : &larger.graph);

  Summary summary;
  summary.model = model.type_name();
  summary.training = model.is_training();
  summary.options = options;
  for (const int v : graph.inputs) summary.inputs.push_back(symbolic.value(v));
  count_tensors(summary, *recording.model);
  summary.totals.unread = count_unread(graph);
  const Rows rows(summary, *recording.model, &graph, &symbolic);
  for (const Row& row : summary.rows) {
    summary.totals.flops += row.flops;
    summary.totals.macs += row.macs;
  }
  summary.totals.activation_bytes = symbolic.quantity(activation_bytes);
  summary.totals.input_bytes = symbolic.quantity([](const Graph& g) {
    double bytes = 0;
    for (const int v : g.inputs)
      bytes += static_cast<double>(g.values[static_cast<std::size_t>(v)].spec.bytes());
    return bytes;
  });
  return summary;
}

Summary summary_of_listing(ModuleBase& model, const SummaryOptions& options) {
  Summary summary;
  summary.model = model.type_name();
  summary.training = model.is_training();
  summary.options = options;
  count_tensors(summary, model);
  const Rows rows(summary, model, nullptr, nullptr);
  return summary;
}

}  // namespace glassbox::viz::detail
