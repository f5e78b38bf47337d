// The recording: nodes, values and calls. That it can be done again is in replay_test.cpp.
#include "engine/graph/recorder.h"

#include <doctest/doctest.h>

#include <thread>

#include "engine/autograd/tape.h"
#include "engine/ops/create.h"
#include "engine/ops/optim.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/update.h"
#include "tests/fake_module.h"
#include "tests/ops/op_table.h"
#include "tests/skip.h"

namespace glassbox::test {
namespace {

using Indices = std::vector<int>;
using Names = std::vector<std::string>;

template <class F>
Graph record(const F& f) {
  GraphRecorder recorder;
  const RecordScope scope(recorder);
  f();
  return recorder.take();
}

Names op_names(const Graph& graph) {
  Names names;
  for (const Graph::Node& node : graph.nodes) names.emplace_back(node.op.name());
  return names;
}

const Graph::Value& value(const Graph& graph, int v) {
  return graph.values.at(static_cast<std::size_t>(v));
}

// x -> relu(x * w)
FakeModule scale_module(const Tensor& w) {
  FakeModule m("Scale",
               [](FakeModule& self, const Tensor& x) { return relu(x * self.tensors[0].tensor); });
  m.tensors = {{"w", w}};
  return m;
}

#ifdef GLASSBOX_NO_RECORDER
TEST_CASE("recorder: is left out") { skip("needs the recorder (built with GLASSBOX_NO_RECORDER)"); }
#else

TEST_CASE("recorder: ops and values, in order") {
  const Tensor x = values({2, 3}, 1), w = values({3}, 2);
  Tensor y, z;
  const Graph graph = record([&] {
    y = x * w;
    z = y + y;
  });
  CHECK(op_names(graph) == Names{"mul", "add"});
  REQUIRE(graph.values.size() == 4);
  CHECK(graph.nodes[0].inputs == Indices{0, 1});
  CHECK(graph.nodes[0].outputs == Indices{2});
  CHECK(graph.nodes[1].inputs == Indices{2, 2});
  CHECK(graph.values[0].external.same_as(x));
  CHECK(graph.values[0].role == Role::input);
  CHECK(graph.values[0].producer == -1);
  CHECK(graph.values[2].tensor_id == y.id());
  CHECK(graph.values[2].role == Role::activation);
  CHECK(graph.values[2].producer == 0);
  CHECK_FALSE(graph.values[2].external.defined());
  CHECK(graph.values[2].readers == Indices{1});  // once, though read twice
  CHECK(graph.values[3].readers.empty());
  CHECK(graph.values[3].spec.shape == Shape{2, 3});
  CHECK(graph.nodes[0].cost.flops == 6);
  CHECK(graph.nodes[0].cost.bytes_read == 8 * (6 + 3));
  CHECK(graph.total_cost(Phase::forward).flops == 12);
  CHECK(graph.total_cost(Phase::backward).flops == 0);
  CHECK(graph.in_specs(graph.nodes[0])[1].shape == Shape{3});
  CHECK(graph.out_specs(graph.nodes[1])[0].dtype == DType::f64);
  CHECK(graph.name.empty());
}

TEST_CASE("recorder: an absent operand keeps its place") {
  const Graph graph =
      record([] { apply(ops::PointwiseGrad<ops::Relu>{}, values({2}), Tensor(), values({2}, 1)); });
  CHECK(graph.nodes[0].inputs == Indices{0, -1, 1});
  CHECK_FALSE(graph.in_specs(graph.nodes[0])[1].defined);
}

TEST_CASE("recorder: phases, roles and the forward node of a gradient") {
  Tensor x = values({3});
  Tensor w = values({3}, 1).set_requires_grad();
  Tensor state = from<double>({0.1, 0, 0, 0, 0, 0, 0, 0, 0}, {9});
  const Graph graph = record([&] {
    const Tensor y = exp(x * w);
    sum(y).backward();
    const NoGrad no_grad;
    const PhaseScope phase(Phase::update);
    apply(ops::Sgd{}, state, w, w.grad());
  });
  CHECK(op_names(graph) ==
        Names{"mul", "exp", "sum", "full", "reshape", "expand", "exp_grad", "mul", "copy", "sgd"});
  const Phase phases[] = {Phase::forward,  Phase::forward,  Phase::forward,  Phase::backward,
                          Phase::backward, Phase::backward, Phase::backward, Phase::backward,
                          Phase::backward, Phase::update};
  const int forward_nodes[] = {-1, -1, -1, -1, 2, 2, 1, 0, 0, -1};
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    INFO("node ", n);
    CHECK(graph.nodes[n].phase == phases[n]);
    CHECK(graph.nodes[n].forward_node == forward_nodes[n]);
  }
  CHECK(value(graph, graph.nodes[1].outputs[0]).role == Role::activation);
  CHECK(value(graph, graph.nodes[8].outputs[0]).role == Role::gradient);
  // The update's outputs are the written tensors anew: the parameter keeps its role.
  const Graph::Node& sgd = graph.nodes[9];
  CHECK(sgd.outputs.size() == 2);
  CHECK(value(graph, sgd.outputs[0]).alias_of == sgd.inputs[0]);
  CHECK(value(graph, sgd.outputs[1]).alias_of == sgd.inputs[1]);
  CHECK(value(graph, sgd.outputs[1]).tensor_id == w.id());
  CHECK(value(graph, sgd.inputs[0]).role == Role::state);
  CHECK(value(graph, sgd.inputs[1]).role == Role::parameter);
  CHECK(current_phase().phase == Phase::forward);
}

TEST_CASE("recorder: memory from outside that backward writes is a gradient") {
  Tensor w = values({3}).set_requires_grad();
  const Tensor buffer = empty({3}, DType::f64);
  set_grad_buffer(w, buffer);
  const Graph graph = record([&] { sum(w * w).backward(); });
  const Graph::Node& last = graph.nodes.back();
  CHECK(last.op.name() == "add_to");
  const Graph::Node& first = graph.nodes[graph.nodes.size() - 2];
  CHECK(first.op.name() == "assign");
  CHECK(value(graph, first.inputs[0]).tensor_id == buffer.id());
  CHECK(value(graph, first.inputs[0]).role == Role::gradient);
  CHECK(value(graph, first.outputs[0]).role == Role::gradient);
  CHECK(last.inputs[0] == first.outputs[0]);
}

TEST_CASE("recorder: views alias what they are views of") {
  const Tensor x = values({4, 6});
  const Graph graph = record([&] {
    const Tensor row = x[1];
    const Tensor grid = row.reshape({2, 3});
    relu(grid);
  });
  CHECK(op_names(graph) == Names{"select", "reshape", "relu"});
  const int row = graph.nodes[0].outputs[0], grid = graph.nodes[1].outputs[0];
  CHECK(value(graph, row).alias_of == graph.nodes[0].inputs[0]);
  CHECK(value(graph, grid).alias_of == row);
  CHECK(value(graph, graph.nodes[2].outputs[0]).alias_of == -1);
}

TEST_CASE("recorder: events of backward name the forward op") {
  struct Watcher final : Recorder {
    std::vector<int> backwards;
    int ops = 0;
    void on_enter(Scoped&, Ins) override {}
    void on_leave(Scoped&, Ins, bool) override {}
    int on_op(const OpType&, const void*, Ins, Ins) override { return ops++; }
    void on_backward(int node) override { backwards.push_back(node); }
  } watcher;
  Tensor x = values({}).set_requires_grad();
  {
    const Tensor unwatched = x * 2.0;
    const RecordScope scope(watcher);
    exp(sin(unwatched)).backward();
  }
  CHECK(watcher.backwards == Indices{1, 0, -1});
}

TEST_CASE("recorder: it is the thread's, and scopes nest") {
  CHECK(current_recorder() == nullptr);
  const Tensor x = values({2});
  GraphRecorder recorder;
  {
    const RecordScope scope(recorder);
    relu(x);
    {
      const RecordScope pause(nullptr);
      exp(x);
    }
    std::thread([&] { sin(x); }).join();
    cos(x);
  }
  tanh(x);
  CHECK(op_names(recorder.graph()) == Names{"relu", "cos"});
}

TEST_CASE("recorder: calls, with paths, repeats and the order of completion") {
  FakeModule a = scale_module(values({3}, 1)), b = scale_module(values({3}, 2));
  FakeModule inner("Inner", [&](FakeModule&, const Tensor& x) { return b(a(x)); });
  inner.children = {{"a", &a}, {"b", &b}};
  FakeModule net("Net", [&](FakeModule& self, const Tensor& x) {
    return a(inner(x)) + self.tensors[0].tensor;
  });
  net.children = {{"body", &inner}, {"again", &a}};  // a has two paths; the first counts
  net.tensors = {{"shift", values({3}, 3)}, {"mean", values({3}, 4), false}};
  net.training = true;
  const Tensor x = values({2, 3});
  Tensor y;
  const Graph graph = record([&] { y = net(x); });

  CHECK(graph.name == "Net");
  Names paths, types;
  for (const Graph::Call& call : graph.calls) {
    paths.push_back(call.path);
    types.push_back(call.type);
    CHECK(call.completed);
  }
  CHECK(paths == Names{"", "body", "body.a", "body.b", "body.a"});
  CHECK(types == Names{"Net", "Inner", "Scale", "Scale", "Scale"});
  CHECK(graph.completion == Indices{2, 3, 1, 4, 0});
  CHECK(graph.calls[1].parent == 0);
  CHECK(graph.calls[2].parent == 1);
  CHECK(graph.calls[4].parent == 0);
  CHECK(graph.calls[2].repeat == 0);
  CHECK(graph.calls[4].repeat == 1);
  CHECK(graph.calls[0].training);
  CHECK_FALSE(graph.calls[1].training);
  CHECK(graph.calls[0].first_node == 0);
  CHECK(graph.calls[0].last_node == 7);
  CHECK(graph.calls[3].first_node == 2);
  CHECK(graph.calls[3].last_node == 4);
  CHECK(graph.calls[1].last_node == 4);
  CHECK(graph.nodes[6].call == 0);
  CHECK(graph.nodes[5].call == 4);
  // What flows: the root's input and output, and between the calls.
  REQUIRE(graph.inputs.size() == 1);
  CHECK(value(graph, graph.inputs[0]).tensor_id == x.id());
  CHECK(graph.inputs == graph.calls[0].inputs);
  CHECK(value(graph, graph.outputs[0]).tensor_id == y.id());
  CHECK(graph.calls[3].inputs == graph.calls[2].outputs);
  // Tensors by name and role; a call lists its own.
  CHECK(value(graph, graph.calls[2].tensors[0]).name == "body.a.w");
  CHECK(value(graph, graph.calls[2].tensors[0]).role == Role::parameter);
  CHECK(graph.calls[2].tensors == graph.calls[4].tensors);
  REQUIRE(graph.calls[0].tensors.size() == 2);
  CHECK(value(graph, graph.calls[0].tensors[0]).name == "shift");
  CHECK(value(graph, graph.calls[0].tensors[1]).role == Role::buffer);
  CHECK(graph.calls[1].tensors.empty());
  CHECK(graph.node_names() == Names{"body.a/mul", "body.a/relu", "body.b/mul", "body.b/relu",
                                    "body.a/mul#2", "body.a/relu#2", "add"});
}

TEST_CASE("recorder: gradients belong to the call whose op they differentiate") {
  Tensor w = values({3}).set_requires_grad();
  FakeModule scale = scale_module(w);
  FakeModule net("Net", [&](FakeModule&, const Tensor& x) { return scale(x); });
  net.children = {{"scale", &scale}};
  const Graph graph = record([&] { sum(net(values({2, 3}, 5))).backward(); });
  int inside = 0;
  for (const Graph::Node& node : graph.nodes) {
    if (node.phase != Phase::backward || node.forward_node < 0) continue;
    const Graph::Node& forward = graph.nodes[static_cast<std::size_t>(node.forward_node)];
    CHECK(node.call == forward.call);
    inside += node.call == 1;
  }
  CHECK(inside >= 2);
}

TEST_CASE("recorder: a module that nobody lists is named after its caller") {
  FakeModule helper = scale_module(values({3}));
  FakeModule net("Net", [&](FakeModule&, const Tensor& x) { return helper(x); });
  FakeModule outer("Outer", [&](FakeModule&, const Tensor& x) { return net(x); });
  outer.children = {{"net", &net}};
  const Graph graph = record([&] { outer(values({2, 3})); });
  CHECK(graph.calls[2].path == "net.(Scale)");
  CHECK(graph.calls[2].tensors.size() == 1);
}

TEST_CASE("recorder: tied tensors keep their first name, state is named from outside") {
  const Tensor w = values({3});
  FakeModule a = scale_module(w), b = scale_module(w);
  FakeModule net("Net", [&](FakeModule&, const Tensor& x) { return b(a(x)); });
  net.children = {{"a", &a}, {"b", &b}};
  GraphRecorder recorder;
  const Tensor seed = integers({2});
  recorder.name_value(seed, "generator", Role::state);
  {
    const RecordScope scope(recorder);
    net(values({3}, 1) + seed.to(DType::f64).sum());
  }
  const Graph& graph = recorder.graph();
  CHECK(graph.calls[1].tensors == graph.calls[2].tensors);
  CHECK(value(graph, graph.calls[2].tensors[0]).name == "a.w");
  CHECK(graph.values[0].name == "generator");
  CHECK(graph.values[0].role == Role::state);
  CHECK(graph.nodes[0].inputs == Indices{0});
}

TEST_CASE("recorder: a refusal is recorded with its operands and its call") {
  FakeModule bad("Bad", [](FakeModule&, const Tensor& x) { return x + values({7}); });
  FakeModule net("Net", [&](FakeModule&, const Tensor& x) { return bad(relu(x)); });
  net.children = {{"bad", &bad}};
  GraphRecorder recorder;
  std::string message;
  {
    const RecordScope scope(recorder);
    try {
      net(values({3}));
    } catch (const Error& error) {
      message = error.what();
    }
  }
  const Graph& graph = recorder.graph();
  CHECK(message ==
        "add: shapes [3] and [7] do not broadcast: 3 against 7 in dimension 0 in Net.bad");
  REQUIRE(recorder.failures().size() == 1);
  const GraphRecorder::Failure& failure = recorder.failures()[0];
  CHECK(failure.op == "add");
  CHECK(failure.message == message);
  CHECK(failure.call == 1);
  REQUIRE(failure.inputs.size() == 2);
  CHECK(failure.inputs[0] == graph.nodes[0].outputs[0]);
  CHECK(value(graph, failure.inputs[1]).spec.shape == Shape{7});
  CHECK(op_names(graph) == Names{"relu"});
  CHECK_FALSE(graph.calls[0].completed);
  CHECK_FALSE(graph.calls[1].completed);
  CHECK(graph.completion.empty());
  CHECK(graph.outputs.empty());
  // The next call is a root again.
  {
    const RecordScope scope(recorder);
    FakeModule good("Good", [](FakeModule&, const Tensor& x) { return relu(x); });
    good(values({3}));
  }
  CHECK(recorder.graph().calls.back().parent == -1);
}

TEST_CASE("recorder: on the meta device the recording is the same") {
  const auto f = [](const Tensor& x, const Tensor& w) {
    return [x, w] {
      Tensor leaf = w;
      leaf.set_requires_grad();
      sum(gelu(x * leaf).reshape({-1})).backward();
    };
  };
  const Tensor x = values({4, 3}), w = values({3}, 1);
  const Graph real = record(f(x, w));
  const DeviceScope scope(Device::meta());
  const Graph dry = record(f(x.to(Device::meta()), w.to(Device::meta())));
  REQUIRE(real.nodes.size() == dry.nodes.size());
  for (std::size_t n = 0; n < real.nodes.size(); ++n) {
    CHECK(real.nodes[n].op == dry.nodes[n].op);
    CHECK(real.nodes[n].inputs == dry.nodes[n].inputs);
    CHECK(real.nodes[n].outputs == dry.nodes[n].outputs);
    CHECK(real.nodes[n].cost.flops == dry.nodes[n].cost.flops);
  }
}

#endif

}  // namespace
}  // namespace glassbox::test
