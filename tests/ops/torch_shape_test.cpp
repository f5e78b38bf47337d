// Ops that move elements, against PyTorch.
#include "engine/ops/shape.h"
#include "tests/ops/torch_cases.h"

namespace glassbox::test {

TEST_CASE("torch: reshape, flatten, squeeze, unsqueeze") {
  int cases = for_cases("reshape", [](const Case& c) {
    const ops::Reshape op{c.value("shape", std::vector<std::int64_t>{})};  // one size may be -1
    check(c, [&](const Tensors& in) { return apply(op, in[0])[0]; });
  });
  cases += for_cases("flatten", [](const Case& c) {
    check(c, [&](const Tensors& in) {
      return flatten(in[0], c.value("start_dim", 0), c.value("end_dim", -1));
    });
  });
  cases += for_cases("squeeze", [](const Case& c) {
    const bool all = !c.options.contains("dim");
    check(c, [&](const Tensors& in) {
      return all ? squeeze(in[0]) : squeeze(in[0], c.value("dim", 0));
    });
  });
  cases += for_cases("unsqueeze", [](const Case& c) {
    check(c, [&](const Tensors& in) { return unsqueeze(in[0], c.value("dim", 0)); });
  });
  CHECK(cases == 14);
}

TEST_CASE("torch: permute, slice, concat, stack, pad") {
  int cases = for_cases("permute", [](const Case& c) {
    check(c,
          [&](const Tensors& in) { return permute(in[0], c.value("dims", std::vector<int>{})); });
  });
  CHECK(cases == 11);
  cases = for_cases("slice", [](const Case& c) {
    const ops::Slice op{c.value("dim", 0), c.value("start", std::int64_t(0)),
                        c.value("stop", ops::Slice::to_end), c.value("step", std::int64_t(1))};
    check(c, [&](const Tensors& in) { return slice(in[0], op); });
  });
  CHECK(cases == 9);
  cases = for_cases("concat", [](const Case& c) {
    check(c, [&](const Tensors& in) { return concat(in, c.value("dim", 0)); });
  });
  CHECK(cases == 6);
  cases = for_cases("stack", [](const Case& c) {
    check(c, [&](const Tensors& in) { return stack(in, c.value("dim", 0)); });
  });
  CHECK(cases == 6);
  cases = for_cases("pad", [](const Case& c) {
    const auto before = c.value("before", std::vector<std::int64_t>{});
    const auto after = c.value("after", std::vector<std::int64_t>{});
    ops::Pad op{.amounts = {}, .value = c.value("value", 0.0)};
    for (std::size_t d = before.size(); d-- > 0;) {
      op.amounts.push_back(before[d]);
      op.amounts.push_back(after[d]);
    }
    check(c, [&](const Tensors& in) { return pad(in[0], op); });
  });
  CHECK(cases == 6);
}

}  // namespace glassbox::test
