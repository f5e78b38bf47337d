// Receptive fields against a probe: the pixels of the input that have a gradient.
#include <doctest/doctest.h>

#include "engine/autograd/tape.h"
#include "engine/ops/create.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/update.h"
#include "layers/layers.h"
#include "layers/models/models.h"
#include "viz/explain.h"
#include "viz/summary.h"

using namespace glassbox;

namespace {

struct Box {
  std::int64_t top = 1 << 30, bottom = -1, left = 1 << 30, right = -1;
};

// Weights that let every path through, so that no gradient is zero but where there is no path; of
// pools only the largest pixel has one, so several inputs are tried.
Box probe(layers::ModuleBase& model, const std::string& path, std::int64_t size, int tries) {
  {
    const NoGrad no_grad;
    for (auto& [name, tensor] : model.named_parameters()) {
      if (tensor.shape().rank() != 4) continue;
      const double fan_in = static_cast<double>(tensor.shape().product(1, 4));
      assign(tensor, full(tensor.shape(), 1 / fan_in, tensor.dtype()));
    }
  }
  model.eval();
  Box box;
  for (int t = 0; t < tries; ++t) {
    layers::Capture captured = layers::capture(model, path);
    Tensor x = rand({1, 3, size, size});
    x.set_requires_grad(true);
    model.call({x});
    const Tensor& y = captured.value();
    const std::int64_t row = y.size(2) / 2, column = y.size(3) / 2;
    const Tensor pixel = slice(slice(y, {.dim = 2, .start = row, .stop = row + 1}),
                               {.dim = 3, .start = column, .stop = column + 1});
    sum(pixel).backward();
    const std::vector<float> g = x.grad().to_vector<float>();
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(g.size()); ++i) {
      if (g[static_cast<std::size_t>(i)] == 0) continue;
      const std::int64_t h = i / size % size, w = i % size;
      box.top = std::min(box.top, h);
      box.bottom = std::max(box.bottom, h);
      box.left = std::min(box.left, w);
      box.right = std::max(box.right, w);
    }
  }
  return box;
}

Pair field_at(layers::ModuleBase& model, const std::string& path, std::int64_t size) {
  const viz::Summary summary = viz::summary(model, {{3, size, size}});
  const viz::ReceptiveField& field =
      summary.rows[static_cast<std::size_t>(viz::find_row(summary, path))].field;
  REQUIRE(field.known);
  REQUIRE_FALSE(field.whole);
  return field.size;
}

struct Dilated : layers::Module<Dilated> {
  layers::Sequential body{layers::Conv2d{3, 4, {3, 5}, {.stride = {1, 2}, .padding = 2}},
                          layers::ReLU{},
                          layers::Conv2d{4, 4, 3, {.padding = 2, .dilation = {2, 1}}},
                          layers::AvgPool2d{{2, 3}, {.stride = {2, 1}}}, layers::Conv2d{4, 2, 3}};
  Tensor forward(const Tensor& x) { return body(x); }
  void fields(layers::Fields& f) { f("body", body); }
};

}  // namespace

TEST_CASE("receptive field: strides, dilation, sides that differ") {
  Dilated model;
  const Pair field = field_at(model, "body", 48);
  const Box box = probe(model, "body", 48, 2);
  CHECK(field.h == box.bottom - box.top + 1);
  CHECK(field.w == box.right - box.left + 1);
}

TEST_CASE("receptive field: resnet18 and resnet50 against the probe" *
          doctest::test_suite("slow")) {
  manual_seed(3);
  models::ResNet small({.depth = 18});
  CHECK(field_at(small, "layer4", 480) == Pair(435));
  const Box a = probe(small, "layer4", 480, 3);
  CHECK(a.bottom - a.top + 1 == 435);
  CHECK(a.right - a.left + 1 == 435);
  models::ResNet large({.depth = 50});
  const Pair field = field_at(large, "layer4", 544);
  const Box b = probe(large, "layer4", 544, 3);
  MESSAGE("resnet50, layer4: ", field.h, " pixels, the probe saw ", b.bottom - b.top + 1);
  CHECK(b.bottom - b.top + 1 == field.h);
  CHECK(b.right - b.left + 1 == field.w);
}
