#include "viz/tensor_stats.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/engine.h"
#include "viz/histogram_tensor.h"

using namespace glassbox;

TEST_CASE("tensor stats of corner cases") {
  const auto stats = viz::stats_of(tensor<float>({1, NAN, 0}));
  CHECK(std::isnan(stats.mean));
  CHECK(std::isnan(stats.std));
  CHECK(std::isnan(stats.min));
  CHECK(std::isnan(stats.max));
  CHECK(stats.zeros == doctest::Approx(1.0 / 3));
  CHECK(viz::stats_of(tensor<float>({2, INFINITY})).max == INFINITY);
  CHECK(std::isnan(viz::stats_of(zeros({0, 4})).mean));
  CHECK(viz::stats_of(tensor<std::int64_t>({1, 2, 3, 6})).mean == 3);
  CHECK(viz::stats_of(tensor<double>({1, 2, 3, 6})).std == doctest::Approx(std::sqrt(3.5)));

  std::vector<float> many(3'000'000, 1.0f);
  many[5] = -INFINITY;
  many[1'500'000] = NAN;
  many[2'999'999] = -NAN;
  const auto count = viz::count_non_finite(from(many, {3'000'000}));
  CHECK(count == viz::NonFiniteCount{2, 1});
  CHECK(viz::count_non_finite(tensor<double>({1e308, INFINITY, NAN, -1})) ==
        viz::NonFiniteCount{1, 1});
  CHECK(viz::count_non_finite(tensor<float>({3.4e38f, 1e-45f, 0})) == viz::NonFiniteCount{});
  CHECK(viz::count_non_finite(cast(tensor<float>({1, NAN, INFINITY}), DType::f16)) ==
        viz::NonFiniteCount{1, 1});
  CHECK(!viz::count_non_finite(tensor<std::int64_t>({1})).any());
  CHECK(!viz::count_non_finite(Tensor()).any());
  CHECK(viz::norm_of(tensor<float>({3, 4})) == 5);
  CHECK(viz::norm_of_difference(tensor<float>({3, 4}), tensor<float>({0, 8})) == 5);
}

TEST_CASE("tensor stats: dead units of every layout") {
  using viz::dead_units;
  CHECK(dead_units(from<float>({0, 1, 0, 0, 0, 2}, {2, 3})) == doctest::Approx(1.0 / 3));
  CHECK(dead_units(from<float>({0, 0, 0, 3, 0, 0, 0, 0}, {1, 2, 2, 2})) == 0.5);  // by channel
  CHECK(dead_units(from<float>({0, 1, 0, 1, 0, 0}, {1, 3, 2})) == 0.5);           // by feature
  CHECK(dead_units(from<float>({0, 0, -1}, {3})) == doctest::Approx(2.0 / 3));
  CHECK(dead_units(from<float>({NAN, 0}, {1, 2})) == 0.5);
  CHECK(std::isnan(dead_units(zeros({0, 4}))));
}

TEST_CASE("histogram tensor: what is a histogram in a tensor, and what is none") {
  viz::Histogram h{{0, 1, 3}, {2, 5}, 7, 1};
  const auto back = viz::histogram_in(viz::histogram_tensor(h));
  REQUIRE(back);
  CHECK(back->edges == h.edges);
  CHECK(back->counts == h.counts);
  CHECK(back->nans == 7);
  CHECK(back->infinities == 1);
  CHECK(!viz::histogram_in(Tensor()));
  CHECK(!viz::histogram_in(ones({2, 4}, DType::f64)));
  CHECK(!viz::histogram_in(from<double>({0, 1, 3, 4, 2, 5, 7, 1}, {2, 4})));      // no NaN
  CHECK(!viz::histogram_in(from<double>({0, 1, 0, NAN, 2, 5, 7, 1}, {2, 4})));    // edges fall
  CHECK(!viz::histogram_in(from<double>({0, 1, 3, NAN, 2, 5.5, 7, 1}, {2, 4})));  // half a value
  CHECK(!viz::histogram_in(from<float>({0, 1, 3, NAN, 2, 5, 7, 1}, {2, 4})));
  CHECK_THROWS_AS(viz::histogram_tensor({}), Error);
}
