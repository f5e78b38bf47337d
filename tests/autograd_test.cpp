// The tape: what is recorded, how gradients add up, what is kept and let go, and its errors. The
// derivatives themselves are in tests/ops and gradcheck_test.cpp.
#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "engine/autograd/tape.h"
#include "engine/graph/recorder.h"
#include "engine/ops/create.h"
#include "engine/ops/pointwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/update.h"
#include "tests/ops/op_table.h"

namespace glassbox::test {

// Two outputs: a + b and a - b.
struct SumDiff {
  static constexpr std::string_view name = "sum_diff", kind = "SumDiff";
  bool operator==(const SumDiff&) const = default;
  Attrs attrs(Specs) const { return {}; }
  SpecList infer(Specs in, bool) const { return {in[0], in[0]}; }
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
  void backward(const Saved& saved, Ins dy, Grads& grads) const {
    const Tensor none = zeros(saved.in_spec(0).shape, saved.in_spec(0).dtype);
    const Tensor ds = dy[0].defined() ? dy[0] : none, dd = dy[1].defined() ? dy[1] : none;
    if (saved.needs(0)) grads.set(0, ds + dd);
    if (saved.needs(1)) grads.set(1, ds - dd);
  }
};
void run(const SumDiff&, cpu::Context&, Ins in, Outs out) {
  for (std::size_t i = 0; i < in[0].data<double>().size(); ++i) {
    const double a = in[0].data<double>()[i], b = in[1].data<double>()[i];
    out[0].mutable_data<double>()[i] = a + b;
    out[1].mutable_data<double>()[i] = a - b;
  }
}

// Wrong on purpose: a gradient of another shape, or one that reads what was not saved.
struct Wrong {
  static constexpr std::string_view name = "wrong", kind = "Wrong";
  bool reads_unsaved = false;
  bool operator==(const Wrong&) const = default;
  Attrs attrs(Specs) const { return {}; }
  SpecList infer(Specs in, bool) const { return {in[0]}; }
  Cost cost(Specs in, Specs out) const { return streaming_cost(0, in, out); }
  void backward(const Saved& saved, Ins, Grads& grads) const {
    grads.set(0, reads_unsaved ? saved.input(0) : zeros({7}, DType::f64));
  }
};
void run(const Wrong&, cpu::Context&, Ins, Outs) {}

namespace {

using doctest::Contains;

Tensor leaf(const Shape& shape, std::uint64_t seed = 0) {
  return values(shape, seed).set_requires_grad();
}

std::vector<double> list(const Tensor& x) { return x.to_vector<double>(); }
using List = std::vector<double>;

TEST_CASE("autograd: what requires a gradient") {
  Tensor x = leaf({2}), c = values({2});
  CHECK((x * c).requires_grad());
  CHECK_FALSE((c * c).requires_grad());
  CHECK_FALSE((x * c).is_leaf());
  CHECK(x.is_leaf());
  CHECK(tape_node(x) == nullptr);
  CHECK(tape_node(x * c)->op.name() == "mul");
  CHECK_FALSE(x.grad().defined());
  x.set_requires_grad(false);
  CHECK_FALSE((x * c).requires_grad());
}

TEST_CASE("autograd: NoGrad and EnableGrad nest, and end with their scope") {
  Tensor x = leaf({2});
  CHECK(grad_enabled());
  {
    const NoGrad no_grad;
    CHECK_FALSE((x * x).requires_grad());
    {
      const EnableGrad enable;
      CHECK((x * x).requires_grad());
    }
    CHECK_FALSE(grad_enabled());
    CHECK(x.requires_grad());
  }
  CHECK((x * x).requires_grad());
}

TEST_CASE("autograd: backward inside NoGrad walks what was taped before") {
  Tensor x = leaf({});
  const Tensor y = x * x;
  const NoGrad no_grad;
  y.backward();
  CHECK(x.grad().item<double>() == 2 * x.item<double>());
}

TEST_CASE("autograd: gradients add up over backwards until they are zeroed") {
  Tensor x = from<double>({1, 2, 3}, {3}).set_requires_grad();
  sum(x * x).backward();
  CHECK(list(x.grad()) == List{2, 4, 6});
  sum(x * 10.0).backward();
  CHECK(list(x.grad()) == List{12, 14, 16});
  x.zero_grad();
  CHECK_FALSE(x.grad().defined());
  sum(x * 10.0).backward();
  CHECK(list(x.grad()) == List{10, 10, 10});
  CHECK_FALSE(x.grad().requires_grad());
}

TEST_CASE("autograd: a leaf that is used twice, a diamond, and shared parts of an expression") {
  Tensor x = from<double>({3}, {}).set_requires_grad();
  (x + x).backward();
  CHECK(x.grad().item<double>() == 2);
  x.zero_grad();
  (x * x).backward();
  CHECK(x.grad().item<double>() == 6);
  x.zero_grad();
  const Tensor y = x * x;            // 9
  const Tensor z = y * 2.0 + y * x;  // 2x^2 + x^3
  z.backward();
  CHECK(x.grad().item<double>() == 4 * 3 + 3 * 9);
  x.zero_grad();
  // A node whose readers are of different depth is visited once, after both.
  const Tensor a = x * 2.0;
  const Tensor deep = neg(neg(neg(a)));
  int visits = 0;
  on_gradient(a, [&](const Tensor& dy) {
    ++visits;
    CHECK(dy.item<double>() == 5 * -1 + 7);
  });
  (deep * 5.0 + a * 7.0).backward();
  CHECK(visits == 1);
  CHECK(x.grad().item<double>() == 4);
}

TEST_CASE("autograd: one gradient handed to two leaves is not one tensor") {
  Tensor a = leaf({2}), b = leaf({2});
  sum(a + b).backward();
  CHECK(a.grad().storage() != b.grad().storage());
  sum(a * 3.0).backward();
  CHECK(list(a.grad()) == List{4, 4});
  CHECK(list(b.grad()) == List{1, 1});
}

TEST_CASE("autograd: only leaves that took part get a gradient") {
  Tensor a = leaf({2}), b = leaf({2}), unused = leaf({2});
  const Tensor dropped = unused * a;  // never reaches the root
  sum(a * b.detach()).backward();
  CHECK(a.grad().defined());
  CHECK_FALSE(b.grad().defined());
  CHECK_FALSE(unused.grad().defined());
  CHECK(dropped.requires_grad());
}

TEST_CASE("autograd: an output that nobody used counts as zero") {
  Tensor a = leaf({3}, 1), b = leaf({3}, 2);
  const TensorList both = apply(SumDiff{}, a, b);
  sum(both[1]).backward();
  CHECK(list(a.grad()) == List{1, 1, 1});
  CHECK(list(b.grad()) == List{-1, -1, -1});
  a.zero_grad();
  b.zero_grad();
  const TensorList again = apply(SumDiff{}, a, b);
  sum(again[0] * 2.0 + again[1]).backward();
  CHECK(list(a.grad()) == List{3, 3, 3});
  CHECK(list(b.grad()) == List{1, 1, 1});
}

TEST_CASE("autograd: detach shares data and leaves the tape") {
  Tensor x = leaf({2, 2});
  const Tensor d = (x * 2.0).detach(), own = x.detach();
  CHECK_FALSE(d.requires_grad());
  CHECK(own.storage() == x.storage());
  CHECK(own.is_leaf());
  CHECK_FALSE(own.same_as(x));
}

TEST_CASE("autograd: seeds") {
  Tensor x = from<double>({1, 2}, {2}).set_requires_grad();
  const Tensor y = x * x;
  CHECK_THROWS_WITH_AS(y.backward(), Contains("a tensor of shape [2] needs a seed of that shape"),
                       Error);
  CHECK_THROWS_WITH_AS(y.backward(values({3})), Contains("seed [3] f64 does not match [2] f64"),
                       Error);
  CHECK_THROWS_WITH_AS(y.backward(full({2}, 1)), Contains("seed [2] f32 does not match [2] f64"),
                       Error);
  const Tensor seed = from<double>({10, 100}, {2});
  y.backward(seed);
  CHECK(list(x.grad()) == List{20, 400});
  CHECK(list(seed) == List{10, 100});
  // One element of any rank needs none.
  sum(x * x, {.keepdim = true}).backward();
  CHECK(list(x.grad()) == List{22, 404});
  // A leaf is its own gradient's destination.
  x.zero_grad();
  x.backward(seed);
  CHECK(list(x.grad()) == List{10, 100});
  x.backward(seed);
  CHECK(list(x.grad()) == List{20, 200});
  CHECK(list(seed) == List{10, 100});
}

TEST_CASE("autograd: parts that were made on several threads are walked in one order") {
  Tensor x = from<double>({2}, {}).set_requires_grad();
  Tensor cube, line;
  std::thread([&] { cube = (x * x) * x; }).join();
  std::thread([&] { line = (x * 5.0) + 1.0; }).join();
  (cube * line).backward();
  CHECK(x.grad().item<double>() == 20 * 8 + 3 * 4);  // of 5 x^4 + x^3
}

TEST_CASE("autograd: backward of what depends on nothing is an error") {
  const Tensor c = values({});
  CHECK_THROWS_WITH_AS((c * c).backward(),
                       "backward: the tensor does not depend on anything that requires a gradient",
                       Error);
  CHECK_THROWS_AS(Tensor().backward(), Error);
}

TEST_CASE("autograd: a second backward needs retain_graph") {
  Tensor x = leaf({3});
  const Tensor y = sum(exp(x));
  backward(y, {}, true);
  const List once = list(x.grad());
  backward(y, {}, true);
  CHECK(list(x.grad()) == List{2 * once[0], 2 * once[1], 2 * once[2]});
  y.backward();
  CHECK_THROWS_WITH_AS(y.backward(),
                       Contains("the tape behind sum was released by an earlier backward; call it "
                                "once per forward pass or pass retain_graph = true"),
                       Error);
  // A new expression over a released part fails too, at that part.
  x.zero_grad();
  const Tensor part = x * x;
  sum(part).backward();
  CHECK_THROWS_WITH_AS(sum(part * part).backward(), Contains("the tape behind mul was released"),
                       Error);
}

TEST_CASE("autograd: a saved tensor that is written after the forward pass is reported") {
  Tensor x = leaf({2, 3});
  const Tensor y = sum(x * x);
  x.mutable_data<double>()[0] = 1;
  CHECK_THROWS_WITH_AS(y.backward(),
                       "backward: the input 1 [2,3] of mul was written in place after the forward "
                       "pass, which needs its old value (version 2, saved at 1)",
                       Error);
  // Outputs as well, and through an alias.
  Tensor w = leaf({2, 3});
  const Tensor e = exp(w);
  Tensor alias = e.detach()[0];
  assign(alias, zeros({3}, DType::f64));
  CHECK_THROWS_WITH_AS(sum(e).backward(), Contains("the output 0 [2,3] of exp was written"), Error);
  // What backward does not read may change.
  const Tensor z = sum(w + 1.0);
  w.mutable_data<double>()[0] = 7;
  CHECK_NOTHROW(z.backward());
}

TEST_CASE("autograd: what is saved depends on which gradients are wanted") {
  Tensor a = leaf({2}), b = values({2});
  CHECK(tape_node(a * b)->saved.size() == 1);
  CHECK(tape_node(a * b)->saved[0].index == 1);
  CHECK(tape_node(a * leaf({2}))->saved.size() == 2);
  CHECK(tape_node(a + b)->saved.empty());
  // So the other operand may be written.
  const Tensor y = sum(a * b);
  a.mutable_data<double>()[0] = 5;
  CHECK_NOTHROW(y.backward());
}

TEST_CASE("autograd: retain_grad") {
  Tensor x = from<double>({1, 2}, {2}).set_requires_grad();
  Tensor y = x * 3.0;
  y.retain_grad();
  y.retain_grad();  // asking twice is asking once
  const Tensor z = sum(y * y);
  CHECK_FALSE(y.grad().defined());
  backward(z, {}, true);
  CHECK(list(y.grad()) == List{6, 12});
  CHECK(list(x.grad()) == List{18, 36});
  backward(z);
  CHECK(list(y.grad()) == List{12, 24});
  x.retain_grad();  // a leaf has one anyway
  Tensor c = values({2});
  CHECK_THROWS_WITH_AS(c.retain_grad(), "retain_grad: the tensor does not require a gradient",
                       Error);
  // A tensor that is gone is no trouble.
  Tensor root;
  {
    Tensor gone = x * 3.0;
    gone.retain_grad();
    root = sum(gone);
  }
  CHECK_NOTHROW(root.backward());
}

TEST_CASE("autograd: on_gradient sees the whole gradient of a tensor, and each part of a leaf's") {
  Tensor x = from<double>({2}, {}).set_requires_grad();
  const Tensor y = x * 3.0;
  std::vector<double> of_y, of_x, order;
  on_gradient(y, [&](const Tensor& dy) { of_y.push_back(dy.item<double>()); });
  on_gradient(x, [&](const Tensor& dx) { of_x.push_back(dx.item<double>()); });
  (y + y * 5.0 + x).backward();
  CHECK(of_y == List{6});
  CHECK(of_x == List{1, 18});
  CHECK(x.grad().item<double>() == 19);
  CHECK_THROWS_WITH_AS(on_gradient(values({2}), [](const Tensor&) {}),
                       "on_gradient: the tensor does not require a gradient", Error);
}

TEST_CASE("autograd: a gradient goes to the memory that it was given") {
  Tensor x = from<double>({1, 2}, {2}).set_requires_grad();
  sum(x).backward();
  const Tensor buffer = full({2}, 99, DType::f64);
  set_grad_buffer(x, buffer);  // an existing gradient moves there
  CHECK(list(buffer) == List{1, 1});
  CHECK(x.grad().storage() == buffer.storage());
  sum(x * x).backward();
  CHECK(list(buffer) == List{3, 5});
  x.zero_grad();
  CHECK_FALSE(x.grad().defined());
  sum(x * x).backward();  // the first contribution writes, though the memory holds old values
  CHECK(list(buffer) == List{2, 4});
  x.set_grad(from<double>({7, 8}, {2}));
  CHECK(list(buffer) == List{7, 8});
  CHECK(x.grad().storage() == buffer.storage());
  CHECK_THROWS_WITH_AS(set_grad_buffer(x, values({3})),
                       "set_grad_buffer: buffer [3] f64 does not match [2] f64", Error);
}

TEST_CASE("autograd: leaves outside any optimizer are remembered once") {
  take_leaves_without_optimizer();
  Tensor a = leaf({2}), b = leaf({2});
  set_grad_buffer(b, empty({2}, DType::f64));
  sum(a * b).backward();
  a.zero_grad();
  sum(a * b).backward();
  const Tensors strays = take_leaves_without_optimizer();
  REQUIRE(strays.size() == 1);
  CHECK(strays[0].same_as(a));
  CHECK(take_leaves_without_optimizer().empty());
}

TEST_CASE("autograd: integers carry no gradient") {
  Tensor x = leaf({3});
  const Tensor index = integers({3});
  CHECK_FALSE(index.to(DType::f64).requires_grad());
  CHECK_FALSE(x.to(DType::i64).requires_grad());
  CHECK_FALSE(gt(x, x).requires_grad());
  CHECK_THROWS_WITH_AS(integers({3}).set_requires_grad(),
                       "set_requires_grad: a tensor of type i64 has no gradient", Error);
  CHECK_NOTHROW(integers({3}).set_requires_grad(false));
  // An integer operand beside a differentiable one.
  sum(where(booleans({3}), x, x * 2.0)).backward();
  CHECK(x.grad().defined());
  // The way through an integer is no way.
  CHECK_FALSE((x.to(DType::i64).to(DType::f64)).requires_grad());
  // Through another floating type is one.
  Tensor w = leaf({3});
  sum(w.to(DType::f32) * 2.0).backward();
  CHECK(list(w.grad()) == List{2, 2, 2});
  CHECK(w.grad().dtype() == DType::f64);
}

TEST_CASE("autograd: set_requires_grad and set_grad refuse what makes no sense") {
  Tensor x = leaf({2});
  Tensor y = x * 2.0;
  CHECK_THROWS_WITH_AS(y.set_requires_grad(false),
                       "set_requires_grad: only leaves can be changed; use detach() first", Error);
  CHECK_THROWS_WITH_AS(x.set_grad(values({3})), "set_grad: gradient [3] f64 does not match [2] f64",
                       Error);
  x.set_grad(values({2}));
  CHECK(x.grad().defined());
  x.set_grad(Tensor());
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("autograd: a Parameter is a leaf of its own") {
  const Tensor x = leaf({2});
  const Parameter p(x * 2.0);
  CHECK(p.is_leaf());
  CHECK(p.requires_grad());
  const Parameter shares(values({2}));
  CHECK(shares.requires_grad());
  CHECK_FALSE(Parameter().defined());
}

TEST_CASE("autograd: a wrong op is told apart from a wrong use") {
  Tensor x = leaf({2});
  CHECK_THROWS_WITH_AS(sum(apply(Wrong{}, x)[0]).backward(),
                       "backward: wrong gave a gradient [7] f64 for input 0 [2] f64", Error);
  CHECK_THROWS_WITH_AS(
      sum(apply(Wrong{true}, x)[0]).backward(),
      "backward: wrong reads its input 0 in backward but saves() did not choose it", Error);
  // The state of the thread is as before.
  CHECK(grad_enabled());
  CHECK(current_phase().phase == Phase::forward);
}

TEST_CASE("autograd: second derivatives are refused by name") {
  Tensor dy = leaf({2});
  const Tensor y = apply(ops::PointwiseGrad<ops::Relu>{}, dy, Tensor(), values({2}))[0];
  CHECK_THROWS_WITH_AS(
      sum(y).backward(),
      "backward: relu_grad has no derivative: second derivatives are not supported", Error);
}

TEST_CASE("autograd: memory is let go with the tape") {
  Allocator& memory = allocator(Device::cpu());
  Tensor x = leaf({100, 100});
  const std::size_t before = memory.stats().allocated;
  {
    const Tensor y = sum(exp(x * 2.0) * 3.0);
    CHECK(memory.stats().allocated >= before + 80000);
    y.backward();
    // Only the root and the gradient are left, though the tape's nodes are still there.
    CHECK(memory.stats().allocated < before + 2 * 80000);
  }
  x.zero_grad();
  CHECK(memory.stats().allocated == before);
}

constexpr int deep = 100000;

template <class F>
void check_deep_chain(const F& step) {
  for (bool walk : {false, true}) {
    Tensor x = ones({}, DType::f64).set_requires_grad();
    Tensor y = x;
    for (int i = 0; i < deep; ++i) y = step(y, x);
    if (walk) y.backward();
    CHECK(x.grad().defined() == walk);
    y = Tensor();  // would overflow the stack if nodes freed each other
  }
}

TEST_CASE("autograd: a chain of 100,000 ops is freed without deep recursion") {
  SUBCASE("nothing saved") {
    check_deep_chain([](const Tensor& y, const Tensor&) { return y + 0.0; });
  }
  SUBCASE("inputs saved") {
    check_deep_chain([](const Tensor& y, const Tensor& x) { return y * x; });
  }
  SUBCASE("outputs saved") {
    check_deep_chain([](const Tensor& y, const Tensor&) { return relu(y); });
  }
  SUBCASE("the same input saved twice") {
    check_deep_chain([](const Tensor& y, const Tensor&) { return y * y; });
  }
  SUBCASE("an input that a side branch saved too") {
    check_deep_chain([](const Tensor& y, const Tensor&) { return y * sin(y) + log(y); });
  }
  SUBCASE("views") {
    check_deep_chain([](const Tensor& y, const Tensor&) { return y.reshape({1}).reshape({}); });
  }
}

TEST_CASE("autograd: a retained walk can be freed too") {
  Tensor x = ones({}, DType::f64).set_requires_grad();
  Tensor y = x;
  for (int i = 0; i < deep; ++i) y = y * y;
  backward(y, {}, true);
  y = Tensor();
  CHECK(x.grad().defined());
}

}  // namespace
}  // namespace glassbox::test
