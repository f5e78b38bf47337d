#include "viz/symbolic.h"

#include <algorithm>

namespace glassbox::viz::detail {
namespace {

bool same_structure(const Graph& graph, const SizeRecorder& other) {
  if (graph.nodes.size() != other.ops.size()) return false;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Graph::Node& node = graph.nodes[i];
    const SizeRecorder::Op& op = other.ops[i];
    const std::size_t end =
        i + 1 < other.ops.size() ? other.ops[i + 1].first_shape : other.shapes.size();
    if (&node.op.type() != op.type || node.phase != op.phase ||
        node.outputs.size() != end - op.first_shape) {
      return false;
    }
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      const Shape& shape = graph.values[static_cast<std::size_t>(node.outputs[o])].spec.shape;
      if (shape.rank() != other.shapes[op.first_shape + o].rank()) return false;
    }
  }
  return true;
}

OpCosts figures_of(const Cost& cost) {
  return {cost.macs, cost.flops, static_cast<double>(cost.bytes_read + cost.bytes_written)};
}

}  // namespace

int SizeRecorder::on_op(const OpType& type, const void* op, Ins in, Ins out) {
  SmallVector<Spec, 6> in_specs;
  SpecList out_specs;
  for (const Tensor& t : in) in_specs.push_back(t.defined() ? t.spec() : Spec::undefined());
  for (const Tensor& t : out) out_specs.push_back(t.spec());
  ops.push_back({&type, current_phase().phase, shapes.size(),
                 figures_of(type.cost(op, in_specs, out_specs))});
  for (const Spec& spec : out_specs) shapes.push_back(spec.shape);
  return static_cast<int>(ops.size()) - 1;
}

Symbolic::Symbolic(const Graph& at_small, SizeRecorder at_large)
    : small_(at_small), large_(std::move(at_large)), has_large_(same_structure(small_, large_)) {
  small_costs_.reserve(small_.nodes.size());
  for (const Graph::Node& node : small_.nodes) small_costs_.push_back(figures_of(node.cost));
}

TensorInfo Symbolic::value(int index) const {
  const Graph::Value& value = small_.values[static_cast<std::size_t>(index)];
  TensorInfo info{{}, value.spec.dtype};
  const Shape* other = nullptr;
  if (has_large_ && value.producer >= 0) {
    const SizeRecorder::Op& op = large_.ops[static_cast<std::size_t>(value.producer)];
    other = &large_.shapes[op.first_shape + static_cast<std::size_t>(value.output)];
  }
  // Beside what ops make only the model's inputs depend on the batch, in dimension 0.
  const bool is_input =
      value.producer < 0 && std::ranges::find(small_.inputs, index) != small_.inputs.end();
  for (int d = 0; d < value.spec.shape.rank(); ++d) {
    const std::int64_t size = value.spec.shape[d];
    const bool guessed = value.producer >= 0 && !other && d == 0 && size == small;
    std::int64_t halves = guessed || (is_input && d == 0) ? 2 : 0;
    if (other) halves = (*other)[d] - size;
    info.dims.push_back({halves, size - halves * small / 2});
  }
  return info;
}

PerBatch Symbolic::bytes_of(int value) const {
  const TensorInfo info = this->value(value);
  return line(static_cast<double>(info.at(small).bytes()),
              static_cast<double>(info.at(large).bytes()));
}

PerBatch Symbolic::line(double at_small, double at_large) const {
  const double per_sample = (at_large - at_small) / (large - small);
  return {per_sample, at_small - small * per_sample};
}

PerBatch Symbolic::of(int node, double OpCosts::*figure) const {
  const double a = small_costs_[static_cast<std::size_t>(node)].*figure;
  if (!has_large_) return {a / small, 0};
  return line(a, large_.ops[static_cast<std::size_t>(node)].costs.*figure);
}

}  // namespace glassbox::viz::detail
