#include "viz/symbolic.h"

namespace glassbox::viz::detail {
namespace {

bool same_structure(const Graph& a, const Graph& b) {
  if (a.values.size() != b.values.size() || a.nodes.size() != b.nodes.size() ||
      a.calls.size() != b.calls.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.nodes.size(); ++i) {
    const Graph::Node &x = a.nodes[i], &y = b.nodes[i];
    if (x.op.name() != y.op.name() || x.inputs != y.inputs || x.call != y.call) return false;
  }
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    if (a.values[i].spec.shape.rank() != b.values[i].spec.shape.rank()) return false;
  }
  return true;
}

}  // namespace

Symbolic::Symbolic(const Graph& at_small, const Graph* at_large)
    : small_(at_small), large_(nullptr) {
  if (at_large && same_structure(at_small, *at_large)) large_ = at_large;
}

TensorInfo Symbolic::value(int index) const {
  const Spec& spec = small_.values[static_cast<std::size_t>(index)].spec;
  TensorInfo info{{}, spec.dtype};
  for (int d = 0; d < spec.shape.rank(); ++d) {
    const std::int64_t size = spec.shape[d];
    const bool looks_like_batch = d == 0 && size == small;
    std::int64_t halves = looks_like_batch ? 2 : 0;
    if (large_) halves = large_->values[static_cast<std::size_t>(index)].spec.shape[d] - size;
    info.dims.push_back({halves, size - halves * small / 2});
  }
  return info;
}

}  // namespace glassbox::viz::detail
