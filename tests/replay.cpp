#include "tests/replay.h"

#include <cstring>

#include "engine/apply.h"

namespace glassbox::test {
namespace {

std::shared_ptr<Storage> copy_of(const Storage& storage) {
  auto copy = std::make_shared<Storage>(storage.bytes(), storage.device());
  if (storage.bytes() != 0) std::memcpy(copy->data(), storage.data(), storage.bytes());
  return copy;
}

// All bits set is NaN in every floating-point type, and no value that an integer op would expect.
std::shared_ptr<Storage> nan_storage(std::size_t bytes) {
  auto storage = std::make_shared<Storage>(bytes, Device::cpu());
  if (bytes != 0) std::memset(storage->data(), 0xff, bytes);
  return storage;
}

}  // namespace

Replay::Replay(const Tensors& state) : kept_(state) {
  for (const Tensor& t : state) {
    if (t.defined()) before_.emplace(t.storage().get(), copy_of(*t.storage()));
  }
}

void Replay::record(const std::function<void()>& f) {
  GraphRecorder recorder;
  {
    const RecordScope scope(recorder);
    f();
  }
  graph_ = recorder.take();
}

std::shared_ptr<Storage> Replay::replayed_storage(const Tensor& external) {
  const Storage* original = external.storage().get();
  std::shared_ptr<Storage>& own = own_[original];
  if (own) return own;
  const auto before = before_.find(original);
  if (before != before_.end()) {
    own = copy_of(*before->second);
  } else {
    own = written_.contains(original) ? nan_storage(original->bytes()) : copy_of(*original);
  }
  return own;
}

Tensor Replay::make_output(const Graph::Node& node, std::size_t output, const Tensors& inputs) {
  const Graph::Value& value = graph_.values[static_cast<std::size_t>(node.outputs[output])];
  const OpType& type = node.op.type();
  const int source = node.op.alias(static_cast<int>(output));
  if (source < 0) {
    return Tensor(std::make_shared<TensorImpl>(value.spec, 0, nan_storage(value.spec.bytes())));
  }
  const Tensor& from = inputs[static_cast<std::size_t>(source)];
  if (type.writes) return from;
  const auto specs = graph_.in_specs(node);
  const std::size_t offset = type.view_offset ? type.view_offset(node.op.get(), specs) : 0;
  return Tensor(
      std::make_shared<TensorImpl>(value.spec, from.impl().offset + offset, from.storage()));
}

void Replay::find_written() {
  written_.clear();
  for (const Graph::Node& node : graph_.nodes) {
    if (!node.op.type().writes) continue;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.op.alias(static_cast<int>(i)) < 0) continue;
      // The start of the chain of writes and views.
      const Graph::Value* value = &graph_.values[static_cast<std::size_t>(node.outputs[i])];
      while (value->alias_of >= 0)
        value = &graph_.values[static_cast<std::size_t>(value->alias_of)];
      if (value->external.defined()) written_.insert(value->external.storage().get());
    }
  }
}

void Replay::run() {
  find_written();
  own_.clear();
  values_.assign(graph_.values.size(), Tensor());
  for (std::size_t v = 0; v < graph_.values.size(); ++v) {
    const Graph::Value& value = graph_.values[v];
    if (value.producer >= 0) continue;
    if (!value.external.defined()) fail("replay", cat("value ", v, " came from nowhere"));
    values_[v] = Tensor(std::make_shared<TensorImpl>(value.spec, value.external.impl().offset,
                                                     replayed_storage(value.external)));
  }
  for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
    const Graph::Node& node = graph_.nodes[n];
    Tensors inputs, outputs;
    for (int v : node.inputs) {
      inputs.push_back(v < 0 ? Tensor() : values_[static_cast<std::size_t>(v)]);
      if (v >= 0 && !inputs.back().defined()) {
        fail("replay",
             cat("node ", n, " ", node.op.name(), " reads value ", v, " before it is made"));
      }
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const auto v = static_cast<std::size_t>(node.outputs[i]);
      outputs.push_back(values_[v] = make_output(node, i, inputs));
    }
    execute(node.op, inputs, outputs);
  }
}

Tensor Replay::result(const Tensor& original) const {
  for (std::size_t v = graph_.values.size(); v-- > 0;) {
    if (graph_.values[v].tensor_id == original.id()) return values_[v];
  }
  fail("replay",
       cat("the recording does not know tensor ", original.id(), " ", to_string(original.spec())));
}

}  // namespace glassbox::test
