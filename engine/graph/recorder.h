// Recorder: watches ops run. `apply`, modules and the tape report to the recorder of their thread,
// if there is one; not recording costs one thread-local load per op.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/core/scope.h"
#include "engine/graph/graph.h"

namespace glassbox {

class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual void on_enter(Scoped& module, Ins inputs) = 0;
  virtual void on_leave(Scoped& module, Ins outputs, bool completed) = 0;
  // An op has accepted its inputs; its memory is taken next.
  virtual void on_begin(const OpType& /*type*/) {}
  // Returns a number for the op that on_backward and Phase::backward ops refer to, or -1.
  virtual int on_op(const OpType& type, const void* op, Ins in, Ins out) = 0;
  // An op refused its inputs with `message`; the exception follows.
  virtual void on_error(const OpType& /*type*/, const void* /*op*/, Ins /*in*/,
                        std::string_view /*message*/) {}
  // The tape keeps `tensor` until the gradient of op number `node` has been computed.
  virtual void on_saved(int /*node*/, const Tensor& /*tensor*/) {}
  // The gradient of op number `forward_node` is about to be computed (-1: of an unrecorded op).
  virtual void on_backward(int /*forward_node*/) {}
};

#ifdef GLASSBOX_NO_RECORDER
inline Recorder* current_recorder() { return nullptr; }
#else
namespace detail {
extern thread_local constinit Recorder* recorder;
}
inline Recorder* current_recorder() { return detail::recorder; }
#endif

// Makes `recorder` the one of this thread while it lives; null stops recording for a while.
class RecordScope {
 public:
  explicit RecordScope(Recorder* recorder);
  explicit RecordScope(Recorder& recorder) : RecordScope(&recorder) {}
  ~RecordScope();
  RecordScope(const RecordScope&) = delete;
  RecordScope& operator=(const RecordScope&) = delete;

 private:
  Recorder* previous_;
};

// Which phase ops on this thread belong to, and the forward node that backward is at.
struct PhaseState {
  Phase phase = Phase::forward;
  int forward_node = -1;
};
PhaseState current_phase();
class PhaseScope {
 public:
  explicit PhaseScope(Phase phase, int forward_node = -1);
  ~PhaseScope();
  PhaseScope(const PhaseScope&) = delete;
  PhaseScope& operator=(const PhaseScope&) = delete;

 private:
  PhaseState previous_;
};

// Builds a Graph from the events. Not thread-safe: one thread at a time.
class GraphRecorder final : public Recorder {
 public:
  void on_enter(Scoped& module, Ins inputs) override;
  void on_leave(Scoped& module, Ins outputs, bool completed) override;
  int on_op(const OpType& type, const void* op, Ins in, Ins out) override;
  void on_error(const OpType& type, const void* op, Ins in, std::string_view message) override;

  // Names a tensor from outside (optimizer state, a model's input) before ops use it.
  void name_value(const Tensor& tensor, std::string name, Role role);

  const Graph& graph() const { return graph_; }
  Graph take() { return std::move(graph_); }
  // Set when an op refused its inputs: its name and message, its operands as values.
  struct Failure {
    std::string op, message;
    std::vector<int> inputs;
    int call = -1;
    std::string kind;
  };
  const std::vector<Failure>& failures() const { return failures_; }

 private:
  int value_of(const Tensor& tensor);
  int new_value(const Tensor& tensor, Role role);
  void register_tensors(Scoped& root);

  Graph graph_;
  std::vector<Failure> failures_;
  std::unordered_map<std::uint64_t, int> by_tensor_;  // tensor id -> latest value
  std::unordered_map<const Scoped*, int> repeats_;
  std::unordered_map<const Scoped*, std::string> paths_;
  std::vector<int> open_;  // calls
};

}  // namespace glassbox
