#include "viz/summary_rows.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "viz/calls.h"
#include "viz/module_infos.h"
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
  // `symbolic` is null when only the listing is known.
  Rows(Summary& summary, ModuleBase& model, const Symbolic* symbolic)
      : summary_(summary),
        graph_(symbolic ? &summary.recording->graph : nullptr),
        symbolic_(symbolic),
        infos_(model) {
    count_tensors();
    if (graph_) {
      events_ = events_of(*graph_);
      summary_.rows.reserve(graph_->calls.size() + graph_->nodes.size() + 16);
      for (const Graph::Call& call : graph_->calls) called_.insert(call.module);
      row_of_call_.resize(graph_->calls.size(), -1);
      for (std::size_t i = 0; i < graph_->calls.size(); ++i) {
        if (graph_->calls[i].parent < 0) add_call(static_cast<int>(i), -1);
      }
      for (const int call : graph_->completion) {
        summary_.completion.push_back(row_of_call_[static_cast<std::size_t>(call)]);
      }
      if (summary_.recording->error) note_failure();
    } else {
      add_uncalled(model, "", model.type_name(), -1);
    }
    sum_up();
    mark_repetitions();
  }

 private:
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
    const auto& module = static_cast<const ModuleBase&>(*call.module);
    const std::vector<Event>& events = events_[static_cast<std::size_t>(index)];

    Row made;
    made.name = name_of_call(call);
    made.path = call.path;
    made.type = call.type;
    made.call = call.repeat + 1;
    made.training = call.training;
    for (const int v : call.inputs) {
      if (v >= 0) made.inputs.push_back(symbolic_->value(v));
    }
    for (const int v : call.outputs) {
      if (v >= 0) made.outputs.push_back(symbolic_->value(v));
    }
    const bool listed = infos_.is_listed(module);
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
    const ModuleInfo& info = infos_.of(module);
    describe(info, own, listed && call.repeat == 0);

    // A layer that runs one op is that op.
    const bool is_layer = is_one_op(events) && info.children.empty();
    if (is_layer) {
      set_op(row(own), events[0].index);
    } else {
      if (call.repeat == 0) add_tensors(info, own);
      for (const Event& event : events) {
        event.is_call ? add_call(event.index, own) : add_op(event.index, own);
      }
    }
    if (call.repeat == 0 && listed) add_never_called(info, "", own);
  }

  // As the caller names it; the path from the root where the caller does not list it.
  std::string name_of_call(const Graph::Call& call) {
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
    made.call = 1;
    made.training = row(parent).training;
    for (const int v : node.inputs) {
      if (v >= 0 && is_data(v)) made.inputs.push_back(symbolic_->value(v));
    }
    for (const int v : shown_outputs(*graph_, node)) made.outputs.push_back(symbolic_->value(v));
    set_op(made, index);
    add_row(std::move(made), parent);
  }

  bool is_data(int v) const {
    const Role role = graph_->values[static_cast<std::size_t>(v)].role;
    return role == Role::input || role == Role::activation;
  }

  void set_op(Row& to, int index) const {
    const Graph::Node& node = graph_->nodes[static_cast<std::size_t>(index)];
    to.node = index;
    const OpSizes sizes = sizes_of(*graph_, node);
    to.kernel = sizes.kernel;
    to.stride = sizes.stride;
    to.padding = sizes.padding;
    to.groups = sizes.groups;
  }

  // Own tensors: counted in the row of the module that lists them first.
  void describe(const ModuleInfo& info, int index, bool counted) {
    bool any = false;
    Row& r = row(index);
    r.hooks = info.hooks;
    r.returns_list = info.module->returns_list();
    for (const ModuleInfo::Field& field : info.fields) {
      const Tensor& tensor = *field.tensor;
      if (field.name == "weight" || field.name == "bias") r.weight_and_bias += tensor.numel();
      if (field.name == "weight") r.weight_trainable = tensor.requires_grad();
      if (!counted) continue;
      const ModuleInfos::Owner& owner = infos_.owners().at(tensor.impl_or_null());
      if (owner.module != info.module) {
        if (field.is_parameter) r.notes.push_back(field.name + " tied to " + owner.path);
      } else if (counted_.insert(tensor.impl_or_null()).second) {
        if (!field.is_parameter) {
          r.buffers += tensor.numel();
          if (is_floating(tensor.dtype())) r.floating_buffers += tensor.numel();
          continue;
        }
        any = true;
        r.parameters += tensor.numel();
        if (!tensor.requires_grad()) r.frozen += tensor.numel();
      }
    }
    if (any && r.frozen > 0)
      r.notes.push_back(r.frozen == r.parameters ? "frozen" : "partly frozen");
  }

  // The parameters that a module holds beside its children become rows of their own.
  void add_tensors(const ModuleInfo& info, int index) {
    if (row(index).parameters == 0 || info.children.empty()) return;
    for (const ModuleInfo::Field& field : info.fields) {
      const Tensor& tensor = *field.tensor;
      const ModuleInfos::Owner& owner = infos_.owners().at(tensor.impl_or_null());
      const bool is_own = owner.module == info.module && last_part(owner.path) == field.name;
      if (!field.is_parameter || !is_own) continue;
      Row made;
      made.kind = Row::Kind::tensor;
      made.name = field.name;
      made.path = owner.path;
      made.type = "Parameter";
      made.training = row(index).training;
      made.parameters = tensor.numel();
      if (!tensor.requires_grad()) {
        made.frozen = made.parameters;
        made.notes.push_back("frozen");
      }
      TensorInfo shape{{}, tensor.dtype()};
      for (const std::int64_t size : tensor.shape()) shape.dims.push_back({0, size});
      made.outputs.push_back(std::move(shape));
      row(index).parameters -= made.parameters;
      row(index).frozen -= made.frozen;
      add_row(std::move(made), index);
    }
    std::erase_if(row(index).notes,
                  [](const std::string& note) { return note.ends_with("frozen"); });
  }

  // What a module lists and nobody called. A container that was not called itself, but whose parts
  // were, gives its place to those.
  void add_never_called(const ModuleInfo& info, const std::string& prefix, int parent) {
    for (const auto& [name, child] : info.children) {
      if (called_.contains(child)) continue;
      const std::string path = prefix.empty() ? name : prefix + "." + name;
      const ModuleInfo& below = infos_.of(*child);
      if (any_called(below)) {
        add_never_called(below, path, parent);
      } else {
        add_uncalled(*child, below.path, path, parent);
      }
    }
  }

  bool any_called(const ModuleInfo& info) {
    if (called_.contains(info.module)) return true;
    return std::ranges::any_of(
        info.children, [this](const auto& child) { return any_called(infos_.of(*child.second)); });
  }

  void add_uncalled(ModuleBase& module, const std::string& path, const std::string& name,
                    int parent) {
    const ModuleInfo& info = infos_.of(module);
    Row made;
    made.name = name;
    made.path = path;
    made.type = module.type_name();
    made.training = module.is_training();
    const bool again = !placed_.insert(&module).second;
    if (again) made.notes.push_back("the same as " + info.path);
    const bool said_above = parent >= 0 && row(parent).call == 0;
    if (is_read(info)) {
      made.notes.push_back("never called, but its parameters are read");
    } else if (graph_ && !said_above) {
      made.notes.push_back(summary_.recording->error ? "not reached" : "never called");
    }
    const int own = add_row(std::move(made), parent);
    describe(info, own, !again);
    if (again) return;
    add_tensors(info, own);
    for (const auto& [child_name, child] : info.children) {
      add_uncalled(*child, path.empty() ? child_name : path + "." + child_name, child_name, own);
    }
  }

  bool is_read(const ModuleInfo& info) {
    if (!graph_) return false;
    if (read_.empty()) {
      for (const Graph::Value& value : graph_->values) {
        if (value.producer < 0 && !value.readers.empty()) read_.insert(value.tensor_id);
      }
    }
    return std::ranges::any_of(info.fields, [this](const ModuleInfo::Field& field) {
      return read_.contains(field.tensor->id());
    });
  }

  // Where the forward pass stopped.
  void note_failure() {
    const Recording& recording = *summary_.recording;
    Summary::Failure& failure = summary_.failure.emplace();
    try {
      std::rethrow_exception(recording.error);
    } catch (const std::exception& e) {
      failure.message = e.what();
    } catch (...) {
      failure.message = "forward threw something that is no std::exception";
    }
    for (std::size_t i = 0; i < graph_->calls.size(); ++i) {
      if (!graph_->calls[i].completed) failure.row = row_of_call_[i];  // the innermost one is last
    }
    if (failure.row >= 0) row(failure.row).notes.push_back("failed here");
    if (!recording.failure) return;
    failure.op = recording.failure->op;
    std::vector<Spec> in;
    for (const int v : recording.failure->inputs) {
      in.push_back(v < 0 ? Spec::undefined() : graph_->values[static_cast<std::size_t>(v)].spec);
      if (v >= 0) failure.inputs.push_back(symbolic_->value(v));
    }
    failure.suggestion = suggestion_for(failure.op, in);
  }

  void count_tensors() {
    Summary::Totals& totals = summary_.totals;
    for (const auto& [impl, owner] : infos_.owners()) {
      const auto bytes = static_cast<double>(impl->spec.bytes());
      const std::int64_t n = impl->spec.numel();
      if (!owner.is_parameter) {
        totals.buffers += n;
        totals.buffer_bytes += bytes;
        continue;
      }
      totals.parameters += n;
      totals.parameter_bytes += bytes;
      for (const ModuleInfo::Field& field : infos_.of(*owner.module).fields) {
        if (field.tensor->impl_or_null() != impl) continue;
        if (!field.tensor->requires_grad()) totals.frozen += n;
        break;
      }
    }
    if (!graph_) return;
    for (const Graph::Value& value : graph_->values) {
      const bool given = value.role == Role::parameter && value.producer < 0;
      if (given && value.readers.empty()) totals.unread += value.spec.numel();
    }
  }

  void sum_up() {
    for (std::size_t i = summary_.rows.size(); i-- > 0;) {
      Row& r = summary_.rows[i];
      r.total += r.parameters;
      r.total_frozen += r.frozen;
      r.total_buffers += r.buffers;
      r.end = std::max(r.end, static_cast<int>(i) + 1);
      if (r.parent < 0) continue;
      Row& parent = row(r.parent);
      parent.total += r.total;
      parent.total_frozen += r.total_frozen;
      parent.total_buffers += r.total_buffers;
      parent.end = std::max(parent.end, r.end);
    }
  }

  // Later calls of a module whose inside looks as it did at the first.
  void mark_repetitions() {
    std::unordered_map<std::string, int> first_calls;
    for (int i = 0; i < static_cast<int>(summary_.rows.size()); ++i) {
      Row& r = row(i);
      if (r.kind != Row::Kind::module || r.call == 0) continue;
      if (r.call == 1) {
        first_calls.emplace(r.path, i);
      } else if (r.end > i + 1) {
        const auto first = first_calls.find(r.path);
        r.same_as_first = first != first_calls.end() && same_inside(first->second, i);
      }
    }
  }
  std::vector<int> ran_below(int index) {
    std::vector<int> called;
    for (int child = index + 1; child < row(index).end; child = row(child).end) {
      if (row(child).call > 0) called.push_back(child);
    }
    return called;
  }
  bool same_inside(int a, int b) {
    if (row(a).type != row(b).type || row(a).outputs != row(b).outputs) return false;
    return std::ranges::equal(ran_below(a), ran_below(b),
                              [this](int i, int j) { return same_inside(i, j); });
  }

  Summary& summary_;
  const Graph* graph_;
  const Symbolic* symbolic_;
  ModuleInfos infos_;
  std::unordered_set<const Scoped*> called_, placed_;
  std::unordered_set<const TensorImpl*> counted_;
  std::unordered_set<std::uint64_t> read_;
  std::vector<std::vector<Event>> events_;
  std::vector<int> row_of_call_;
};

}  // namespace

void add_rows(Summary& summary, ModuleBase& model, const Symbolic* symbolic) {
  const Rows rows(summary, model, symbolic);
}

std::vector<int> rows_of_nodes(const Summary& summary) {
  std::vector<int> rows(summary.recording ? summary.recording->graph.nodes.size() : 0, -1);
  for (std::size_t i = 0; i < summary.rows.size(); ++i) {
    if (summary.rows[i].node >= 0)
      rows[static_cast<std::size_t>(summary.rows[i].node)] = static_cast<int>(i);
  }
  return rows;
}

}  // namespace glassbox::viz::detail
