// Two models beside each other, and limits.
#include "viz/compare.h"

#include <doctest/doctest.h>

#include "layers/models/models.h"
#include "tests/viz/golden.h"
#include "tests/viz/sample_models.h"

using namespace glassbox;
using Kind = viz::Comparison::Kind;

namespace {

struct Small : layers::Module<Small> {
  layers::Sequential body;
  layers::Linear head;
  explicit Small(int width, bool bn = false) : head(width * 16, 10) {
    body.push_back(layers::Conv2d{3, width, 3, {.padding = 1}});
    if (bn) body.push_back(layers::BatchNorm2d{width});
    body.push_back(layers::ReLU{});
    body.push_back(layers::MaxPool2d{2});
  }
  Tensor forward(const Tensor& x) { return head(body(x).flatten(1)); }
  void fields(layers::Fields& f) {
    f("body", body);
    f("head", head);
  }
};

viz::Comparison compared(layers::ModuleBase& a, layers::ModuleBase& b, const Shape& input) {
  return viz::compare(viz::summary(a, {input}), viz::summary(b, {input}));
}

}  // namespace

TEST_CASE("compare: a model and itself are the same") {
  const DeviceScope meta(Device::meta());
  for (const models::Entry& entry : models::zoo()) {
    CAPTURE(entry.name);
    const auto model = entry.make(), again = entry.make();
    if (model->usual_inputs().empty()) continue;
    const viz::Comparison c = viz::compare(viz::summary(*model), viz::summary(*again));
    CHECK(c.equal());
    CHECK(c.to_string().find("the same: ") != std::string::npos);
  }
}

TEST_CASE("compare: a width that changed") {
  Small a(8), b(12);
  const viz::Comparison c = compared(a, b, {3, 8, 8});
  CHECK_FALSE(c.equal());
  CHECK(c.count(Kind::added) == 0);
  CHECK(c.count(Kind::removed) == 0);
  const std::string text = c.to_string();
  CHECK(text.find("body.0: output [N, 8, 8, 8] f32 → [N, 12, 8, 8] f32") != std::string::npos);
  CHECK(text.find("parameters 224 → 336 (+50.0 %)") != std::string::npos);
}

TEST_CASE("compare: a layer that came, and one that went") {
  Small a(8), b(8, true);
  const viz::Comparison there = compared(a, b, {3, 8, 8}), back = compared(b, a, {3, 8, 8});
  CHECK(there.count(Kind::added) == 1);
  CHECK(there.count(Kind::removed) == 0);
  CHECK(back.count(Kind::removed) == 1);
  CHECK(there.to_string().find("+   "
                               "  body.1: BatchNorm2d, [N, 8, 8, 8], 16 parameters") !=
        std::string::npos);
  // What comes after is aligned all the same: only its names moved.
  for (const viz::Comparison::Row& row : there.rows) {
    if (row.name.starts_with("body.1 → body.2")) CHECK(row.kind == Kind::same);
  }
  test::check_golden("small.diff.txt", there.to_string(true));
}

TEST_CASE("compare: two of the zoo") {
  const DeviceScope meta(Device::meta());
  models::ResNet a({.depth = 18}), b({.depth = 34});
  const viz::Comparison c = viz::compare(a.summary(), b.summary());
  CHECK(c.count(Kind::removed) == 0);
  CHECK(c.count(Kind::added) == 8);  // blocks, each one row
  CHECK(c.totals[0] == "parameters 11,689,512 → 21,797,672 (+86.5 %)");
}

TEST_CASE("budget: limits are read, kept or exceeded") {
  const DeviceScope meta(Device::meta());
  models::ResNet model({.depth = 50});
  const viz::Summary summary = model.summary();
  CHECK(viz::Budget::parse("params=26M,macs=4.2G,flops=9G").exceeded(summary).empty());
  const auto lines = viz::Budget::parse("params=25M,macs=4G,activations=1MiB").exceeded(summary);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].starts_with("params is 25.6 M, the budget 25M; most in layer4."));
  CHECK(lines[1].starts_with("macs is 4.09 G, the budget 4G; most in "));
  const viz::Budget peak = viz::Budget::parse("peak=2GiB");
  CHECK(peak.needs("peak"));
  CHECK(peak.exceeded(summary, 0x1p31).empty());
  CHECK(peak.exceeded(summary, 0x1p31 + 1).size() == 1);

  CHECK(viz::parse_quantity("8GiB", "x") == 0x1p33);
  CHECK(viz::parse_quantity("1.5k", "x") == 1500);
  CHECK(viz::parse_quantity("7", "x") == 7);
  for (const char* bad : {"", "G", "-1", "1Q", "nan", "1e99", "1 G", "0x1p3"})
    CHECK_THROWS_AS(viz::parse_quantity(bad, "x"), Error);
  for (const char* bad : {"params", "params=", "size=3", "=3", "params=3,", "params=3;macs=4"})
    CHECK_THROWS_AS(viz::Budget::parse(bad), Error);
}
