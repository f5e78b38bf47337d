#include "engine/apply.h"

#include "engine/autograd/tape.h"
#include "engine/core/backend.h"
#include "engine/core/transfer.h"
#include "engine/cpu/context.h"
#include "engine/graph/recorder.h"

namespace glassbox {
namespace {

void run_kernel(const OpType& type, const void* op, Device device, Specs in_specs, Specs out_specs,
                Ins in, Outs out) {
  if (device.is_meta()) {
    // No kernel runs, but its working memory is accounted for.
    if (device.stands_for() == Device::Type::cpu && type.scratch_cpu) {
      const cpu::Context asking(num_threads());
      Storage scratch(type.scratch_cpu(op, asking, in_specs, out_specs), device);
    } else if (device.stands_for() == Device::Type::cuda && type.scratch_cuda) {
      if (cuda::Backend* const backend = cuda::loaded_backend()) {
        Storage scratch(backend->scratch(type, op, 0, in_specs, out_specs), device);
      }
    }
    return;
  }
  if (type.device) return copy_elements(in[0], out[0]);
  if (device.is_cpu()) {
    if (!type.run_cpu) fail(type.name, "has no CPU kernel");
    const int threads = num_threads();
    if (!type.scratch_cpu) {
      cpu::Context ctx(threads);
      return type.run_cpu(op, ctx, in, out);
    }
    const cpu::Context asking(threads);
    const Storage scratch(type.scratch_cpu(op, asking, in_specs, out_specs), device);
    cpu::Context ctx(threads, scratch.data(), scratch.bytes());
    return type.run_cpu(op, ctx, in, out);
  }
  cuda::Backend& backend = cuda::backend(type.name, device);
  if (!type.run_cuda) fail(type.name, "has no CUDA kernel");
  backend.run(type, op, device.index(), in_specs, out_specs, in, out);
}

Device common_device(const OpType& type, Ins in) {
  const Tensor* first = nullptr;
  for (const Tensor& t : in) {
    if (!t.defined()) continue;
    if (!first) first = &t;
    // Why types only: a meta tensor may stand for any backend beside another.
    if (t.device().type() != first->device().type() ||
        t.device().index() != first->device().index()) {
      const bool meta = t.device().is_meta() || first->device().is_meta();
      fail(type.name,
           cat("operands are on different devices: ", first->device(), " and ", t.device(),
               meta ? " (a model's copy on meta lacks tensors that fields() does not list)" : ""));
    }
  }
  return first ? first->device() : default_device();
}

Tensor make_output(const OpType& type, const void* op, int index, const Spec& spec, Specs in_specs,
                   Ins in) {
  const int source = type.alias ? type.alias(op, index) : -1;
  if (source < 0) return empty(spec.shape, spec.dtype, spec.device);
  const Tensor& from = in[static_cast<std::size_t>(source)];
  if (type.writes) return from;
  const std::size_t offset =
      from.impl().offset + (type.view_offset ? type.view_offset(op, in_specs) : 0);
  return Tensor(std::make_shared<TensorImpl>(spec, offset, from.storage()));
}

}  // namespace

TensorList apply_op(const OpType& type, const void* op, Ins in) {
  SmallVector<Spec, 6> in_specs;
  in_specs.reserve(in.size());
  bool grad = false;
  const bool taping = grad_enabled();
  for (const Tensor& t : in) {
    in_specs.push_back(t.defined() ? t.spec() : Spec::undefined());
    grad = grad || (taping && t.defined() && t.requires_grad());
  }
  Recorder* const recorder = current_recorder();

  SpecList out_specs;
  Device device;
  try {
    device = common_device(type, in);
    out_specs = type.infer(op, in_specs, grad);
  } catch (const Error& error) {
    if (recorder) recorder->on_error(type, op, in, error.what());
    throw;
  }

  if (recorder) recorder->on_begin(type);
  TensorList out;
  out.reserve(out_specs.size());
  // A transfer between real devices; of a meta tensor everything stays there.
  if (type.device && !device.is_meta()) device = type.device(op);
  for (std::size_t i = 0; i < out_specs.size(); ++i) {
    out_specs[i].device = device;
    out.push_back(make_output(type, op, static_cast<int>(i), out_specs[i], in_specs, in));
  }
  const bool only_views = type.alias && !type.writes;
  if (!only_views) run_kernel(type, op, device, in_specs, out_specs, in, out);
  if (type.writes) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (type.alias(op, static_cast<int>(i)) >= 0) out[i].storage()->bump_version();
    }
  }
  const int recorded = recorder ? recorder->on_op(type, op, in, out) : -1;
  if (grad) tape_link(type, op, in, out, recorded);
  return out;
}

void execute(const AnyOp& op, Ins in, Outs out) {
  SmallVector<Spec, 6> in_specs;
  SpecList out_specs;
  for (const Tensor& t : in) in_specs.push_back(t.defined() ? t.spec() : Spec::undefined());
  for (const Tensor& t : out) out_specs.push_back(t.spec());
  const bool only_views = op.type().alias && !op.type().writes;
  if (only_views) return;
  run_kernel(op.type(), op.get(), out.empty() ? Device::cpu() : out[0].device(), in_specs,
             out_specs, in, out);
}

}  // namespace glassbox
