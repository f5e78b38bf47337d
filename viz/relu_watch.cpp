#include "viz/relu_watch.h"

#include <algorithm>
#include <utility>

#include "engine/autograd/tape.h"
#include "layers/activation.h"
#include "viz/tensor_stats.h"

namespace glassbox::viz::detail {

void ReluWatch::add(const std::string& label, const Tensor& y) {
  if (y.device().is_meta() || y.numel() == 0) return;
  const int number = ++seen_[label];
  dead_.emplace_back(number == 1 ? label : label + "#" + std::to_string(number), dead_units(y));
}

void ReluWatch::on_call(layers::ModuleBase& module, const std::string& label, const Tensors& in,
                        const Tensors& out) {
  const bool is_relu =
      dynamic_cast<layers::ReLU*>(&module) || dynamic_cast<layers::ReLU6*>(&module);
  if (is_relu && !out.empty()) add(label, out[0]);

  // From the outputs back to the inputs, through what modules inside did, too: before those this
  // one may have done something itself.
  std::unordered_set<std::uint64_t> ends;
  for (const Tensor& x : in) {
    if (const TapeNode* node = x.defined() ? tape_node(x) : nullptr) ends.insert(node->sequence);
  }
  std::unordered_set<std::uint64_t> visited;
  std::vector<const TapeNode*> next, found;
  const auto visit = [&](const TapeNode* node) {
    if (!node || node->released || ends.contains(node->sequence)) return;
    if (visited.insert(node->sequence).second) next.push_back(node);
  };
  for (const Tensor& y : out) {
    if (y.defined()) visit(tape_node(y));
  }
  while (!next.empty()) {
    const TapeNode* node = next.back();
    next.pop_back();
    if (node->op.name() == "relu" && taken_.insert(node->sequence).second && !is_relu)
      found.push_back(node);
    for (const TapeEdge& edge : node->edges) visit(edge.node.get());
  }
  std::sort(found.begin(), found.end(), [](const TapeNode* a, const TapeNode* b) {
    return a->sequence < b->sequence;  // as they ran
  });
  for (const TapeNode* node : found) {
    for (const TapeNode::SavedTensor& saved : node->saved)
      if (saved.is_output) add(label, saved.tensor);
  }
}

}  // namespace glassbox::viz::detail
