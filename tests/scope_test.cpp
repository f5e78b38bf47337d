// Paths of modules beyond the running one: in gradients, and as the owners of memory.
#include "engine/core/scope.h"

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "engine/autograd/tape.h"
#include "engine/core/allocator.h"
#include "engine/ops/create.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/update.h"
#include "engine/optim/adam.h"
#include "layers/layers.h"
#include "tests/fake_module.h"

namespace glassbox {
namespace {

using namespace layers;

TEST_CASE("an error in a gradient names the module that ran the op") {
  struct Net : Module<Net> {
    Linear first{2, 3}, second{3, 2};
    Tensor between;
    Tensor forward(const Tensor& x) {
      between = first(x);
      return second(between);
    }
    void fields(Fields& f) {
      f("first", first);
      f("second", second);
    }
  } net;
  const Tensor y = net(ones({1, 2}));
  {
    const NoGrad no_grad;
    add_to(net.between, ones({1, 3}));  // second's weight gradient reads it
  }
  CHECK_THROWS_WITH_AS(y.backward(ones({1, 2})), doctest::Contains("in Net.second"), Error);
  CHECK(scope_path().empty());
}

TEST_CASE("the allocator knows which module holds how much") {
  struct Net : Module<Net> {
    Linear wide{4, 1000}, narrow{1000, 3};
    Tensor forward(const Tensor& x) { return narrow(relu(wide(x))); }
    void fields(Fields& f) {
      f("wide", wide);
      f("narrow", narrow);
    }
  };
  const auto held = [](std::string_view name) {
    std::size_t bytes = 0;
    for (const auto& holder : allocator(Device::cpu()).holders()) {
      if (holder.name == name) bytes = holder.bytes;
    }
    return bytes;
  };
  Net net;
  CHECK(held("Net.wide") == 0);
  {
    const Tensor y = net(ones({8, 4}));
    CHECK(held("Net.wide") == 0);         // relu's output is saved, its input is not
    CHECK(held("Net") == 8 * 1000 * 4);   // the relu
    CHECK(held("Net.narrow") == 2 * 64);  // [8,3], in whole cache lines
    y.backward(ones({8, 3}));
    // Gradients of parameters, made by the gradients of these modules' ops.
    CHECK(held("Net.wide") == 4 * 4000 + 4032);  // in whole cache lines
  }
  net.zero_grad();
  for (const char* name : {"Net", "Net.wide", "Net.narrow"}) CHECK(held(name) == 0);
  CHECK(held("Adam's state") == 0);
  {
    const optim::Adam adam(net.parameters());
    CHECK(held("Adam's state") >= 2 * 4 * (5000 + 3003));
    CHECK(held("Adam's gradients") >= 4 * (5000 + 3003));
  }
  CHECK(held("Adam's state") == 0);

  // Another module at the same address is not taken for the one that was there.
  std::optional<test::FakeModule> module;
  Tensor kept;
  for (const char* type : {"First", "Second"}) {
    module.emplace(type, [](test::FakeModule&, const Tensor& x) { return x * x; });
    kept = (*module)(ones({100}));
    CHECK(held(type) == 448);
  }
  CHECK(held("First") == 0);
}

TEST_CASE("threads that share a model book their memory to the same paths") {
  Allocator memory(true);
  test::FakeModule net("Net", {}), part("Part", {});
  net.children = {{"part", &part}};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const Scope outer(net), inner(part);
        const Allocator::Block kept = memory.allocate(100);
        {
          test::FakeModule passing("Passing", {});  // gone again: every thread forgets its paths
          const Scope innermost(passing);
          const Allocator::Block block = memory.allocate(10);
          wrong += scope_name(block.owner) != "Net.part.Passing";
          memory.free(block);
        }
        wrong += scope_name(kept.owner) != "Net.part" || memory.holders().empty();
        memory.free(kept);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(memory.holders().empty());
}

}  // namespace
}  // namespace glassbox
