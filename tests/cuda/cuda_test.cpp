// The CUDA device as programs use it: transfers, memory, faults, and whole training steps.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "engine/autograd/tape.h"
#include "engine/core/memory_pool.h"
#include "engine/core/transfer.h"
#include "engine/cuda_library.h"
#include "engine/engine.h"
#include "engine/optim/adam.h"
#include "engine/optim/clip.h"
#include "engine/optim/sgd.h"
#include "layers/layers.h"
#include "tests/cuda/cuda_device.h"
#include "tests/ops/op_run.h"

namespace glassbox::test {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST_CASE("cuda: what the loader says of a library that does not load") {
  using cuda::explain_load_error;
  const std::string none = explain_load_error(
      "libglassbox_cuda.so: cannot open shared object file: No such file or directory");
  CHECK(has(none, "has no CUDA backend"));
  CHECK(has(none, "-DGLASSBOX_CUDA=ON"));
  const std::string dnn = explain_load_error(
      "libcudnn.so.9: cannot open shared object file: No such file or directory");
  CHECK(has(dnn, "cuDNN 9 is not found"));
  CHECK(has(dnn, "libcudnn9-cuda-13"));
  CHECK(has(dnn, "libcudnn.so.9: cannot open"));
  CHECK(has(explain_load_error("libcublasLt.so.13: cannot open shared object file"),
            "cuBLAS is not found"));
  CHECK(has(explain_load_error("x.so: undefined symbol: _ZN8glassbox5applyE"), "another build"));
  CHECK(explain_load_error("something else") == "something else");
}

TEST_CASE("cuda: the device and what is said of it") {
  if (!have_cuda()) return;
  CHECK(cuda::why_not().empty());
  CHECK(cuda::device_count() >= 1);
  const cuda::DeviceProperties p = cuda::properties();
  CHECK_FALSE(p.name.empty());
  CHECK(p.major >= 5);
  CHECK(p.total_memory > 0);
  CHECK(p.free_memory <= p.total_memory);
  CHECK_FALSE(cuda::architectures().empty());
  CHECK(has(cuda::versions(), "CUDA "));
  const std::string message = error_of([] { empty({2}, DType::f32, Device::cuda(63)); });
  CHECK(has(message, "there is no device cuda:63: this machine has "));
}

TEST_CASE("cuda: tensors go there and back, and gradients too") {
  if (!have_cuda()) return;
  const Tensor host = values({3, 5});
  Tensor x = host.to(cuda_device());
  CHECK(x.device() == cuda_device());
  CHECK(same_bits(x, host));
  CHECK(x[1].to_vector<double>() == host[1].to_vector<double>());  // a view, not at its start
  CHECK(x.sum().item<double>() == doctest::Approx(host.sum().item<double>()));
  CHECK(has(error_of([&] { x.data<double>(); }), "has no host data; copy it with to("));

  Tensor leaf = host.clone();
  leaf.set_requires_grad();
  const Tensor y = (leaf.to(cuda_device()) * 3.0).to(Device::cpu());
  y.sum().backward();
  CHECK(leaf.grad().device().is_cpu());
  for (const double v : leaf.grad().to_vector<double>()) CHECK(v == 3);

  const std::string mixed = error_of([&] { x + host; });
  CHECK(has(mixed, "add: operands are on different devices: cuda:0 and cpu"));
}

TEST_CASE("cuda: page-locked memory") {
  if (!have_cuda()) return;
  const Tensor host = values({1000});
  CHECK_FALSE(is_pinned(host));
  Tensor pinned = pin_memory(host);
  CHECK(is_pinned(pinned));
  CHECK(is_pinned(pin_memory(pinned)));
  CHECK(pinned.data<double>()[7] == host.data<double>()[7]);
  // The memory may be given up at once: the copy that reads it comes later.
  Tensor there = pinned.to(cuda_device());
  pinned = Tensor();
  const Tensor other = pin_memory(values({1000}, 5));
  CHECK(same_bits(there, host));
  CHECK(has(error_of([&] { pin_memory(there); }), "only host memory is pinned"));
}

TEST_CASE("cuda: writing state in place raises its version") {
  if (!have_cuda()) return;
  Tensor state = zeros({4}, DType::f64, cuda_device());
  const double value = 2.5;
  const std::uint64_t version = state.storage()->version();
  write_bytes(state, 16, &value, sizeof value);
  CHECK(state.storage()->version() > version);
  CHECK(state.to_vector<double>() == std::vector<double>{0, 0, 2.5, 0});
  CHECK(has(error_of([&] { write_bytes(state, 32, &value, 8); }), "are outside [4] f64"));
  manual_seed(7);
  CHECK(default_generator(cuda_device()).state().to_vector<std::int64_t>() ==
        std::vector<std::int64_t>{7, 0});
}

TEST_CASE("cuda: an index that only the device sees is reported when the host next waits") {
  if (!have_cuda()) return;
  layers::Embedding table(10, 4);
  table.cuda();
  const Tensor indices = tensor<std::int64_t>({1, 12}).to(cuda_device());
  const Tensor y = table(indices);
  const std::string message = error_of([] { cuda::synchronize(); });
  CHECK(has(message, "embedding: index 12 is outside [0, 10)"));
  CHECK(has(message, "in Embedding"));
  CHECK_NOTHROW(cuda::synchronize());  // said once

  cuda::set_sync_debug(true);
  CHECK(has(error_of([&] { table(indices); }), "index 12"));
  cuda::set_sync_debug(false);
}

TEST_CASE("cuda: memory is kept, counted, and apart in a pool of its own") {
  if (!have_cuda()) return;
  Allocator& memory = allocator(cuda_device());
  const std::size_t before = memory.stats().allocated;
  const std::byte* place = nullptr;
  {
    const Tensor a = empty({1000}, DType::f32, cuda_device());
    place = a.raw();
    CHECK(memory.stats().allocated == before + 4032);
  }
  CHECK(memory.stats().allocated == before);
  CHECK(empty({1000}, DType::f32, cuda_device()).raw() == place);  // the same block

  MemoryPool pool(cuda_device());
  Tensor inside;
  {
    const MemoryPoolScope scope(pool);
    inside = empty({1000}, DType::f32, cuda_device());
  }
  CHECK(inside.raw() != place);
  CHECK(pool.reserved() > 0);
  const std::byte* const inside_place = inside.raw();
  inside = Tensor();
  CHECK(empty({1000}, DType::f32, cuda_device()).raw() != inside_place);
  const MemoryPoolScope scope(pool);
  CHECK(empty({1000}, DType::f32, cuda_device()).raw() == inside_place);

  CHECK(has(error_of([] {
              empty({1 << 28, 1 << 10}, DType::f64, cuda_device());
            }),
            "out of memory on cuda:0: asked for 2199023255552 bytes"));
}

TEST_CASE("cuda: events measure the device") {
  if (!have_cuda()) return;
  cuda::Event start, end;
  start.record();
  const Tensor x = ones({64, 64}, DType::f32, cuda_device());
  const Tensor y = matmul(x, x);
  end.record();
  CHECK(end.seconds_since(start) >= 0);
  CHECK(y.to_vector<double>()[0] == 64);
}

// A small network with what training has: convolution, batch norm, pooling, dropout, loss.
struct Small : layers::Module<Small> {
  layers::Conv2d conv1{3, 6, 3, {.padding = 1}};
  layers::BatchNorm2d norm{6};
  layers::Conv2d conv2{6, 4, 3, {.stride = 2, .bias = false}};
  layers::Dropout dropout{0.25};
  layers::Linear fc{4 * 3 * 3, 5};
  Tensor forward(const Tensor& x) {
    const Tensor y = max_pool2d(relu(norm(conv1(x))), {});
    return fc(dropout(relu(conv2(y))).flatten(1));
  }
  void fields(layers::Fields& f) {
    f("conv1", conv1);
    f("norm", norm);
    f("conv2", conv2);
    f("dropout", dropout);
    f("fc", fc);
  }
};

struct Steps {
  std::vector<double> losses;
  layers::StateDict state;  // on the CPU
};

// Some steps from a fixed beginning; the losses are read at the end.
Steps train(Device device, int steps, DType dtype = DType::f32) {
  manual_seed(3);
  Small model;
  model.to(dtype);
  model.to(device);
  manual_seed(4);  // each device's generator from its beginning: dropout draws alike
  optim::Adam optimizer(model.parameters(), {.lr = 0.01, .weight_decay = 1e-3});
  Steps out;
  Tensors losses;
  for (int i = 0; i < steps; ++i) {
    const auto seed = static_cast<std::uint64_t>(i % 2);
    const Tensor x = values({4, 3, 16, 16}, seed).to(dtype).to(device);
    const Tensor labels = integers({4}, 0, 5, seed).to(device);
    optimizer.zero_grad();
    const Tensor loss = cross_entropy(model(x), labels);
    loss.backward();
    optim::clip_grad_norm(model.parameters(), 1.0);
    optimizer.step();
    losses.push_back(loss.detach());
  }
  for (const Tensor& loss : losses) out.losses.push_back(loss.item<double>());
  for (const auto& [name, tensor] : model.state_dict()) {
    out.state.emplace_back(name, tensor.detach().to(Device::cpu()));
  }
  return out;
}

TEST_CASE("cuda: training agrees with the CPU's, dropout's masks included") {
  if (!have_cuda()) return;
  const Steps cpu = train(Device::cpu(), 6, DType::f64);
  const Steps cuda = train(cuda_device(), 6, DType::f64);
  for (std::size_t i = 0; i < cpu.losses.size(); ++i) {
    CHECK(std::abs(cuda.losses[i] - cpu.losses[i]) <= 1e-10 * std::abs(cpu.losses[i]));
  }
  for (std::size_t i = 0; i < cpu.state.size(); ++i) {
    INFO(cpu.state[i].first);
    CHECK(difference(cuda.state[i].second, cpu.state[i].second) < 1e-9);
  }
  const Steps cpu32 = train(Device::cpu(), 3), cuda32 = train(cuda_device(), 3);
  for (std::size_t i = 0; i < cpu32.losses.size(); ++i) {
    CHECK(cuda32.losses[i] == doctest::Approx(cpu32.losses[i]).epsilon(1e-4));
  }
}

TEST_CASE("cuda: training has the same bits in every run, in whatever order blocks run") {
  if (!have_cuda()) return;
  const Steps first = train(cuda_device(), 3);
  if (is_emulated()) emulator_settings().reverse_blocks = true;
  const Steps second = train(cuda_device(), 3);
  if (is_emulated()) emulator_settings().reverse_blocks = false;
  CHECK(first.losses == second.losses);
  for (std::size_t i = 0; i < first.state.size(); ++i) {
    CHECK(same_bits(first.state[i].second, second.state[i].second));
  }
}

TEST_CASE("cuda: a warm step takes nothing from the driver and waits for nothing") {
  if (!have_cuda()) return;
  Small model;
  model.cuda();
  optim::SGD optimizer(model.parameters(), {.lr = 0.01, .momentum = 0.9});
  const Tensor x = values({4, 3, 16, 16}).to(DType::f32).to(cuda_device());
  const Tensor labels = integers({4}, 0, 5).to(cuda_device());
  const auto step = [&] {
    optimizer.zero_grad();
    const Tensor loss = cross_entropy(model(x), labels);
    loss.backward();
    optim::clip_grad_norm(model.parameters(), 1.0);
    optimizer.set_lr(optimizer.lr() * 0.9);
    optimizer.step();
    return loss.detach();
  };
  const std::uint64_t launches = check_warm_step(step);
  CHECK(launches > 20);
  CHECK(launches < 80);
}

}  // namespace
}  // namespace glassbox::test
