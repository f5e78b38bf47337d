#include "viz/draw_tape.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "engine/autograd/tape.h"
#include "engine/core/error.h"
#include "engine/graph/recorder.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

using Node = Diagram::Node;

TensorInfo info_of(const Spec& spec) {
  TensorInfo info;
  for (int i = 0; i < spec.shape.rank(); ++i) info.dims.push_back({0, spec.shape.size(i)});
  info.dtype = spec.dtype;
  return info;
}

std::string number(double value) { return significant(value, 4); }

// "0.7071", "[1, 2, 3]", of many "−1 to 3, mean 0.2".
std::string value_text(const Tensor& tensor) {
  if (!tensor.device().is_cpu()) return cat("on ", tensor.device());
  const NoGrad no_grad;
  const RecordScope unwatched(nullptr);
  const std::vector<double> values = tensor.to(DType::f64).to_vector<double>();
  if (values.empty()) return "empty";
  if (tensor.dim() == 0) return number(values[0]);
  std::string text;
  if (values.size() <= 4) {
    for (const double value : values) text += (text.empty() ? "[" : ", ") + number(value);
    return text + "]";
  }
  double least = values[0], most = values[0], sum = 0;
  for (const double value : values) {
    // A NaN is neither, so it would not show.
    least = std::isnan(value) ? value : std::min(least, value);
    most = std::isnan(value) ? value : std::max(most, value);
    sum += value;
  }
  return number(least) + " to " + number(most) + ", mean " +
         number(sum / static_cast<double>(values.size()));
}

}  // namespace

struct KeepValues::Watching final : Recorder {
  struct Op {
    const OpType* type;
    Tensors in, out;
  };
  void on_enter(Scoped&, Ins) override {}
  void on_leave(Scoped&, Ins, bool) override {}
  void on_begin(const OpType&) override { retain_gradients(); }
  int on_op(const OpType& type, const void*, Ins in, Ins out) override {
    retain_gradients();
    if (current_phase().phase != Phase::forward) return -1;
    ops.push_back({&type, {in.begin(), in.end()}, {out.begin(), out.end()}});
    return static_cast<int>(ops.size()) - 1;
  }

  // An op is taped after it was told of here, so its gradients are asked for when the next one
  // comes: for the last one, that is the one that makes the seed.
  void retain_gradients() {
    for (; retained < ops.size(); ++retained) {
      for (Tensor& tensor : ops[retained].out) {
        if (tensor.defined() && tape_node(tensor) != nullptr) tensor.retain_grad();
      }
    }
  }

  // What ran when that node was made; null where another recorder watched, or none.
  const Op* find(const TapeNode& node) const {
    const auto i = static_cast<std::size_t>(node.recorded_node);
    if (node.recorded_node < 0 || i >= ops.size()) return nullptr;
    const bool is_it = std::ranges::any_of(ops[i].out, [&node](const Tensor& tensor) {
      return tensor.defined() && tape_node(tensor) == &node;
    });
    return is_it ? &ops[i] : nullptr;
  }

  std::vector<Op> ops;
  std::size_t retained = 0;  // of them
  RecordScope scope{*this};
  Watching* previous = nullptr;
  static thread_local Watching* current;
};
thread_local KeepValues::Watching* KeepValues::Watching::current = nullptr;

KeepValues::KeepValues() : watching_(std::make_unique<Watching>()) {
  watching_->previous = Watching::current;
  Watching::current = watching_.get();
}
KeepValues::~KeepValues() { Watching::current = watching_->previous; }

class TapeDrawing {
 public:
  using Names = std::vector<std::pair<std::string, Tensor>>;

  TapeDrawing(const Tensor& loss, const Names& names) : names_(names) {
    diagram_.model = name_of(loss, "");
    if (diagram_.model.empty()) diagram_.model = "loss";
    diagram_.batch = 1;  // sizes are as they are
    collect(tape_node(loss));
    // Inputs come first in a diagram, so that leaves are found before any op is added.
    for (const TapeNode* node : nodes_) add_leaves(*node);
    for (const TapeNode* node : nodes_) add_op(*node);
    add_result(loss);
  }
  Diagram take() { return std::move(diagram_); }

 private:
  void collect(const TapeNode* last) {
    std::vector<const TapeNode*> open{last};
    std::unordered_set<const TapeNode*> seen{last};
    while (!open.empty()) {
      const TapeNode* node = open.back();
      open.pop_back();
      nodes_.push_back(node);
      for (const TapeEdge& edge : node->edges) {
        if (edge.node && seen.insert(edge.node.get()).second) open.push_back(edge.node.get());
      }
    }
    std::sort(nodes_.begin(), nodes_.end(),
              [](const TapeNode* a, const TapeNode* b) { return a->sequence < b->sequence; });
  }

  static const KeepValues::Watching::Op* kept(const TapeNode& node);

  std::string name_of(const Tensor& tensor, const std::string& otherwise) const {
    for (const auto& [name, named] : names_) {
      if (named.defined() && tensor.defined() && named.id() == tensor.id()) return name;
    }
    return otherwise;
  }

  // The input if it is known: a leaf, or one that KeepValues saw or the tape still holds.
  static Tensor input_of(const TapeNode& node, std::size_t i) {
    if (node.edges[i].leaf.defined()) return node.edges[i].leaf;
    if (const auto* op = kept(node); op && i < op->in.size()) return op->in[i];
    for (const TapeNode::SavedTensor& saved : node.saved) {
      if (!saved.is_output && static_cast<std::size_t>(saved.index) == i) return saved.tensor;
    }
    return {};
  }

  int add(Node node) {
    const int times = ++times_[node.id];
    if (times > 1) node.id += "#" + std::to_string(times);
    diagram_.nodes.push_back(std::move(node));
    return static_cast<int>(diagram_.nodes.size()) - 1;
  }

  static void note(Node& node, const char* what, const Tensor& tensor) {
    if (tensor.defined()) node.notes.push_back(std::string(what) + " " + value_text(tensor));
  }

  void add_leaves(const TapeNode& node) {
    for (std::size_t i = 0; i < node.edges.size(); ++i) {
      if (node.edges[i].node || !node.in_specs[i].defined) continue;
      const Tensor tensor = input_of(node, i);
      if (tensor.defined() && sources_.contains(tensor.id())) continue;
      const bool wanted = node.edges[i].wanted();
      Node leaf;
      leaf.kind = Node::Kind::input;
      leaf.name = name_of(tensor, wanted ? "leaf" : "constant");
      leaf.id = "@" + leaf.name;
      leaf.outputs.push_back(info_of(node.in_specs[i]));
      note(leaf, "value", tensor);
      if (wanted) note(leaf, "gradient", tensor.grad());
      const int index = add(std::move(leaf));
      if (tensor.defined())
        sources_[tensor.id()] = index;
      else
        unknown_[{&node, i}] = index;
    }
  }

  void add_op(const TapeNode& node) {
    Node made;
    made.id = node.op.name();
    made.op = node.op.kind();
    made.attrs = node.op.attrs(Specs(node.in_specs.data(), node.in_specs.size()));
    std::vector<Diagram::Edge> edges;
    for (std::size_t i = 0; i < node.edges.size(); ++i) {
      if (!node.in_specs[i].defined) continue;
      const TapeEdge& edge = node.edges[i];
      int from = -1;
      if (edge.node) {
        from = ops_.at(edge.node.get());
      } else if (const Tensor tensor = input_of(node, i); tensor.defined()) {
        from = sources_.at(tensor.id());
      } else {
        from = unknown_.at({&node, i});
      }
      made.inputs.push_back(info_of(node.in_specs[i]));
      edges.push_back({from, -1, made.inputs.back(), false});
    }
    for (const Spec& spec : node.out_specs) made.outputs.push_back(info_of(spec));
    if (const auto* op = kept(node)) {
      for (const Tensor& out : op->out) {
        note(made, "value", out);
        if (out.defined()) note(made, "gradient", out.grad());
        if (made.name.empty()) made.name = name_of(out, "");
      }
      if (!made.name.empty()) made.name += " = " + made.op;
    }
    const int index = add(std::move(made));
    ops_[&node] = index;
    for (Diagram::Edge& edge : edges) {
      edge.to = index;
      diagram_.edges.push_back(std::move(edge));
    }
  }

  void add_result(const Tensor& loss) {
    Node result;
    result.kind = Node::Kind::output;
    result.name = diagram_.model;
    result.id = "@" + result.name;
    result.inputs.push_back(info_of(loss.spec()));
    if (kept(*nodes_.back()) == nullptr) note(result, "value", loss);
    const int index = add(std::move(result));
    diagram_.edges.push_back({ops_.at(nodes_.back()), index, info_of(loss.spec()), false});
  }

  struct InputHash {
    std::size_t operator()(const std::pair<const TapeNode*, std::size_t>& input) const {
      return std::hash<const void*>()(input.first) + input.second;
    }
  };

  const Names& names_;
  std::vector<const TapeNode*> nodes_;  // in order of execution
  std::unordered_map<std::uint64_t, int> sources_;
  std::unordered_map<std::pair<const TapeNode*, std::size_t>, int, InputHash> unknown_;
  std::unordered_map<const TapeNode*, int> ops_;
  std::unordered_map<std::string, int> times_;
  Diagram diagram_;
};

const KeepValues::Watching::Op* TapeDrawing::kept(const TapeNode& node) {
  const KeepValues::Watching* watching = KeepValues::Watching::current;
  return watching ? watching->find(node) : nullptr;
}

Diagram draw(const Tensor& loss, const std::vector<std::pair<std::string, Tensor>>& names) {
  if (!loss.defined() || tape_node(loss) == nullptr) {
    fail("draw", loss.defined() && loss.requires_grad()
                     ? "this is a leaf: no op made it"
                     : "no op on the tape made this tensor: none of its inputs requires a "
                       "gradient, or it was computed under NoGrad");
  }
  return TapeDrawing(loss, names).take();
}

}  // namespace glassbox::viz
