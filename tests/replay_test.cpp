// Recordings that are done again, and what it costs when nobody records.
#include "tests/replay.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>

#include "engine/autograd/tape.h"
#include "engine/core/threads.h"
#include "engine/ops/create.h"
#include "engine/ops/optim.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/update.h"
#include "tests/allocations.h"
#include "tests/ops/op_run.h"
#include "tests/skip.h"

namespace glassbox::test {
namespace {

#ifdef GLASSBOX_NO_RECORDER
TEST_CASE("replay: is left out") { skip("needs the recorder (built with GLASSBOX_NO_RECORDER)"); }
#else

bool all_finite(const Tensor& x) {
  for (double v : x.to_vector<double>()) {
    if (!std::isfinite(v)) return false;
  }
  return true;
}

// A training step with all that a recording has to hold: views, broadcasting, a value read twice,
// a gradient that is added up, integer and boolean values, constants, and an update.
struct Step {
  Tensor x = values({4, 3, 5}, 1).to(DType::f32);
  Tensor w = values({3, 1}, 2).to(DType::f32).set_requires_grad();
  Tensor b = values({5}, 3).to(DType::f32).set_requires_grad();
  Tensor state = from<double>({0.1, 0.9, 0, 0.01, 0, 0, 0, 0, 2, 2}, {10});
  Tensor mw = values({3, 1}, 4).to(DType::f32), mb = values({5}, 5).to(DType::f32);
  Tensor loss, hidden, count;

  Tensors all_state() const { return {w, b, state, mw, mb}; }
  void operator()() {
    w.zero_grad();
    b.zero_grad();
    hidden = gelu(x * w + b);
    const Tensor row = hidden[1].reshape({5, 3})[-1];
    const Tensor flat =
        concat({hidden.reshape({-1}), row * 2.0, slice(w.reshape({-1}), {.start = 1})});
    const Tensor positive = gt(flat, zeros({}));
    count = sum(positive.to(DType::f32));
    const Tensor kept = where(positive, flat, flat * 0.1);
    loss = mean(kept * kept) + sum(permute(pad(hidden, {{1, 0}}), {2, 0, 1})) / 100.0;
    backward(loss, {}, true);
    loss.backward();  // adds to what is there
    const NoGrad no_grad;
    const PhaseScope phase(Phase::update);
    apply(ops::Sgd{true}, state, w, w.grad(), mw, b, b.grad(), mb);
  }
};

void check_replayed(const Replay& replay, const Tensor& original) {
  const Tensor again = replay.result(original);
  CHECK(again.storage() != original.storage());
  CHECK(same_bits(again, original));
  CHECK(all_finite(original));
}

TEST_CASE("replay: a step from its recording alone, all other memory NaN") {
  Step step;
  Replay replay(step.all_state());
  replay.record([&] { step(); });
  CHECK(replay.graph().nodes.size() > 40);
  for (int time = 0; time < 2; ++time) {  // from the same state again
    replay.run();
    for (const Tensor& t : {step.loss, step.hidden, step.count, step.w.grad(), step.b.grad()}) {
      check_replayed(replay, t);
    }
    for (const Tensor& t : step.all_state()) check_replayed(replay, t);
  }
}

TEST_CASE("replay: several steps in one recording, gradients in an arena") {
  Step step;
  const auto arena = std::make_shared<Storage>(64 + 20, Device::cpu());
  const auto part = [&](const Tensor& p, std::size_t offset) {
    auto storage = std::make_shared<Storage>(arena, offset, p.spec().bytes());
    set_grad_buffer(p, Tensor(std::make_shared<TensorImpl>(p.spec(), 0, std::move(storage))));
  };
  part(step.w, 64);
  part(step.b, 0);
  Replay replay(step.all_state());
  replay.record([&] {
    for (int i = 0; i < 3; ++i) step();
  });
  replay.run();
  check_replayed(replay, step.loss);
  check_replayed(replay, step.w.grad());
  for (const Tensor& t : step.all_state()) check_replayed(replay, t);
}

TEST_CASE("replay: what the recorder did not see shows") {
  SUBCASE("a value written behind its back") {
    Tensor y, z;
    Replay replay({});
    replay.record([&] {
      y = values({3}) * 2.0;
      y.mutable_data<double>()[0] = 100;
      z = y * 3.0;
    });
    replay.run();
    CHECK_FALSE(same_bits(replay.result(z), z));
  }
  SUBCASE("an op that ran unwatched") {
    Tensor z;
    Tensor x = values({3}), state = values({3}, 1);
    Replay replay({});
    replay.record([&] {
      {
        const RecordScope pause(nullptr);
        assign(state, x);
      }
      z = state * 3.0;
      assign(state, z);
    });
    replay.run();
    CHECK_FALSE(same_bits(replay.result(z), z));
    CHECK(std::isnan(replay.result(z).data<double>()[0]));
  }
  SUBCASE("a tensor that it does not know") {
    Replay replay({});
    replay.record([] {});
    CHECK_THROWS_AS(replay.result(values({3})), Error);
  }
}

#endif

// Allocations of a step when nobody records, on one thread: OpenMP's own are not counted.
std::uint64_t allocations_of_a_step(const Tensor& x, Tensor& w) {
  const std::uint64_t before = allocations();
  const Tensor y = sum(relu(x * w).reshape({-1}));
  y.backward();
  w.zero_grad();
  return allocations() - before;
}

TEST_CASE("recorder: not recording allocates nothing extra") {
  if (!allocations_counted) return skip("a sanitizer counts allocations itself");
  const NumThreadsScope one_thread(1);
  const Tensor x = values({64, 3});
  Tensor w = values({3}, 1).set_requires_grad();
  for (int warm = 0; warm < 3; ++warm) allocations_of_a_step(x, w);
  const std::uint64_t never = allocations_of_a_step(x, w);
  const std::uint64_t requests = allocator(Device::cpu()).stats().requests;
  GraphRecorder recorder;
  std::uint64_t recording = 0;
  {
    const RecordScope scope(recorder);
    recording = allocations_of_a_step(x, w);
  }
  const std::uint64_t asked = allocator(Device::cpu()).stats().requests - requests;
  const std::uint64_t after = allocations_of_a_step(x, w);
  CHECK(after == never);
#ifndef GLASSBOX_NO_RECORDER
  CHECK(recording > never);
#endif
  // Recording itself takes no tensor memory.
  CHECK(allocator(Device::cpu()).stats().requests - requests == 2 * asked);
  std::printf("recorder: a step of 4 ops allocates %llu times, %llu when recorded\n",
              static_cast<unsigned long long>(never), static_cast<unsigned long long>(recording));
}

}  // namespace
}  // namespace glassbox::test
