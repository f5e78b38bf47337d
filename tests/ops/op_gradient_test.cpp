// Gradients of every op of the table: finite differences, f32 against f64, threads, the meta
// device, and a test of the test: a gradient that is wrong by a hundredth must be caught.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <map>

#include "engine/autograd/gradcheck.h"
#include "engine/autograd/tape.h"
#include "engine/core/threads.h"
#include "engine/ops/create.h"
#include "engine/ops/pointwise.h"
#include "tests/ops/op_run.h"

namespace glassbox::test {
namespace {

GradcheckOptions options_of(const Sample& sample) {
  GradcheckOptions options;
  options.step = sample.gradcheck_step;
  options.tolerance = sample.gradcheck_tolerance;
  options.differentiable = differentiable_inputs(sample);
  for (const Tensor& x : sample.inputs) {
    if (x.defined() && x.numel() > 400) options.elements = 24;
  }
  return options;
}

TEST_CASE("op table: backward agrees with finite differences") {
  int checks = 0;
  std::int64_t elements = 0;
  double worst = 0;
  for_each_sample([&](const Row&, const Sample& sample) {
    if (!any(differentiable_inputs(sample))) return;
    const GradcheckReport report =
        gradcheck(sample.op, inputs_of(sample, DType::f64), options_of(sample));
    CHECK_MESSAGE(report.ok, cat(report));
    ++checks;
    elements += report.checked;
    worst = std::max(worst, report.error);
  });
  std::printf("op table: %d gradchecks of %lld elements, largest error %.1e\n", checks,
              static_cast<long long>(elements), worst);
}

TEST_CASE("op table: every op with a backward is differentiated, by every input that can be") {
  for (const Row& row : all_rows()) {
    if (!row.samples[0].op.type().backward) continue;
    INFO(row.op);
    std::map<std::size_t, bool> floating;
    for (const Sample& sample : row.samples) {
      const std::vector<bool> wanted = differentiable_inputs(sample);
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i] && sample.inputs[i].numel() > 0) floating[i] = true;
      }
    }
    CHECK_MESSAGE(!floating.empty(), "no sample is differentiated");
  }
}

TEST_CASE("op table: the gradients of each output alone") {
  for_each_sample([](const Row&, const Sample& sample) {
    if (!any(differentiable_inputs(sample))) return;
    const SpecList outputs = sample.op.type().infer(sample.op.get(), specs_of(sample.inputs), true);
    if (outputs.size() < 2) return;
    for (std::size_t only = 0; only < outputs.size(); ++only) {
      if (outputs[only].internal || !is_floating(outputs[only].dtype)) continue;
      INFO("output ", only);
      const TensorFunction f = [&](const Tensors& xs) {
        return Tensors{run_op(sample.op, xs)[only]};
      };
      const GradcheckReport report =
          gradcheck(f, inputs_of(sample, DType::f64), options_of(sample));
      CHECK_MESSAGE(report.ok, cat(report));
    }
  });
}

TEST_CASE("op table: a wanted gradient does not depend on the others") {
  for_each_sample([](const Row&, const Sample& sample) {
    const std::vector<bool> wanted = differentiable_inputs(sample);
    int count = 0;
    for (bool w : wanted) count += w;
    if (count < 2) return;
    const Tensors all = gradients_of(sample, DType::f64);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!wanted[i]) continue;
      Sample alone = sample;
      alone.differentiable.assign(wanted.size(), false);
      alone.differentiable[i] = true;
      const Tensors got = gradients_of(alone, DType::f64);
      INFO("input ", i);
      CHECK(same_bits(got[i], all[i]));
    }
  });
}

TEST_CASE("op table: f32 gradients agree with f64 ones") {
  double worst = 0;
  for_each_sample([&](const Row&, const Sample& sample) {
    if (!sample.f32 || !any(differentiable_inputs(sample))) return;
    const Tensors want = gradients_of(sample, DType::f64);
    const Tensors got = gradients_of(sample, DType::f32);
    for (std::size_t i = 0; i < want.size(); ++i) {
      REQUIRE(want[i].defined() == got[i].defined());
      if (!want[i].defined() || want[i].numel() == 0) continue;
      // As in gradcheck: relative to the largest of the gradient.
      const std::vector<double> a = got[i].to_vector<double>(), b = want[i].to_vector<double>();
      double scale = 1e-3, error = 0;
      for (double v : b) scale = std::max(scale, std::abs(v));
      for (std::size_t k = 0; k < b.size(); ++k) error = std::max(error, std::abs(a[k] - b[k]));
      INFO("input ", i);
      CHECK(error <= sample.tolerance_f32 * scale);
      worst = std::max(worst, error / scale);
    }
  });
  std::printf("op table: largest difference of f32 gradients from f64 ones %.1e\n", worst);
}

TEST_CASE("op table: gradients have the same bits at 1, 2 and 3 threads" *
          doctest::test_suite("slow")) {
  for_each_sample([](const Row&, const Sample& sample, DType dtype) {
    if (!any(differentiable_inputs(sample))) return;
    Tensors want;
    for (int threads : {1, 2, 3}) {
      const NumThreadsScope scope(threads);
      const Tensors got = gradients_of(sample, dtype);
      if (threads == 1) want = got;
      INFO(threads, " threads");
      for (std::size_t i = 0; i < got.size(); ++i) CHECK(same_bits(got[i], want[i]));
    }
  });
}

TEST_CASE("op table: backward on the meta device gives the real shapes") {
  for_each_sample([](const Row&, const Sample& sample) {
    const std::vector<bool> wanted = differentiable_inputs(sample);
    if (!any(wanted)) return;
    Tensors xs = inputs_of(sample, DType::f64, Device::meta());
    for (std::size_t i = 0; i < xs.size(); ++i) {
      if (wanted[i]) xs[i].set_requires_grad();
    }
    const DeviceScope scope(Device::meta());
    const Tensors ys = run_op(sample.op, xs);
    const std::uint64_t before = allocator(Device::cpu()).stats().requests;
    backward(ys[0], empty(ys[0].shape(), ys[0].dtype()));
    CHECK(allocator(Device::cpu()).stats().requests == before);
    for (std::size_t i = 0; i < xs.size(); ++i) {
      if (!wanted[i] || !xs[i].grad().defined()) continue;
      CHECK(xs[i].grad().shape() == xs[i].shape());
      CHECK(xs[i].grad().device() == Device::meta());
    }
  });
}

TEST_CASE("op table: what has no backward says so") {
  int gradients = 0;
  for_each_sample([&](const Row&, const Sample& sample) {
    const OpType& type = sample.op.type();
    if (is_gradient(sample.op)) CHECK((type.backward == nullptr));
    if (type.backward || is_update(sample.op)) return;
    Tensors xs = inputs_of(sample, DType::f64);
    bool leaf = false;
    for (Tensor& x : xs) {
      if (!x.defined() || !is_floating(x.dtype())) continue;
      x.set_requires_grad();
      leaf = true;
    }
    if (!leaf) return;
    for (const Tensor& y : run_op(sample.op, xs)) {
      if (!is_floating(y.dtype())) {
        CHECK_FALSE(y.requires_grad());
        continue;
      }
      std::string message;
      try {
        backward(y, full(y.shape(), 1, y.dtype()));
      } catch (const Error& error) {
        message = error.what();
      }
      CHECK_MESSAGE(message.find(cat(sample.op.name(), " has no derivative")) != message.npos,
                    message);
      if (!is_gradient(sample.op)) continue;
      CHECK_MESSAGE(message.find("second derivatives are not supported") != message.npos, message);
      ++gradients;
    }
  });
  CHECK(gradients > 0);
}

// An op's backward with the gradient of one input scaled, while it lives.
struct Mutation {
  void (*backward)(const void*, const Saved&, Ins, Grads&) = nullptr;
  int input = 0;
} mutation;
class MutationScope {
 public:
  MutationScope(const AnyOp& op, int input) : type_(const_cast<OpType&>(op.type())) {
    mutation = {type_.backward, input};
    type_.backward = [](const void* self, const Saved& saved, Ins dy, Grads& grads) {
      const Mutation now = mutation;
      now.backward(self, saved, dy, grads);
      const Tensor& dx = grads[static_cast<std::size_t>(now.input)];
      if (dx.defined()) grads.set(now.input, dx * 1.01);
    };
  }
  ~MutationScope() { type_.backward = mutation.backward; }

 private:
  OpType& type_;
};

// The samples in turn until one catches it: the first may be empty, or its gradient zero.
TEST_CASE("op table: a gradient that is wrong by a hundredth is caught") {
  const NumThreadsScope one_thread(1);
  int mutations = 0, caught = 0;
  for (const Row& row : all_rows()) {
    std::map<int, bool> by_input;
    for (const Sample& sample : row.samples) {
      const std::vector<bool> wanted = differentiable_inputs(sample);
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        const int input = static_cast<int>(i);
        if (!wanted[i] || by_input[input]) continue;
        const MutationScope scope(sample.op, input);
        GradcheckOptions options = options_of(sample);
        options.differentiable.assign(wanted.size(), false);
        options.differentiable[i] = true;
        by_input[input] = !gradcheck(sample.op, inputs_of(sample, DType::f64), options).ok;
      }
    }
    for (const auto& entry : by_input) {
      INFO(row.op, ", input ", entry.first);
      CHECK(entry.second);
      ++mutations;
      caught += entry.second;
    }
  }
  std::printf("op table: %d of %d mutations caught\n", caught, mutations);
}

}  // namespace
}  // namespace glassbox::test
