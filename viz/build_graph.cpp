#include "viz/build_graph.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "engine/core/threads.h"
#include "viz/measure_ops.h"
#include "viz/record.h"
#include "viz/symbolic.h"
#include "viz/titles.h"

namespace glassbox::viz {
namespace {

using Node = Diagram::Node;
using detail::SizeRecorder;
using detail::Symbolic;

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "forward threw something that is no std::exception";
  }
}

class Builder {
 public:
  Builder(const Recording& recording, const Symbolic& symbolic, const BuildOptions& options)
      : recording_(recording),
        graph_(recording.graph),
        symbolic_(symbolic),
        pass_(options.pass),
        names_(graph_.node_names()),
        node_of_(graph_.nodes.size(), -1) {
    diagram_.model = graph_.name;
    diagram_.batch = options.batch;
    for (const Graph::Call& call : graph_.calls) {
      owned_.insert(call.tensors.begin(), call.tensors.end());
      if (call.repeat > 0) shared_.insert(call.module);
    }
    count_nodes();
    add_clusters();
    add_inputs();
    for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (is_drawn(graph_.nodes[n])) add_op(static_cast<int>(n));
    }
    if (recording.error) add_failure();
    add_outputs();
    // Constants are found when they are read, and stand with the inputs.
    place_inputs_first();
  }

  void set_times(const std::vector<std::vector<double>>& seconds, std::int64_t batch) {
    for (std::size_t n = 0; n < seconds.size(); ++n) {
      if (node_of_[n] >= 0)
        diagram_.nodes[static_cast<std::size_t>(node_of_[n])].time = detail::timing_of(seconds[n]);
    }
    diagram_.measured_batch = batch;
    diagram_.measured_threads = num_threads();
  }

  Diagram take() { return std::move(diagram_); }

 private:
  const Graph::Value& value(int v) const { return graph_.values[static_cast<std::size_t>(v)]; }
  const Graph::Call& call(int c) const { return graph_.calls[static_cast<std::size_t>(c)]; }

  bool is_drawn(const Graph::Node& node) const {
    if (node.phase == Phase::forward) return is_shown(graph_, node);
    if (node.phase == Phase::update) return pass_ == BuildOptions::Pass::step;
    // A gradient is drawn where it is computed, not where it is put.
    return pass_ != BuildOptions::Pass::forward && !node.op.type().writes;
  }

  // --- modules ----------------------------------------------------------------------------------

  // Forward and backward have frames of their own: what lies between them is inside neither.
  static std::size_t frame_of(int call, Phase phase) {
    return 2 * static_cast<std::size_t>(call) + (phase == Phase::forward ? 0 : 1);
  }

  void count_nodes() {
    inside_.assign(2 * graph_.calls.size(), 0);
    const auto count = [this](int c, Phase phase) {
      for (; c >= 0; c = call(c).parent) ++inside_[frame_of(c, phase)];
    };
    for (const Graph::Node& node : graph_.nodes) {
      if (is_drawn(node)) count(node.call, node.phase);
    }
    if (recording_.error) count(failed_call(), Phase::forward);
  }

  void add_clusters() {
    cluster_of_.assign(inside_.size(), -1);
    for (const Phase phase : {Phase::forward, Phase::backward}) {
      for (std::size_t c = 0; c < graph_.calls.size(); ++c) {
        const Graph::Call& made = graph_.calls[c];
        if (made.parent < 0) continue;  // the model is the whole drawing
        const std::size_t frame = frame_of(static_cast<int>(c), phase);
        const int outer = cluster_of_[frame_of(made.parent, phase)];
        cluster_of_[frame] = outer;
        if (inside_[frame] < 2) continue;
        cluster_of_[frame] = static_cast<int>(diagram_.clusters.size());
        diagram_.clusters.push_back({made.path, made.type, outer, made.repeat + 1, phase});
      }
    }
  }

  void place(Node& node, int c) const {
    if (c < 0) return;
    node.module = call(c).path;
    node.call = call(c).repeat + 1;
    node.cluster = cluster_of_[frame_of(c, node.phase)];
    node.shared = shared_.contains(call(c).module);
  }

  // --- nodes ------------------------------------------------------------------------------------

  int add(Node node) {
    diagram_.nodes.push_back(std::move(node));
    return static_cast<int>(diagram_.nodes.size()) - 1;
  }

  static std::string numbered(const char* name, std::size_t i, std::size_t of) {
    return of == 1 ? name : name + std::to_string(i + 1);
  }

  int add_input(const std::string& name, const std::string& id, int v) {
    Node node;
    node.kind = Node::Kind::input;
    node.id = id;
    node.name = name;
    node.outputs.push_back(symbolic_.value(v));
    const int index = add(std::move(node));
    from_outside_.emplace(v, index);
    return index;
  }

  void add_inputs() {
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
      const int v = graph_.inputs[i];
      if (from_outside_.contains(v)) continue;  // given twice
      std::string name = value(v).name;
      if (name.empty()) name = numbered("input", i, graph_.inputs.size());
      add_input(name, "@" + name, v);
    }
  }

  void add_outputs() {
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
      Node node;
      node.kind = Node::Kind::output;
      node.name = numbered("output", i, graph_.outputs.size());
      node.id = "@" + node.name;
      node.inputs.push_back(symbolic_.value(graph_.outputs[i]));
      const int index = add(std::move(node));
      add_edges(graph_.outputs[i], index, false);
    }
  }

  void add_op(int n) {
    const Graph::Node& from = graph_.nodes[static_cast<std::size_t>(n)];
    Node node;
    node.id = names_[static_cast<std::size_t>(n)];
    node.op = from.op.kind();
    node.attrs = from.op.attrs(graph_.in_specs(from));
    node.phase = from.phase;
    place(node, from.call);
    for (const int v : from.inputs) {
      if (v >= 0 && value(v).role == Role::parameter && value(v).producer < 0 &&
          counted_.insert(v).second) {
        node.parameters += value(v).spec.numel();
      }
    }
    for (const int v : from.phase == Phase::forward ? shown_outputs(graph_, from) : from.outputs) {
      node.outputs.push_back(symbolic_.value(v));
      if (value(v).alias_of < 0) node.costs.activations += symbolic_.bytes_of(v);
    }
    node.costs.macs = symbolic_.macs(n);
    node.costs.flops = symbolic_.flops(n);
    node.costs.bytes = symbolic_.bytes(n);
    const int index = add(std::move(node));
    node_of_[static_cast<std::size_t>(n)] = index;
    add_reads(from.inputs, index, false);
  }

  // The call that the exception left innermost.
  int failed_call() const {
    if (recording_.failure) return recording_.failure->call;
    int innermost = -1;
    for (std::size_t c = 0; c < graph_.calls.size(); ++c) {
      if (!graph_.calls[c].completed) innermost = static_cast<int>(c);
    }
    return innermost;
  }

  // The op that refused its operands; of an exception from elsewhere the module that threw it.
  void add_failure() {
    diagram_.failure = message_of(recording_.error);
    const int c = failed_call();
    Node node;
    place(node, c);
    node.failure = diagram_.failure;
    std::vector<int> reads;
    std::string name;
    if (recording_.failure) {
      node.op = recording_.failure->kind;
      name = recording_.failure->op;
      reads = recording_.failure->inputs;
    } else if (c >= 0) {
      name = node.op = call(c).type;
      reads = call(c).inputs;
    }
    const std::string base = (node.module.empty() ? "" : node.module + "/") + name;
    node.id = base;
    for (int i = 2; diagram_.find(node.id) >= 0; ++i) node.id = base + "#" + std::to_string(i);
    add_reads(reads, add(std::move(node)), true);
  }

  // --- edges ------------------------------------------------------------------------------------

  void add_reads(const std::vector<int>& values, int to, bool failed) {
    std::unordered_set<int> drawn;
    for (const int v : values) {
      if (v >= 0 && drawn.insert(v).second && add_edges(v, to, failed))
        diagram_.nodes[static_cast<std::size_t>(to)].inputs.push_back(symbolic_.value(v));
    }
  }

  // False where a value comes from no node: parameters, buffers, states.
  bool add_edges(int v, int to, bool failed) {
    std::vector<int> sources;
    find_sources(v, sources);
    for (const int from : sources) diagram_.edges.push_back({from, to, symbolic_.value(v), failed});
    return !sources.empty();
  }

  void find_sources(int v, std::vector<int>& sources) {
    const Graph::Value& from = value(v);
    if (from.producer >= 0) {
      const Graph::Node& producer = graph_.nodes[static_cast<std::size_t>(from.producer)];
      const int node = node_of_[static_cast<std::size_t>(from.producer)];
      if (node >= 0) {
        if (!is_state(graph_, v)) sources.push_back(node);
        return;
      }
      // What was put into a gradient's buffer stands for it.
      if (producer.phase != Phase::backward) return;
      for (const int source : producer.inputs) {
        if (source >= 0) find_sources(source, sources);
      }
      return;
    }
    if (const auto known = from_outside_.find(v); known != from_outside_.end()) {
      sources.push_back(known->second);
      return;
    }
    const bool is_constant =
        from.role == Role::input && !owned_.contains(v) && !is_state(graph_, v);
    if (!is_constant) return;
    const int index = add_input("constant", "@constant" + std::to_string(v), v);
    sources.push_back(index);
  }

  void place_inputs_first() {
    std::vector<int> order(diagram_.nodes.size()), position(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
    // Why not ranges: clang 14 does not take libstdc++'s subrange.
    std::stable_partition(order.begin(), order.end(), [this](int n) {
      return diagram_.nodes[static_cast<std::size_t>(n)].kind == Node::Kind::input;
    });
    std::vector<Node> nodes;
    for (const int n : order) {
      position[static_cast<std::size_t>(n)] = static_cast<int>(nodes.size());
      nodes.push_back(std::move(diagram_.nodes[static_cast<std::size_t>(n)]));
    }
    diagram_.nodes = std::move(nodes);
    for (int& n : node_of_) {
      if (n >= 0) n = position[static_cast<std::size_t>(n)];
    }
    for (Diagram::Edge& edge : diagram_.edges) {
      edge.from = position[static_cast<std::size_t>(edge.from)];
      edge.to = position[static_cast<std::size_t>(edge.to)];
    }
  }

  const Recording& recording_;
  const Graph& graph_;
  const Symbolic& symbolic_;
  const BuildOptions::Pass pass_;
  const std::vector<std::string> names_;
  std::vector<int> node_of_;                   // of the recording's nodes; -1: not drawn
  std::unordered_map<int, int> from_outside_;  // values to nodes
  std::unordered_set<int> owned_;              // values that are some module's tensors
  std::unordered_set<const Scoped*> shared_;
  std::unordered_set<int> counted_;       // parameters
  std::vector<int> inside_, cluster_of_;  // by frame_of
  Diagram diagram_;
};

}  // namespace

Diagram build_graph(layers::ModuleBase& model, const std::vector<Shape>& inputs,
                    const std::vector<Transform>& transforms, const BuildOptions& options) {
  if (options.batch != -1 && options.batch < 1) {
    fail(model.type_name(), cat("batch ", options.batch, " must be at least 1, or -1 for any"));
  }
  const std::vector<Shape> shapes = inputs.empty() ? model.usual_inputs() : inputs;
  const bool backward = options.pass != BuildOptions::Pass::forward;
  RecordOptions how{Symbolic::small, options.dtypes, backward,
                    options.pass == BuildOptions::Pass::step};
  const Recording recording = record(model, shapes, how);
  const std::vector<Graph::Call>& calls = recording.graph.calls;
  if (recording.error && (calls.empty() || calls.front().completed))
    std::rethrow_exception(recording.error);
  SizeRecorder larger;
  if (!recording.error) {
    how.batch = Symbolic::large;
    try {
      record_again(recording, shapes, how, larger);
    } catch (const std::exception&) {
      larger = {};  // a model of one batch size: then that dimension is taken for the batch
    }
  }
  const Symbolic symbolic(recording.graph, std::move(larger));
  Builder builder(recording, symbolic, options);
  if (options.measure && !recording.error) {
    std::vector<Spec> specs;
    const std::int64_t batch = options.batch < 0 ? Symbolic::small : options.batch;
    for (const int v : recording.graph.inputs) specs.push_back(symbolic.value(v).at(batch));
    how.batch = batch;
    builder.set_times(detail::measure_ops(model, specs, recording.graph, how, {}), batch);
  }
  Diagram diagram = builder.take();
  for (const Transform& transform : transforms) diagram = transform(std::move(diagram));
  return diagram;
}

}  // namespace glassbox::viz
