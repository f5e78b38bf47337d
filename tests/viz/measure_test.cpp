// The measured columns: what they are of, and that nothing but time passes.
#include "viz/measure.h"

#include <doctest/doctest.h>

#include "engine/ops/random.h"
#include "layers/models/models.h"
#include "tests/viz/sample_models.h"

using namespace glassbox;

TEST_CASE("measure: every op that ran has a time, and a module has that of what is inside") {
  models::Net net;
  viz::Summary summary = viz::summary(net, {{1, 28, 28}}, {.batch = 8, .backward = true});
  viz::measure(summary, net, {.runs = 4, .seconds = 0});
  REQUIRE(summary.machine);
  CHECK(summary.machine->runs == 4);
  CHECK(summary.machine->peak_flops > 1e8);
  CHECK(summary.machine->bandwidth > 1e7);
  for (const viz::Summary::Row& row : summary.rows) {
    CAPTURE(row.path);
    const bool only_views = row.total_costs.flops.at(8) == 0;
    REQUIRE(row.time);
    CHECK(row.time->low <= row.time->median);
    CHECK(row.time->median <= row.time->high);
    if (!only_views) CHECK(row.time->median > 0);
    if (row.parent >= 0) {
      // Of each run the parts add up; of medians only about.
      CHECK(row.time->median <= 2 * summary.rows[0].time->high);
    }
    if (row.total > 0) REQUIRE(row.time_backward);
  }
}

TEST_CASE("measure: forward alone, and a model that forks") {
  test::Siamese model;
  viz::Summary summary = viz::summary(model, {{3, 32, 32}, {3, 32, 32}}, {.batch = 2});
  viz::measure(summary, model, {.runs = 2, .seconds = 0});
  CHECK(summary.rows[0].time);
  CHECK_FALSE(summary.rows[0].time_backward);
}

TEST_CASE("measure: the model, its modes and the generator are left as they were") {
  models::Net net;  // has dropout
  net.eval();
  manual_seed(11);
  const auto state_of = [&net] {
    std::vector<std::vector<double>> values;
    for (const auto& [name, tensor] : net.state_dict())
      values.push_back(tensor.to_vector<double>());
    for (const auto& [name, tensor] : net.named_parameters())
      values.push_back({tensor.grad().defined() ? 1.0 : 0.0});
    return std::pair(values, default_generator().state().to_vector<std::int64_t>());
  };
  const auto before = state_of();
  viz::Summary summary = viz::summary(net, {{1, 28, 28}}, {.batch = 2, .backward = true});
  viz::measure(summary, net, {.runs = 1, .seconds = 0});
  CHECK(state_of() == before);
  CHECK_FALSE(net.is_training());
}

TEST_CASE("measure: what cannot be measured says why") {
  const auto on_meta = [] {
    const DeviceScope meta(Device::meta());
    return std::make_unique<models::Net>();
  }();
  viz::Summary summary = on_meta->summary({1, 28, 28});
  CHECK_THROWS_WITH_AS(viz::measure(summary, *on_meta), doctest::Contains("it has no data there"),
                       Error);
  models::Net net;
  viz::Summary wrong = net.summary({3, 28, 28});
  CHECK_THROWS_WITH_AS(viz::measure(wrong, net), doctest::Contains("was not recorded"), Error);
}
