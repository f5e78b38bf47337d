// Replay: records what a function does and does it again from the recording alone, node by node, on
// memory of its own. Everything that the recorded ops made is NaN until a replayed op writes it, so
// a value that escaped the recorder shows.
//
//   Replay replay(state);             // what the step writes: parameters, moments, the generator
//   replay.record([&] { step(); });
//   replay.run();
//   CHECK(same_bits(replay.result(loss), loss));
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "engine/graph/recorder.h"

namespace glassbox::test {

class Replay {
 public:
  // Copies `state` as it is now, before the function writes it. Undefined tensors are left out.
  explicit Replay(const Tensors& state);

  void record(const std::function<void()>& f);
  // For a recorder that was installed elsewhere.
  void set_graph(Graph graph) { graph_ = std::move(graph); }
  const Graph& graph() const { return graph_; }

  // Runs every node. Memory from outside that the recording writes and the constructor was not
  // given begins as NaN too. Throws Error for a value that is read before a node makes it.
  void run();

  // What stands in the replay for a tensor of the recorded run, after its last write. Throws Error
  // for a tensor that the recording does not know.
  Tensor result(const Tensor& original) const;

 private:
  void find_written();
  std::shared_ptr<Storage> replayed_storage(const Tensor& external);
  Tensor make_output(const Graph::Node& node, std::size_t output, const Tensors& inputs);

  Graph graph_;
  std::map<const Storage*, std::shared_ptr<Storage>> before_;  // copies of the state
  std::map<const Storage*, std::shared_ptr<Storage>> own_;     // by the recorded run's storage
  std::set<const Storage*> written_;                           // from outside, by the recorded run
  Tensors kept_;    // holds the recorded run's storages, so that none is freed and used again
  Tensors values_;  // by value of the graph
};

}  // namespace glassbox::test
