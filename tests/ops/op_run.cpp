#include "tests/ops/op_run.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "engine/autograd/tape.h"
#include "engine/core/threads.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/reduce.h"
#include "tests/cuda/cuda_device.h"

namespace glassbox::test {

Device test_device() {
  static const Device device = [] {
    const char* const wanted = std::getenv("GLASSBOX_TEST_DEVICE");
    if (!wanted || std::string_view(wanted) == "cpu") return Device::cpu();
    if (!have_cuda()) fail("GLASSBOX_TEST_DEVICE", cuda::why_not());
    return Device(wanted);
  }();
  return device;
}

SpecVector specs_of(const Tensors& tensors) {
  SpecVector specs;
  for (const Tensor& t : tensors) specs.push_back(t.defined() ? t.spec() : Spec::undefined());
  return specs;
}

Tensors inputs_of(const Sample& sample, DType dtype, Device device) {
  const NoGrad no_grad;
  Tensors inputs;
  for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
    const Tensor& x = sample.inputs[i];
    const bool keep = i < sample.keeps_f64.size() && sample.keeps_f64[i];
    if (!x.defined()) {
      inputs.push_back(x);
    } else if (x.dtype() == DType::f64 && dtype != DType::f64 && !keep) {
      inputs.push_back(x.to(dtype).to(device));
    } else {
      inputs.push_back(x.clone().to(device));
    }
  }
  return inputs;
}

Sample sample_of(const Sample& sample, DType dtype, Device device) {
  Sample copy = sample;
  copy.inputs = inputs_of(sample, dtype, device);
  return copy;
}

Tensors run_op(const AnyOp& op, const Tensors& inputs) {
  const TensorList outputs = apply_op(op.type(), op.get(), inputs);
  return Tensors(outputs.begin(), outputs.end());
}

bool is_view(const AnyOp& op) { return op.type().alias && !op.type().writes; }
bool is_update(const AnyOp& op) { return op.type().writes; }
bool is_gradient(const AnyOp& op) {
  return op.name().find("_grad") != std::string_view::npos && !is_update(op);  // clip_grad_norm
}

bool is_written(const AnyOp& op, std::size_t input) {
  if (!is_update(op)) return false;
  for (int output = 0; output < 64; ++output) {
    if (op.alias(output) == static_cast<int>(input)) return true;
  }
  return false;
}

bool allocates_nothing(const Tensors& tensors) {
  for (const Tensor& t : tensors) {
    if (t.defined() && t.numel() > 0) return false;
  }
  return true;
}

std::vector<bool> differentiable_inputs(const Sample& sample) {
  std::vector<bool> wanted(sample.inputs.size(), false);
  if (!sample.op.type().backward) return wanted;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Tensor& x = sample.inputs[i];
    wanted[i] = sample.differentiable.empty()
                    ? x.defined() && is_floating(x.dtype())
                    : i < sample.differentiable.size() && sample.differentiable[i];
  }
  return wanted;
}

bool any(const std::vector<bool>& flags) {
  for (bool flag : flags) {
    if (flag) return true;
  }
  return false;
}

Tensors gradients_of(const Sample& sample, DType dtype, int only, Device device) {
  const DeviceScope scope(device);
  const Sample s = sample_of(sample, dtype, device);
  const std::vector<bool> wanted = differentiable_inputs(s);
  Tensors xs = s.inputs;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (wanted[i]) xs[i].set_requires_grad();
  }
  const SpecList specs = s.op.type().infer(s.op.get(), specs_of(xs), true);
  const Tensors ys = run_op(s.op, xs);
  Tensor total;
  for (std::size_t i = 0; i < ys.size(); ++i) {
    if (!ys[i].requires_grad() || specs[i].internal) continue;
    if (only >= 0 && static_cast<int>(i) != only) continue;
    const Tensor weights = values(ys[i].shape(), 1000 + i).to(ys[i].dtype()).to(ys[i].device());
    const Tensor weighted = sum(ys[i] * weights);
    total = total.defined() ? total + weighted : weighted;
  }
  if (total.defined()) total.backward();
  Tensors gradients;
  for (const Tensor& x : xs) gradients.push_back(x.defined() ? x.grad() : x);
  return gradients;
}

double difference(const Tensor& got, const Tensor& want) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (got.shape() != want.shape()) return infinity;
  const std::vector<double> a = got.to_vector<double>(), b = want.to_vector<double>();
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double error = std::abs(a[i] - b[i]) / std::max(1.0, std::abs(b[i]));
    worst = std::max(worst, std::isfinite(error) ? error : infinity);
  }
  return worst;
}

bool same_bits(const Tensor& first, const Tensor& second) {
  if (first.defined() != second.defined()) return false;
  if (!first.defined()) return true;
  if (first.shape() != second.shape() || first.dtype() != second.dtype()) return false;
  const Tensor a = first.detach().to(Device::cpu()), b = second.detach().to(Device::cpu());
  return a.numel() == 0 || std::memcmp(a.raw(), b.raw(), a.spec().bytes()) == 0;
}

double tolerance(const Sample& sample, DType dtype) {
  switch (dtype) {
    case DType::f64:
      return sample.tolerance_f64;
    case DType::f32:
      return sample.tolerance_f32;
    case DType::f16:
      return 1e-3;
    case DType::bf16:
      return 1e-2;
    default:
      return 0;
  }
}

void for_each_sample(const std::function<void(const Row&, const Sample&)>& f) {
  const NumThreadsScope one_thread(1);
  const DeviceScope scope(test_device());
  for (const Row& row : all_rows()) {
    for (const Sample& sample : row.samples) {
      INFO(row.op, ", ", sample.label);
      try {
        f(row, sample);
      } catch (const Error& error) {
        // The one call that only a host that waits could do.
        const std::string_view refused = "error_if_nonfinite would make the host wait";
        if (test_device().is_cuda() && std::string_view(error.what()).find(refused) != refused.npos)
          continue;
        FAIL_CHECK(std::string(error.what()));
      }
    }
  }
}

void for_each_sample(const std::function<void(const Row&, const Sample&, DType)>& f) {
  for_each_sample([&](const Row& row, const Sample& sample) {
    for (DType dtype : {DType::f64, DType::f32}) {
      if (dtype == DType::f32 && !sample.f32) continue;
      INFO("as ", name_of(dtype));
      f(row, sample, dtype);
    }
  });
}

}  // namespace glassbox::test
