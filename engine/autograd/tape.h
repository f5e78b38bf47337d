// Tape: the record of differentiable ops that backward walks. A node is made by `apply` for each op
// with an input that requires a gradient; it keeps the op, its specs and the data that the op's
// saves() chose, and lets go of them when backward has passed. One tape per expression, made and
// walked on one thread at a time.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/op.h"

namespace glassbox {

// True when ops on this thread are taped (at first).
bool grad_enabled();

// Ops run while it lives are not taped: `NoGrad no_grad;`.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool previous_;
};

// Ops run while it lives are taped again (inside a NoGrad).
class EnableGrad {
 public:
  EnableGrad();
  ~EnableGrad();
  EnableGrad(const EnableGrad&) = delete;
  EnableGrad& operator=(const EnableGrad&) = delete;

 private:
  bool previous_;
};

struct TapeNode;

// Where the gradient of one input goes: to an earlier node's output, to a leaf, or nowhere.
struct TapeEdge {
  std::shared_ptr<TapeNode> node;
  int output = 0;
  Tensor leaf;
  bool wanted() const { return node != nullptr || leaf.defined(); }
};

struct TapeNode {
  struct SavedTensor {
    bool is_output;
    int index;
    Tensor tensor;
    std::uint64_t version;
  };
  using Hook = std::function<void(const Tensor& dy)>;

  std::uint64_t sequence;  // rises with every node, so a larger one never precedes a smaller one
  AnyOp op;
  SmallVector<TapeEdge, 3> edges;
  SmallVector<Spec, 3> in_specs;
  SmallVector<Spec, 2> out_specs;
  SmallVector<SavedTensor, 2> saved;
  std::vector<std::pair<int, Hook>> hooks;  // by output
  int recorded_node = -1;                   // the op's node in the recording that watched it
  ScopeId scope = no_scope;                 // of the module that ran it
  bool released = false;
  ~TapeNode();
};

// Links outputs to a new node; called by apply. `needs_grad` of a defined input that requires one.
void tape_link(const OpType& type, const void* op, Ins in, Outs out, int recorded_node);

// The node that made `tensor`, or null for a leaf.
const TapeNode* tape_node(const Tensor& tensor);

// Calls `hook` with the gradient of `tensor` when backward has it complete. The hook must not
// change it. For a leaf it is called with each contribution.
void on_gradient(const Tensor& tensor, TapeNode::Hook hook);

// Gives a leaf the memory that its gradient is written to (an optimizer's arena). An existing
// gradient moves there.
void set_grad_buffer(const Tensor& leaf, const Tensor& buffer);

// Leaves that received a gradient on this thread and have no such memory, so are in no optimizer;
// forgets them.
Tensors take_leaves_without_optimizer();

// While it lives this thread notes such leaves apart, and then forgets them: for a step beside the
// program's own.
class StrayLeavesScope {
 public:
  StrayLeavesScope();
  ~StrayLeavesScope();
  StrayLeavesScope(const StrayLeavesScope&) = delete;
  StrayLeavesScope& operator=(const StrayLeavesScope&) = delete;

 private:
  std::vector<std::weak_ptr<TensorImpl>> before_;
};

// Walks the tape from `root`. See Tensor::backward. With `retain_graph` the tape stays for another
// walk.
void backward(const Tensor& root, const Tensor& seed = {}, bool retain_graph = false);

}  // namespace glassbox
