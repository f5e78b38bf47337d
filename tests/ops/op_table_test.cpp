// What holds of every op, asked of every row of the table. Gradients are in op_gradient_test.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "engine/autograd/tape.h"
#include "engine/core/threads.h"
#include "engine/graph/recorder.h"
#include "engine/ops/ops.h"
#include "tests/ops/op_run.h"
#include "tests/skip.h"

namespace glassbox::test {
namespace {

// The op's table with kernels that only count, while it lives.
int kernels_run = 0;
class WithoutKernel {
 public:
  explicit WithoutKernel(const AnyOp& op)
      : type_(const_cast<OpType&>(op.type())), run_(type_.run_cpu) {
    kernels_run = 0;
    type_.run_cpu = [](const void*, cpu::Context&, Ins, Outs) { ++kernels_run; };
  }
  ~WithoutKernel() { type_.run_cpu = run_; }

 private:
  OpType& type_;
  void (*run_)(const void*, cpu::Context&, Ins, Outs);
};

void check_specs(const Tensors& got, const SpecList& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(got[i].shape() == want[i].shape);
    CHECK(got[i].dtype() == want[i].dtype);
  }
}

TEST_CASE("op table: every op has one row, in full") {
  std::map<std::string, int> rows;
  int gradients = 0, updates = 0, samples = 0;
  for (const Row& row : all_rows()) {
    INFO(row.op);
    CHECK(++rows[row.op] == 1);
    CHECK(bool(row.reference));
    CHECK_FALSE(row.samples.empty());
    CHECK(row.accepts_anything == row.wrong.empty());
    for (const Sample& s : row.samples) CHECK(s.op.name() == row.op);
    for (const WrongInput& w : row.wrong) CHECK(w.op.name() == row.op);
    samples += static_cast<int>(row.samples.size());
    gradients += is_gradient(row.samples[0].op);
    updates += is_update(row.samples[0].op);
  }
  std::set<std::string> ops;
  ops::for_each_op([&]<class Op>() {
    CHECK_MESSAGE(ops.insert(std::string(Op::name)).second, Op::name, " is in AllOps twice");
    CHECK_MESSAGE(rows.contains(std::string(Op::name)), Op::name, " has no row in tests/ops");
    CHECK_MESSAGE((op_type<Op>().run_cpu || op_type<Op>().device || is_view(any_op(Op{}))),
                  Op::name, " has no CPU kernel");
    CHECK(op_type<Op>().name == Op::name);
    CHECK_FALSE(op_type<Op>().kind.empty());
  });
  for (const Row& row : all_rows())
    CHECK_MESSAGE(ops.contains(row.op), row.op, " is not in AllOps");
  std::printf("op table: %zu ops, of them %d gradients and %d updates; %d samples\n", ops.size(),
              gradients, updates, samples);
}

TEST_CASE("op table: infer says what runs") {
  for_each_sample([](const Row&, const Sample& sample, DType dtype) {
    for (bool grad : {false, true}) {
      const Tensors inputs = inputs_of(sample, dtype);
      const std::vector<bool> wanted = differentiable_inputs(sample);
      if (grad && !any(wanted)) continue;
      for (std::size_t i = 0; grad && i < inputs.size(); ++i) {
        Tensor x = inputs[i];
        if (wanted[i]) x.set_requires_grad();
      }
      const SpecList inferred = sample.op.type().infer(sample.op.get(), specs_of(inputs), grad);
      const Tensors outputs = run_op(sample.op, inputs);
      check_specs(outputs, inferred);
      for (const Spec& spec : inferred) CHECK((grad || !spec.internal));
    }
  });
}

TEST_CASE("op table: agrees with the plain loops in double") {
  std::map<DType, double> worst;
  for_each_sample([&](const Row& row, const Sample& sample, DType dtype) {
    const Sample before = sample_of(sample, dtype, Device::cpu());
    Tensors want;
    {
      const DeviceScope host(Device::cpu());
      want = row.reference(before);
    }
    Tensors inputs = inputs_of(sample, dtype);
    // The outputs that only backward reads are compared too.
    if (any(differentiable_inputs(sample))) {
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (differentiable_inputs(sample)[i]) inputs[i].set_requires_grad();
      }
    }
    const Tensors got = run_op(sample.op, inputs);
    REQUIRE(want.size() <= got.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (!want[i].defined()) continue;
      INFO("output ", i);
      const DType type = got[i].dtype();
      CHECK(is_floating(type) == is_floating(want[i].dtype()));
      if (!is_floating(type)) CHECK(type == want[i].dtype());
      const double error = difference(got[i], want[i]);
      CHECK(error <= tolerance(sample, type));
      worst[type] = std::max(worst[type], error);
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!is_written(sample.op, i)) CHECK(same_bits(inputs[i], before.inputs[i]));
    }
  });
  std::printf("op table: largest difference from the references %.1e in f64, %.1e in f32\n",
              worst[DType::f64], worst[DType::f32]);
}

TEST_CASE("op table: outputs alias inputs only where the op says so") {
  for_each_sample([](const Row&, const Sample& sample) {
    const Tensors inputs = inputs_of(sample, DType::f64);
    std::vector<std::uint64_t> versions;
    for (const Tensor& x : inputs) versions.push_back(x.defined() ? x.storage()->version() : 0);
    const Tensors outputs = run_op(sample.op, inputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const int source = sample.op.alias(static_cast<int>(i));
      for (std::size_t k = 0; k < inputs.size(); ++k) {
        if (!inputs[k].defined()) continue;
        CHECK((outputs[i].storage() == inputs[k].storage()) == (static_cast<int>(k) == source));
        if (is_update(sample.op) && static_cast<int>(k) == source) {
          CHECK(outputs[i].same_as(inputs[k]));
        }
      }
    }
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (!inputs[k].defined()) continue;
      CHECK((inputs[k].storage()->version() > versions[k]) == is_written(sample.op, k));
    }
  });
}

TEST_CASE("op table: the meta device gives the real shapes and runs nothing") {
  for_each_sample([](const Row&, const Sample& sample, DType dtype) {
    const Tensors real = run_op(sample.op, inputs_of(sample, dtype));
    const Tensors inputs = inputs_of(sample, dtype, Device::meta());
    const WithoutKernel without(sample.op);
    const DeviceScope scope(Device::meta());
    const MemoryStats before = allocator(Device::cpu()).stats();
    const Tensors outputs = run_op(sample.op, inputs);
    CHECK(allocator(Device::cpu()).stats().requests == before.requests);
    CHECK(kernels_run == 0);
    REQUIRE(outputs.size() == real.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      CHECK(outputs[i].device() == Device::meta());
      CHECK(outputs[i].shape() == real[i].shape());
      CHECK(outputs[i].dtype() == real[i].dtype());
      CHECK(outputs[i].storage()->data() == nullptr);
    }
  });
}

TEST_CASE("op table: costs") {
  for_each_sample([](const Row& row, const Sample& sample, DType dtype) {
    const Tensors inputs = inputs_of(sample, dtype);
    const SpecVector in = specs_of(inputs);
    const SpecVector out = specs_of(run_op(sample.op, inputs));
    const Cost cost = sample.op.cost(in, out);
    if (is_view(sample.op)) {
      CHECK(cost.flops + static_cast<double>(cost.bytes_read + cost.bytes_written) == 0);
      return;
    }
    Cost want = streaming_cost(0, in, out);
    if (row.bytes) std::tie(want.bytes_read, want.bytes_written) = row.bytes(sample.op, in, out);
    CHECK(cost.bytes_read == want.bytes_read);
    CHECK(cost.bytes_written == want.bytes_written);
    CHECK(cost.flops >= 0);
    CHECK(std::isfinite(cost.flops));
    if (cost.bytes_written > 0) CHECK(cost.flops + static_cast<double>(cost.bytes_read) >= 0);
    bool empty = true;
    for (const Spec& spec : out) empty = empty && spec.numel() == 0;
    if (!empty) CHECK(cost.bytes_written > 0);
    if (!std::isnan(sample.flops)) CHECK(cost.flops == sample.flops);
  });
}

TEST_CASE("op table: every option is off its default in some sample") {
  for (const Row& row : all_rows()) {
    INFO(row.op);
    std::map<std::string, bool> varied;
    for (const Sample& sample : row.samples) {
      const Attrs attrs = sample.op.attrs(specs_of(sample.inputs));
      std::set<std::string> names;
      for (const Attr& attr : attrs) {
        CHECK_FALSE(attr.name.empty());
        CHECK_MESSAGE(names.insert(attr.name).second, "attribute ", attr.name, " twice");
        varied[attr.name] = varied[attr.name] || !attr.is_default;
      }
    }
    for (const auto& option : varied) {
      CHECK_MESSAGE(option.second, "option ", option.first, " is at its default in every sample");
    }
  }
}

TEST_CASE("op table: an op equals itself, and another exactly when all attributes agree") {
  for (const Row& row : all_rows()) {
    for (const Sample& a : row.samples) {
      const SpecVector in = specs_of(a.inputs);
      const AnyOp copy(a.op.type(), a.op.type().copy(a.op.get()));
      CHECK(copy == a.op);
      for (const Sample& b : row.samples) {
        INFO(row.op, ", ", a.label, " and ", b.label);
        CHECK((a.op == b.op) == (a.op.attrs(in) == b.op.attrs(in)));
      }
    }
  }
}

TEST_CASE("op table: wrong inputs are refused with a message that begins with the op") {
  int refused = 0;
  for (const Row& row : all_rows()) {
    for (const WrongInput& wrong : row.wrong) {
      INFO(row.op, ", expecting \"", wrong.message, "\"");
      std::string message;
      try {
        run_op(wrong.op, wrong.inputs);
      } catch (const Error& error) {
        message = error.what();
      }
      CHECK_MESSAGE(message.starts_with(row.op + ": "), message);
      CHECK_MESSAGE(message.find(wrong.message) != std::string::npos, message);
      ++refused;
    }
  }
  std::printf("op table: %d wrong inputs refused\n", refused);
}

TEST_CASE("op table: an undefined operand is refused or really optional") {
  for_each_sample([](const Row& row, const Sample& sample) {
    for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
      Tensors inputs = inputs_of(sample, DType::f64);
      if (!inputs[i].defined()) continue;
      inputs[i] = Tensor();
      INFO("without operand ", i);
      try {
        run_op(sample.op, inputs);
      } catch (const Error& error) {
        const std::string message = error.what();
        CHECK_MESSAGE(message.starts_with(row.op + ": "), message);
      }
    }
  });
}

TEST_CASE("op table: batches of one and of none, odd sizes, and enough for several threads") {
  for (const Row& row : all_rows()) {
    INFO(row.op);
    bool one = false, none = false, odd = false;
    std::int64_t most = 0;
    for (const Sample& sample : row.samples) {
      const Tensors outputs = run_op(sample.op, inputs_of(sample, DType::f64, Device::cpu()));
      std::int64_t elements = 0;
      for (const Tensor& t : sample.inputs) elements += t.defined() ? t.numel() : 0;
      for (const Tensor& t : outputs) elements += t.numel();
      most = std::max(most, elements);
      if (sample.inputs.empty() || !sample.inputs[0].defined()) continue;
      if (sample.inputs[0].dim() == 0) continue;
      const Shape& x = sample.inputs[0].shape();
      one = one || x[0] == 1;
      none = none || x[0] == 0;
      for (std::int64_t size : x) odd = odd || (size > 1 && size % 2 == 1);
    }
    if (row.batched) {
      CHECK_MESSAGE(one, "no sample has a batch of 1");
      CHECK_MESSAGE(none, "no sample has an empty batch");
      CHECK_MESSAGE(odd, "no sample has an odd size");
    }
    CHECK_MESSAGE(most >= row.threads_from, "no sample is large enough for several threads");
  }
}

TEST_CASE("op table: the same bits at 1, 2 and 3 threads" * doctest::test_suite("slow")) {
  for_each_sample([](const Row&, const Sample& sample, DType dtype) {
    Tensors want;
    for (int threads : {1, 2, 3}) {
      const NumThreadsScope scope(threads);
      const Tensors got = run_op(sample.op, inputs_of(sample, dtype));
      if (threads == 1) want = got;
      INFO(threads, " threads");
      for (std::size_t i = 0; i < got.size(); ++i) CHECK(same_bits(got[i], want[i]));
    }
  });
}

TEST_CASE("op table: the recorder sees the op, and executing it again gives the same bits") {
#ifdef GLASSBOX_NO_RECORDER
  return skip("needs the recorder");
#endif
  for_each_sample([](const Row&, const Sample& sample, DType dtype) {
    const Tensors inputs = inputs_of(sample, dtype);
    const Tensors again = inputs_of(sample, dtype);
    GraphRecorder recorder;
    Tensors outputs;
    {
      const RecordScope scope(recorder);
      outputs = run_op(sample.op, inputs);
    }
    const Graph& graph = recorder.graph();
    REQUIRE(graph.nodes.size() == 1);
    const Graph::Node& node = graph.nodes[0];
    CHECK(node.op == sample.op);
    CHECK(node.inputs.size() == inputs.size());
    REQUIRE(node.outputs.size() == outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto& value = graph.values[static_cast<std::size_t>(node.outputs[i])];
      CHECK(value.tensor_id == outputs[i].id());
      CHECK(value.spec.shape == outputs[i].shape());
      CHECK((value.alias_of >= 0) == (sample.op.alias(static_cast<int>(i)) >= 0));
    }
    if (is_view(sample.op)) return;  // there is nothing to execute
    Tensors replayed;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const int source = sample.op.alias(static_cast<int>(i));
      replayed.push_back(source >= 0 ? again[static_cast<std::size_t>(source)]
                                     : empty(outputs[i].shape(), outputs[i].dtype()));
    }
    execute(node.op, again, replayed);
    for (std::size_t i = 0; i < outputs.size(); ++i) CHECK(same_bits(replayed[i], outputs[i]));
  });
}

}  // namespace
}  // namespace glassbox::test
