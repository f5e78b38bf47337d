// Training steps on a GPU, data resident there: zero_grad, forward, loss, backward, SGD with
// momentum. Prints one line of JSON; benchmarks/cuda_check.py runs it beside PyTorch, in turns.
//   bench_cuda_training [--model cifar|resnet18|resnet50] [--batch N] [--steps N] [--warmup N]
//                       [--precision fp32|tf32|fp16|bf16] [--device cuda:N]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/cuda.h"
#include "engine/engine.h"
#include "layers/layers.h"
#include "layers/models/models.h"

using namespace glassbox;

namespace {

struct Options {
  std::string model = "cifar", device = "cuda", precision = "fp32";
  int batch = 128, steps = 50, warmup = 10;
};

bool read(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const char* const value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (!value) return false;
    ++i;
    if (flag == "--model")
      o.model = value;
    else if (flag == "--device")
      o.device = value;
    else if (flag == "--precision")
      o.precision = value;
    else if (flag == "--batch")
      o.batch = std::atoi(value);
    else if (flag == "--steps")
      o.steps = std::atoi(value);
    else if (flag == "--warmup")
      o.warmup = std::atoi(value);
    else
      return false;
  }
  return o.batch > 0 && o.steps > 0 && o.warmup >= 0;
}

struct Problem {
  std::shared_ptr<layers::ModuleBase> model;
  std::int64_t size = 32, classes = 10;
};

Problem make(const std::string& name) {
  if (name != "cifar" && name != "resnet18" && name != "resnet50") return {};
  for (const models::Entry& entry : models::zoo()) {
    if (entry.name == name) {
      return {entry.make(), name == "resnet50" ? 224 : 32, name == "cifar" ? 10 : 1000};
    }
  }
  return {};
}

// What this GPU reaches, in the precision in force: FLOPs per second of a large product, and bytes
// per second of a large copy, read and written.
struct Roof {
  double flops = 0, bandwidth = 0;
};
Roof measure_roof(Device device, DType dtype) {
  const NoGrad no_grad;
  const DeviceScope scope(device);
  const std::int64_t n = std::int64_t(32) * cuda::properties(device.index()).multiprocessors;
  const Tensor a = randn({n, n}).to(dtype), large = randn({n * n * 8});
  cuda::Event start(device.index()), end(device.index());
  const auto seconds = [&](const auto& work) {
    work();
    start.record();
    for (int i = 0; i < 5; ++i) work();
    end.record();
    return end.seconds_since(start) / 5;
  };
  const double cube = 2 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
  return {cube / seconds([&] { matmul(a, a); }),
          2 * static_cast<double>(large.spec().bytes()) / seconds([&] { copy(large); })};
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  if (!read(argc, argv, o) || !make(o.model).model) {
    std::fprintf(stderr,
                 "usage: bench_cuda_training [--model cifar|resnet18|resnet50] [--batch N] "
                 "[--steps N] [--warmup N] [--precision fp32|tf32|fp16|bf16] [--device cuda:N]\n");
    return 2;
  }
  if (!cuda::is_available()) {
    std::fprintf(stderr, "bench_cuda_training: no GPU: %s\n", cuda::why_not().c_str());
    return 1;
  }
  try {
    const Device device(o.device);
    const Precision precision = parse_precision(o.precision);
    const AutocastScope in_force(precision);  // over backward too: TF32 is a setting of the program
    manual_seed(0);
    const Problem problem = make(o.model);
    layers::ModuleBase& model = *problem.model;
    model.to(device);
    layers::CrossEntropyLoss criterion;
    optim::SGD optimizer(model.parameters(), {.lr = 0.01, .momentum = 0.9});
    std::optional<optim::GradScaler> scaler;
    if (precision == Precision::fp16) scaler.emplace(optim::GradScalerOptions{.device = device});
    const Tensor inputs = randn({o.batch, 3, problem.size, problem.size}).to(device);
    const Tensor labels = randint({o.batch}, 0, problem.classes).to(device);
    const auto forward_pass = [&] { return criterion(model.call({inputs})[0], labels); };
    const auto step = [&] {
      optimizer.zero_grad();
      const Tensor loss = forward_pass();
      if (scaler) {
        scaler->scale(loss).backward();
        scaler->step(optimizer);
        scaler->update();
      } else {
        loss.backward();
        optimizer.step();
      }
      return loss.detach();
    };
    Tensor loss;
    for (int i = 0; i < o.warmup; ++i) loss = step();
    cuda::synchronize(device.index());
    allocator(device).reset_peak();
    const cuda::Counters before = cuda::counters(device.index());

    // Three times on three clocks: the host's for enqueuing, the device's between two points of its
    // stream, and the host's until all is done.
    using Clock = std::chrono::steady_clock;
    const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
    cuda::Event first(device.index()), last(device.index());
    const auto start = Clock::now();
    first.record();
    for (int i = 0; i < o.steps; ++i) loss = step();
    last.record();
    const double host = seconds(Clock::now() - start) / o.steps;
    const double gpu = last.seconds_since(first) / o.steps;
    cuda::synchronize(device.index());
    const double all = seconds(Clock::now() - start) / o.steps;
    const cuda::Counters after = cuda::counters(device.index());

    GraphRecorder recorder;
    {
      const RecordScope scope(recorder);
      forward_pass().backward();
    }
    const Cost forward = recorder.graph().total_cost(Phase::forward);
    const Cost backward = recorder.graph().total_cost(Phase::backward);
    const double flops = forward.flops + backward.flops;
    const auto bytes = static_cast<double>(forward.bytes_read + forward.bytes_written +
                                           backward.bytes_read + backward.bytes_written);
    // No step of these ops is faster: its arithmetic, or its operands read and written once an op.
    const Roof roof = measure_roof(device, autocast_dtype().value_or(DType::f32));
    const double floor = std::max(flops / roof.flops, bytes / roof.bandwidth);
    const auto per_step = [&](std::uint64_t a, std::uint64_t b) {
      return static_cast<double>(b - a) / o.steps;
    };
    std::printf(
        "{\"engine\": \"glassbox\", \"mode\": \"eager\", \"model\": \"%s\", \"batch\": %d, "
        "\"precision\": \"%s\", \"gpu\": \"%s\", \"step_ms\": %.4f, \"gpu_ms\": %.4f, "
        "\"host_ms\": %.4f, \"images_per_second\": %.1f, \"launches\": %.1f, "
        "\"driver_allocations\": "
        "%.2f, \"host_waits\": %.2f, \"peak_mib\": %.1f, \"tflop_per_second\": %.3f, "
        "\"floor_ms\": %.4f, \"of_floor\": %.3f, \"roof_tflop\": %.2f, \"roof_gb\": %.0f, "
        "\"loss\": "
        "%.4f}\n",
        o.model.c_str(), o.batch, o.precision.c_str(),
        cuda::properties(device.index()).name.c_str(), all * 1e3, gpu * 1e3, host * 1e3,
        o.batch / all, per_step(before.launches, after.launches),
        per_step(before.driver_allocations, after.driver_allocations),
        per_step(before.host_waits, after.host_waits),
        static_cast<double>(allocator(device).stats().peak) / (1 << 20), flops / all * 1e-12,
        floor * 1e3, floor / all, roof.flops * 1e-12, roof.bandwidth * 1e-9, loss.item<double>());
  } catch (const Error& e) {
    std::fprintf(stderr, "bench_cuda_training: %s\n", e.what());
    return 1;
  }
}
