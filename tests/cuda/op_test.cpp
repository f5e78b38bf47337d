// Every op of the table on the CUDA device, against the CPU: outputs and gradients, in each type.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>

#include "engine/autograd/tape.h"
#include "engine/ops/ops.h"
#include "tests/cuda/cuda_device.h"
#include "tests/ops/op_run.h"

namespace glassbox::test {
namespace {

constexpr DType types[] = {DType::f64, DType::f32, DType::f16, DType::bf16};

bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// The sample's inputs in a type, as the CPU can compute with them: what is rounded to a half is
// widened again.
Tensors host_inputs(const Sample& sample, DType dtype) {
  Tensors inputs = inputs_of(sample, is_half(dtype) ? DType::f32 : dtype);
  if (!is_half(dtype)) return inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Tensor& x = inputs[i];
    if (x.defined() && x.dtype() == DType::f32) x = x.to(dtype).to(DType::f32);
  }
  return inputs;
}

// The class weights of a loss are f32 beside scores of any type.
bool keeps_f32(const Row& row, std::size_t input) {
  if (row.op == "cross_entropy_grad") return input == 3;
  return input == 2 && (row.op.starts_with("nll_loss") || row.op == "cross_entropy");
}

Tensors on_cuda(const Row& row, const Tensors& host, DType dtype) {
  Tensors inputs;
  for (std::size_t i = 0; i < host.size(); ++i) {
    const Tensor& x = host[i];
    if (!x.defined()) {
      inputs.push_back(x);
    } else if (is_half(dtype) && x.dtype() == DType::f32 && !keeps_f32(row, i)) {
      inputs.push_back(x.to(dtype).to(cuda_device()));
    } else {
      inputs.push_back(x.clone().to(cuda_device()));
    }
  }
  return inputs;
}

// What a kernel refuses, and says so: a type, and what only a host that waits could do.
bool is_refusal(const std::string& message) {
  return message.find("CUDA computes") != message.npos ||
         message.find("error_if_nonfinite would make the host wait") != message.npos;
}

// Ops whose names begin with a word of GLASSBOX_TEST_OPS, "softmax,conv"; all without it.
bool is_selected(const std::string& op) {
  const char* const words = std::getenv("GLASSBOX_TEST_OPS");
  if (!words) return true;
  std::istringstream list{std::string(words)};
  for (std::string word; std::getline(list, word, ',');) {
    if (op.starts_with(word)) return true;
  }
  return false;
}

TEST_CASE("cuda: every op agrees with the CPU") {
  if (!have_cuda()) return;
  std::map<DType, double> worst;
  std::map<DType, int> compared;
  std::map<std::string, std::string> without;
  for_each_sample([&](const Row& row, const Sample& sample) {
    if (is_view(sample.op) || sample.op.type().device || !is_selected(row.op)) return;
    for (const DType dtype : types) {
      if (dtype != DType::f64 && !sample.f32) continue;
      INFO("as ", name_of(dtype));
      const Tensors host = host_inputs(sample, dtype);
      const Tensors inputs = on_cuda(row, host, dtype);
      Tensors got;
      try {
        const DeviceScope scope(cuda_device());
        got = run_op(sample.op, inputs);
        cuda::synchronize();
      } catch (const Error& error) {
        if (!is_refusal(error.what())) throw;
        without[row.op] = error.what();
        continue;
      }
      const Tensors want = run_op(sample.op, host);
      REQUIRE(got.size() == want.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        INFO("output ", i);
        CHECK(got[i].device() == cuda_device());
        const double error = difference(got[i], want[i]);
        const double allowed = std::max(tolerance(sample, got[i].dtype()),
                                        is_half(dtype) ? 2 * tolerance(sample, dtype) : 0);
        CHECK(error <= allowed);
        worst[dtype] = std::max(worst[dtype], error);
      }
      ++compared[dtype];
    }
  });
  for (const auto& [op, why] : without) std::printf("cuda: %s\n", why.c_str());
  for (const DType dtype : types) {
    std::printf("cuda: %d samples in %s, largest difference %.1e\n", compared[dtype],
                std::string(name_of(dtype)).c_str(), worst[dtype]);
  }
}

TEST_CASE("cuda: gradients of every op agree with the CPU's") {
  if (!have_cuda()) return;
  int compared = 0;
  double worst = 0;
  for_each_sample([&](const Row& row, const Sample& sample) {
    if (!any(differentiable_inputs(sample)) || !is_selected(row.op)) return;
    for (const DType dtype : {DType::f64, DType::f32}) {
      if (dtype == DType::f32 && !sample.f32) continue;
      INFO("as ", name_of(dtype));
      const Tensors want = gradients_of(sample, dtype, -1, Device::cpu());
      const Tensors got = gradients_of(sample, dtype, -1, cuda_device());
      for (std::size_t i = 0; i < want.size(); ++i) {
        INFO("input ", i);
        REQUIRE(got[i].defined() == want[i].defined());
        if (!want[i].defined()) continue;
        CHECK(got[i].device() == cuda_device());
        // Relative to the gradient's largest element, as in the op table's own comparison.
        const std::vector<double> a = got[i].to_vector<double>(), b = want[i].to_vector<double>();
        double scale = 1, error = 0;
        for (const double v : b) scale = std::max(scale, std::abs(v));
        for (std::size_t k = 0; k < b.size(); ++k) error = std::max(error, std::abs(a[k] - b[k]));
        CHECK(error <= 2 * tolerance(sample, dtype) * scale);
        worst = std::max(worst, error / scale);
        ++compared;
      }
    }
  });
  std::printf("cuda: %d gradients, largest difference %.1e of the largest element\n", compared,
              worst);
}

}  // namespace
}  // namespace glassbox::test
