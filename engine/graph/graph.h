// Graph: what a recording holds. Nodes are the ops that ran, in order; values are what they read
// and wrote; calls are the modules' forward calls around them. The summary, the drawn graph and the
// compiled plan are views of this one structure. Indices are into the vectors; -1 means none.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/scope.h"
#include "engine/op.h"

namespace glassbox {

enum class Phase : std::uint8_t { forward, backward, update };
std::string_view name_of(Phase phase);

enum class Role : std::uint8_t {
  input,       // given to the recorded function from outside
  parameter,   // a listed parameter of the recorded module
  buffer,      // a listed buffer
  state,       // optimizer or generator state
  activation,  // made by a forward op
  gradient,    // made by a backward op
};
std::string_view name_of(Role role);

struct Graph {
  struct Value {
    Spec spec;
    Role role = Role::activation;
    std::string name;   // "features.0.weight"; empty for what ops made
    int producer = -1;  // node; -1: from outside
    int output = 0;     // which output of the producer
    int alias_of = -1;  // value whose memory this one is (views, updates)
    std::uint64_t tensor_id = 0;
    Tensor external;           // held only when it came from outside
    std::vector<int> readers;  // nodes, in order, once each
  };
  struct Node {
    AnyOp op;
    std::vector<int> inputs, outputs;  // values; -1 for an absent optional input
    Phase phase = Phase::forward;
    int call = -1;          // innermost module call
    int forward_node = -1;  // for a backward node, the forward node whose gradient it computes
    Cost cost;
  };
  struct Call {
    std::string type;                // "Conv2d"
    std::string path;                // "features.0"; "" for the root
    const Scoped* module = nullptr;  // identity only: it may be gone
    int parent = -1;
    int repeat = 0;  // 0 for the first call of this module, 1 for the second, ...
    bool training = false;
    bool completed = false;                     // false when an exception left it
    std::vector<int> inputs, outputs, tensors;  // values; `tensors`: own parameters and buffers
    int first_node = 0, last_node = 0;          // nodes [first, last) ran inside
  };

  std::string name;  // type of the root module, "" when none was entered
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<Call> calls;           // in order of entry
  std::vector<int> completion;       // calls, in order of completion
  std::vector<int> inputs, outputs;  // values of the root call

  SmallVector<Spec, 4> in_specs(const Node& node) const;
  SmallVector<Spec, 4> out_specs(const Node& node) const;
  // "features.0/conv2d": module path and op name; "#2" and so on keeps it unique.
  std::vector<std::string> node_names() const;
  Cost total_cost(Phase phase) const;
};

}  // namespace glassbox
