// Matrix products, softmax, losses and reductions against PyTorch.
#include "engine/ops/index.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "tests/ops/torch_cases.h"

namespace glassbox::test {
namespace {

std::vector<int> dims_of(const Case& c) { return c.value("dim", std::vector<int>{}); }

Reduction reduction_of(const Case& c) {
  const std::string name = c.value("reduction", std::string("mean"));
  for (const Reduction r : {Reduction::none, Reduction::mean, Reduction::sum}) {
    if (name_of(r) == name) return r;
  }
  FAIL("no reduction is named ", name);
  return Reduction::mean;
}

Tensor class_weights(const Case& c, const Tensors& in) {
  return c.value("weight", false) ? in[2] : Tensor();
}

}  // namespace

TEST_CASE("torch: matmul and linear") {
  int cases = for_cases("matmul", [](const Case& c) {
    check(c, [](const Tensors& in) { return matmul(in[0], in[1]); });
  });
  CHECK(cases == 12);
  cases = for_cases("linear", [](const Case& c) {
    check(c,
          [](const Tensors& in) { return linear(in[0], in[1], in.size() > 2 ? in[2] : Tensor()); });
  });
  CHECK(cases == 8);
}

TEST_CASE("torch: softmax and log_softmax") {
  int cases = for_cases("softmax", [](const Case& c) {
    check(c, [&](const Tensors& in) { return softmax(in[0], c.value("dim", -1)); });
  });
  cases += for_cases("log_softmax", [](const Case& c) {
    check(c, [&](const Tensors& in) { return log_softmax(in[0], c.value("dim", -1)); });
  });
  CHECK(cases == 22);
}

TEST_CASE("torch: losses") {
  int cases = for_cases("nll_loss", [](const Case& c) {
    check(c, [&](const Tensors& in) {
      return nll_loss(in[0], in[1], {reduction_of(c), c.value("ignore_index", std::int64_t(-100))},
                      class_weights(c, in));
    });
  });
  CHECK(cases == 24);
  cases = for_cases("cross_entropy", [](const Case& c) {
    check(c, [&](const Tensors& in) {
      return cross_entropy(in[0], in[1],
                           {reduction_of(c), c.value("ignore_index", std::int64_t(-100)),
                            c.value("label_smoothing", 0.0)},
                           class_weights(c, in));
    });
  });
  CHECK(cases == 37);
  cases = for_cases("mse_loss", [](const Case& c) {
    check(c, [&](const Tensors& in) { return mse_loss(in[0], in[1], reduction_of(c)); });
  });
  CHECK(cases == 4);
}

TEST_CASE("torch: sum, mean and var") {
  int cases = for_cases("sum", [](const Case& c) {
    check(c, [&](const Tensors& in) {
      return sum(in[0], {dims_of(c), c.value("keepdim", false)});
    });
  });
  CHECK(cases == 18);
  cases = for_cases("mean", [](const Case& c) {
    check(c, [&](const Tensors& in) {
      return mean(in[0], {dims_of(c), c.value("keepdim", false)});
    });
  });
  CHECK(cases == 15);
  int fractions = 0;  // the engine's correction is a whole number
  cases = for_cases("var", [&](const Case& c) {
    const double correction = c.value("correction", 1.0);
    if (correction != std::floor(correction)) {
      ++fractions;
      return;
    }
    check(c, [&](const Tensors& in) {
      return var(in[0], {dims_of(c), static_cast<int>(correction), c.value("keepdim", false)});
    });
  });
  CHECK(cases - fractions == 22);
}

TEST_CASE("torch: max, min and argmax") {
  int compared = 0;
  const auto compare = [&](const char* op, bool largest) {
    for_cases(op, [&](const Case& c) {
      const std::vector<int> dims = dims_of(c);
      const bool keepdim = c.value("keepdim", false);
      // The engine's max over a dimension is torch.max's: one of equal values gets the gradient.
      const bool other_rule = c.value("rule", std::string()) == "even" &&
                              (c.value("ties", false) || c.value("nan", false));
      if (dims.size() > 1 || (dims.size() == 1 && other_rule)) return;
      ++compared;
      check(c, [&](const Tensors& in) {
        if (dims.empty()) return largest ? max(in[0]) : min(in[0]);
        return (largest ? max(in[0], dims[0], keepdim) : min(in[0], dims[0], keepdim)).values;
      });
    });
  };
  compare("max", true);
  compare("min", false);
  CHECK(compared == 34);
  const int cases = for_cases("argmax", [](const Case& c) {
    const std::vector<int> dims = dims_of(c);
    check(c, [&](const Tensors& in) {
      return dims.empty() ? argmax(in[0]) : argmax(in[0], dims[0], c.value("keepdim", false));
    });
  });
  CHECK(cases == 9);
}

}  // namespace glassbox::test
