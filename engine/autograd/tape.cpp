#include "engine/autograd/tape.h"

#include <algorithm>
#include <atomic>
#include <queue>
#include <unordered_map>
#include <utility>

#include "engine/autograd/autocast.h"
#include "engine/graph/recorder.h"
#include "engine/ops/create.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/shape.h"
#include "engine/ops/update.h"

namespace glassbox {
namespace {

thread_local bool grad_mode = true;
std::atomic<std::uint64_t> next_sequence{1};  // of all threads: they may share an expression

// The tape's part of a tensor.
struct TapeMeta final : AutogradMeta {
  bool requires_grad = false;
  std::shared_ptr<TapeNode> node;  // null for a leaf
  int output = 0;
  Tensor grad;
  Tensor grad_buffer;
  bool retain = false;
  std::vector<TapeNode::Hook> leaf_hooks;
};

TapeMeta* meta_of(const Tensor& tensor) {
  TensorImpl* impl = tensor.impl_or_null();
  return impl ? static_cast<TapeMeta*>(impl->autograd.get()) : nullptr;
}

TapeMeta& make_meta(const Tensor& tensor) {
  TensorImpl& impl = tensor.impl();
  if (!impl.autograd) impl.autograd = std::make_unique<TapeMeta>();
  return static_cast<TapeMeta&>(*impl.autograd);
}

// The same tensor without its tape node: a node that saved its own output would never be freed.
// The id stays, since a recording knows tensors by it.
Tensor without_tape(const Tensor& tensor) {
  const TensorImpl& impl = tensor.impl();
  auto copy = std::make_shared<TensorImpl>(impl.spec, impl.offset, impl.storage);
  copy->id = impl.id;
  return Tensor(std::move(copy));
}

class SavedOfNode final : public Saved {
 public:
  explicit SavedOfNode(const TapeNode& node) : node_(node) {}
  const Spec& in_spec(int i) const override { return node_.in_specs[static_cast<std::size_t>(i)]; }
  const Spec& out_spec(int i) const override {
    return node_.out_specs[static_cast<std::size_t>(i)];
  }
  int inputs() const override { return static_cast<int>(node_.in_specs.size()); }
  bool needs(int i) const override { return node_.edges[static_cast<std::size_t>(i)].wanted(); }
  Tensor input(int i) const override { return find(false, i); }
  Tensor output(int i) const override { return find(true, i); }

 private:
  Tensor find(bool is_output, int index) const {
    for (const TapeNode::SavedTensor& saved : node_.saved) {
      if (saved.is_output != is_output || saved.index != index) continue;
      if (saved.tensor.storage()->version() != saved.version) {
        fail("backward", cat("the ", is_output ? "output" : "input", " ", index, " ",
                             saved.tensor.shape(), " of ", node_.op.name(),
                             " was written in place after the forward pass, which needs its old "
                             "value (version ",
                             saved.tensor.storage()->version(), ", saved at ", saved.version, ")"));
      }
      return saved.tensor;
    }
    fail("backward", cat(node_.op.name(), " reads its ", is_output ? "output" : "input", " ", index,
                         " in backward but saves() did not choose it"));
  }
  const TapeNode& node_;
};

// A few leaves that received a gradient outside any optimizer, for its warning.
thread_local std::vector<std::weak_ptr<TensorImpl>> strays;
void note_stray(const Tensor& leaf) {
  constexpr std::size_t enough = 8;
  if (strays.size() < enough) strays.push_back(leaf.handle());
}

void accumulate_leaf(const Tensor& leaf, const Tensor& dx) {
  TapeMeta& meta = make_meta(leaf);
  for (const auto& hook : meta.leaf_hooks) hook(dx);
  if (meta.grad.defined()) {
    add_to(meta.grad, dx);
  } else if (meta.grad_buffer.defined()) {
    assign(meta.grad_buffer, dx);
    meta.grad = meta.grad_buffer;
  } else {
    note_stray(leaf);
    // Why a copy: an op may hand the same tensor to two inputs, and the next backward adds in
    // place.
    meta.grad = copy(dx);
  }
}

void check_gradient(const TapeNode& node, std::size_t i, const Tensor& dx) {
  const Spec& want = node.in_specs[i];
  if (dx.shape() != want.shape || dx.dtype() != want.dtype) {
    fail("backward", cat(node.op.name(), " gave a gradient ", to_string(dx.spec()), " for input ",
                         i, " ", to_string(want)));
  }
}

struct Pending {
  std::shared_ptr<TapeNode> node;
  SmallVector<Tensor, 2> dy;
};

class Walk {
 public:
  explicit Walk(bool retain_graph) : retain_graph_(retain_graph) {}

  void send(const TapeEdge& edge, const Tensor& dx) {
    if (edge.leaf.defined()) return accumulate_leaf(edge.leaf, dx);
    if (!edge.node) return;
    auto [it, fresh] = pending_.try_emplace(edge.node->sequence);
    Pending& pending = it->second;
    if (fresh) {
      pending.node = edge.node;
      pending.dy.resize(edge.node->out_specs.size());
      order_.push(edge.node->sequence);
    }
    Tensor& dy = pending.dy[static_cast<std::size_t>(edge.output)];
    dy = dy.defined() ? dy + dx : dx;
  }

  void run() {
    while (!order_.empty()) {
      const std::uint64_t next = order_.top();
      order_.pop();
      const auto it = pending_.find(next);
      const Pending pending = std::move(it->second);
      pending_.erase(it);
      visit(*pending.node, pending.dy);
    }
  }

 private:
  void visit(TapeNode& node, Ins dy) {
    const NamedScope scope(node.scope);
    if (node.released) {
      fail("backward", cat("the tape behind ", node.op.name(),
                           " was released by an earlier backward; call it once per forward pass or "
                           "pass retain_graph = true"));
    }
    for (const auto& [output, hook] : node.hooks) {
      const Tensor& d = dy[static_cast<std::size_t>(output)];
      if (d.defined()) hook(d);
    }
    if (!node.op.type().backward) {
      fail("backward", cat(node.op.name(), " has no derivative",
                           node.op.name().find("_grad") != std::string_view::npos
                               ? ": second derivatives are not supported"
                               : ""));
    }
    const PhaseScope phase(Phase::backward, node.recorded_node);
    if (Recorder* recorder = current_recorder()) recorder->on_backward(node.recorded_node);
    Grads grads(node.edges.size());
    node.op.type().backward(node.op.get(), SavedOfNode(node), dy, grads);
    for (std::size_t i = 0; i < node.edges.size(); ++i) {
      if (!grads[i].defined() || !node.edges[i].wanted()) continue;
      check_gradient(node, i, grads[i]);
      send(node.edges[i], grads[i]);
    }
    if (!retain_graph_) {
      node.saved.clear();
      node.released = true;
    }
  }

  const bool retain_graph_;
  std::unordered_map<std::uint64_t, Pending> pending_;
  std::priority_queue<std::uint64_t> order_;
};

}  // namespace

bool grad_enabled() { return grad_mode; }
NoGrad::NoGrad() : previous_(grad_mode) { grad_mode = false; }
NoGrad::~NoGrad() { grad_mode = previous_; }
EnableGrad::EnableGrad() : previous_(grad_mode) { grad_mode = true; }
EnableGrad::~EnableGrad() { grad_mode = previous_; }

TapeNode::~TapeNode() {
  // Why: a long chain freed by nested destructors would overflow the stack.
  SmallVector<std::shared_ptr<TapeNode>, 8> nodes;
  SmallVector<Tensor, 8> tensors;
  const auto take = [&](TapeNode& node) {
    for (TapeEdge& edge : node.edges) {
      if (edge.node) nodes.push_back(std::move(edge.node));
    }
    for (SavedTensor& item : node.saved) tensors.push_back(std::move(item.tensor));
  };
  take(*this);
  while (!nodes.empty() || !tensors.empty()) {
    if (!tensors.empty()) {
      // A saved input that nobody else holds may be the last owner of the node that made it.
      const Tensor tensor = std::move(tensors.back());
      tensors.pop_back();
      TapeMeta* meta = tensor.handle().use_count() == 1 ? meta_of(tensor) : nullptr;
      if (meta && meta->node) nodes.push_back(std::move(meta->node));
    } else {
      const std::shared_ptr<TapeNode> node = std::move(nodes.back());
      nodes.pop_back();
      if (node.use_count() == 1) take(*node);
    }
  }
}

void tape_link(const OpType& type, const void* op, Ins in, Outs out, int recorded_node) {
  bool any = false;
  for (const Tensor& y : out) any = any || is_floating(y.dtype());
  if (!any) return;
  auto node = std::make_shared<TapeNode>();
  node->sequence = next_sequence.fetch_add(1, std::memory_order_relaxed);
  node->op = AnyOp(type, type.copy(op));
  node->recorded_node = recorded_node;
  if (!out[0].device().is_meta()) node->scope = scope_id();  // a dry run has to be quick
  std::uint32_t wanted = 0;
  node->edges.reserve(in.size());
  node->in_specs.reserve(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    TapeEdge& edge = node->edges.emplace_back();
    node->in_specs.push_back(in[i].defined() ? in[i].spec() : Spec::undefined());
    const TapeMeta* meta = meta_of(in[i]);
    if (!meta || !meta->requires_grad) continue;
    if (meta->node) {
      edge.node = meta->node;
      edge.output = meta->output;
    } else {
      edge.leaf = in[i];
    }
    wanted |= i < 32 ? 1u << i : ~0u;
  }
  for (const Tensor& y : out) node->out_specs.push_back(y.spec());
  if (type.saves) {
    Recorder* const recorder = current_recorder();
    for (const Saves::Item& item : type.saves(op).items) {
      if ((item.needed_by & wanted) == 0) continue;
      const std::span<const Tensor> list = item.is_output ? Ins(out) : in;
      if (item.index >= list.size() || !list[item.index].defined()) continue;
      const Tensor& tensor = list[item.index];
      node->saved.push_back({item.is_output, item.index,
                             item.is_output ? without_tape(tensor) : tensor,
                             tensor.storage()->version()});
      if (recorder) recorder->on_saved(recorded_node, tensor);
    }
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!is_floating(out[i].dtype())) continue;
    if (type.writes && type.alias(op, static_cast<int>(i)) >= 0) continue;
    TapeMeta& meta = make_meta(out[i]);
    meta.requires_grad = true;
    meta.node = node;
    meta.output = static_cast<int>(i);
  }
}

const TapeNode* tape_node(const Tensor& tensor) {
  const TapeMeta* meta = meta_of(tensor);
  return meta ? meta->node.get() : nullptr;
}

void on_gradient(const Tensor& tensor, TapeNode::Hook hook) {
  if (!tensor.requires_grad()) fail("on_gradient", "the tensor does not require a gradient");
  TapeMeta& meta = make_meta(tensor);
  if (meta.node) {
    meta.node->hooks.emplace_back(meta.output, std::move(hook));
  } else {
    meta.leaf_hooks.push_back(std::move(hook));
  }
}

void set_grad_buffer(const Tensor& leaf, const Tensor& buffer) {
  TapeMeta& meta = make_meta(leaf);
  if (buffer.shape() != leaf.shape() || buffer.dtype() != leaf.dtype()) {
    fail("set_grad_buffer",
         cat("buffer ", to_string(buffer.spec()), " does not match ", to_string(leaf.spec())));
  }
  if (meta.grad.defined()) {
    const NoGrad no_grad;
    Tensor moved = buffer;
    assign(moved, meta.grad);
    meta.grad = moved;
  }
  meta.grad_buffer = buffer;
}

StrayLeavesScope::StrayLeavesScope() : before_(std::exchange(strays, {})) {}
StrayLeavesScope::~StrayLeavesScope() { strays = std::move(before_); }

Tensors take_leaves_without_optimizer() {
  Tensors out;
  for (const auto& weak : strays) {
    const Tensor leaf(weak.lock());
    const bool told =
        std::any_of(out.begin(), out.end(), [&](const Tensor& t) { return t.same_as(leaf); });
    if (leaf.defined() && !told && !make_meta(leaf).grad_buffer.defined()) out.push_back(leaf);
  }
  strays.clear();
  return out;
}

void backward(const Tensor& root, const Tensor& seed, bool retain_graph) {
  if (!root.requires_grad()) {
    fail("backward", "the tensor does not depend on anything that requires a gradient");
  }
  const NoGrad no_grad;
  const NoAutocast no_autocast;
  const PhaseScope phase(Phase::backward);
  Tensor dy = seed;
  if (!dy.defined()) {
    if (root.numel() != 1) {
      fail("backward", cat("a tensor of shape ", root.shape(),
                           " needs a seed of that shape; only one element has 1 by default"));
    }
    dy = full(root.shape(), 1.0, root.dtype(), root.device());
  }
  if (dy.shape() != root.shape() || dy.dtype() != root.dtype()) {
    fail("backward",
         cat("seed ", to_string(dy.spec()), " does not match ", to_string(root.spec())));
  }
  const TapeMeta& meta = make_meta(root);
  Walk walk(retain_graph);
  TapeEdge edge;
  if (meta.node) {
    edge.node = meta.node;
    edge.output = meta.output;
  } else {
    edge.leaf = root;
  }
  walk.send(edge, dy);
  walk.run();
}

// --- Tensor's autograd members
// --------------------------------------------------------------------

bool Tensor::requires_grad() const {
  const TapeMeta* meta = meta_of(*this);
  return meta && meta->requires_grad;
}

Tensor& Tensor::set_requires_grad(bool requires_grad) {
  if (!is_leaf()) fail("set_requires_grad", "only leaves can be changed; use detach() first");
  if (requires_grad && !is_floating(dtype())) {
    fail("set_requires_grad", cat("a tensor of type ", dtype(), " has no gradient"));
  }
  if (requires_grad || impl().autograd) make_meta(*this).requires_grad = requires_grad;
  return *this;
}

bool Tensor::is_leaf() const {
  const TapeMeta* meta = meta_of(*this);
  return !meta || !meta->node;
}

Tensor Tensor::grad() const {
  const TapeMeta* meta = meta_of(*this);
  return meta ? meta->grad : Tensor();
}

void Tensor::set_grad(const Tensor& grad) {
  TapeMeta& meta = make_meta(*this);
  if (grad.defined() && (grad.shape() != shape() || grad.dtype() != dtype())) {
    fail("set_grad",
         cat("gradient ", to_string(grad.spec()), " does not match ", to_string(spec())));
  }
  if (grad.defined() && meta.grad_buffer.defined()) {
    const NoGrad no_grad;
    assign(meta.grad_buffer, grad);
    meta.grad = meta.grad_buffer;
  } else {
    meta.grad = grad;
  }
}

void Tensor::zero_grad() {
  if (TapeMeta* meta = meta_of(*this)) meta->grad = Tensor();
}

void Tensor::retain_grad() {
  TapeMeta& meta = make_meta(*this);
  if (!meta.requires_grad) fail("retain_grad", "the tensor does not require a gradient");
  if (!meta.node || meta.retain) return;
  meta.retain = true;
  const std::weak_ptr<TensorImpl> weak = impl_;
  meta.node->hooks.emplace_back(meta.output, [weak](const Tensor& dy) {
    const std::shared_ptr<TensorImpl> self = weak.lock();
    if (!self) return;
    TapeMeta& own = static_cast<TapeMeta&>(*self->autograd);
    own.grad = own.grad.defined() ? own.grad + dy : dy;
  });
}

Tensor Tensor::detach() const {
  const NoGrad no_grad;
  return glassbox::reshape(*this, shape());
}

void Tensor::backward(const Tensor& seed) const { glassbox::backward(*this, seed); }

Parameter::Parameter(const Tensor& data) : Tensor(data) {
  if (!data.defined()) return;
  if (!data.is_leaf()) impl_ = data.detach().handle();
  set_requires_grad(true);
}

}  // namespace glassbox
