#include "viz/axis.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/viz/golden.h"
#include "viz/font_metrics.h"

using namespace glassbox;
using viz::Axis;
using viz::AxisOptions;
using viz::Tick;
using Labels = std::vector<std::string>;

namespace {

constexpr double no_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

AxisOptions options_of(double length, bool log = false) {
  AxisOptions options;
  options.length = length;
  options.log = log;
  options.extent = [](std::string_view s) { return viz::text_width(s, 10); };
  return options;
}

Labels labels_of(const Axis& axis) {
  Labels labels;
  for (const Tick& tick : axis.ticks())
    if (!tick.label.empty()) labels.push_back(tick.label);
  return labels;
}

// A label read back.
double value_of(std::string text) {
  for (std::size_t at; (at = text.find("−")) != text.npos;) text.replace(at, 3, "-");
  double unit = 1;
  for (const auto& [letter, size] : {std::pair('k', 1e3), {'M', 1e6}, {'G', 1e9}, {'T', 1e12}}) {
    if (text.back() == letter) {
      unit = size;
      text.pop_back();
    }
  }
  return std::stod(text) * unit;
}

}  // namespace

TEST_CASE("axis: ticks are the finest multiples of 1, 2, 5 that are few enough") {
  const auto all = nlohmann::json::parse(test::read_data("charts/reference.json"))["ticks"];
  REQUIRE(all.size() > 100);
  for (const auto& row : all) {
    const double low = row["low"], high = row["high"];
    CAPTURE(low);
    CAPTURE(high);
    CHECK(viz::nice_ticks(low, high, row["most"]) == row["ticks"].get<std::vector<double>>());
  }
  CHECK(viz::nice_ticks(0, 1, 12, true) == std::vector<double>{0, 1});
  CHECK(viz::nice_ticks(0, 2.5, 12, true) == std::vector<double>{0, 1, 2});
  CHECK(viz::nice_ticks(1, 0, 5).empty());
  CHECK(viz::nice_ticks(0, infinity, 5).empty());
}

TEST_CASE("axis: labels are written alike") {
  CHECK(viz::tick_labels({0, 0.5, 1}) == Labels{"0", "0.5", "1.0"});
  CHECK(viz::tick_labels({-2, 0, 2}) == Labels{"−2", "0", "2"});
  CHECK(viz::tick_labels({0, 2000, 4000}) == Labels{"0", "2000", "4000"});
  CHECK(viz::tick_labels({0, 5000, 10000}) == Labels{"0", "5k", "10k"});
  CHECK(viz::tick_labels({12500, 15000}) == Labels{"12.5k", "15.0k"});
  CHECK(viz::tick_labels({1e6, 1.5e6}) == Labels{"1.0M", "1.5M"});
  CHECK(viz::tick_labels({0, 5e-5, 1e-4}) == Labels{"0", "0.5e−4", "1.0e−4"});
  CHECK(viz::tick_labels({1e300, 2e300}) == Labels{"1e300", "2e300"});
  CHECK(viz::tick_labels({100, 1000, 10000}, true) == Labels{"100", "1k", "10k"});
  CHECK(viz::tick_labels({0.01, 0.1, 1}, true) == Labels{"0.01", "0.1", "1"});
  CHECK(viz::tick_labels({1e-5, 1e-3, 1}, true) == Labels{"1e−5", "1e−3", "1"});
  CHECK(viz::tick_labels({0.5, 1, 2}, true) == Labels{"0.5", "1", "2"});
}

TEST_CASE("axis: short numbers") {
  const std::pair<double, const char*> rows[] = {{0, "0"},
                                                 {1, "1"},
                                                 {0.0017141, "0.001714"},
                                                 {98.765, "98.77"},
                                                 {-0.5, "−0.5"},
                                                 {12345, "12345"},
                                                 {123456, "123.5k"},
                                                 {99999.9, "100k"},
                                                 {999999, "1M"},
                                                 {1e9, "1G"},
                                                 {3.14159e-7, "3.142e−7"},
                                                 {1e300, "1e300"},
                                                 {0.0009999999, "0.001"},
                                                 {5e-324, "4.941e−324"},
                                                 {no_value, "NaN"},
                                                 {infinity, "∞"},
                                                 {-infinity, "−∞"}};
  for (const auto& [value, text] : rows) CHECK(viz::short_number(value) == text);
  CHECK(viz::short_number(1.2345, 2) == "1.2");
  CHECK(viz::short_number(123456, 2) == "123k");
}

TEST_CASE("axis: whole numbers, own labels, logarithms") {
  AxisOptions options = options_of(400);
  options.whole = true;
  CHECK(labels_of(Axis(0, 3, options)) == Labels{"0", "1", "2", "3"});
  options.format = [](double v) { return "9:" + std::to_string(static_cast<int>(v)); };
  CHECK(labels_of(Axis(0, 3, options)) == Labels{"9:0", "9:1", "9:2", "9:3"});
  options.format = [](double) { return std::string("same"); };
  CHECK(labels_of(Axis(0, 3, options)).size() == 1);

  CHECK(labels_of(Axis(1, 1e5, options_of(400, true))) ==
        Labels{"1", "10", "100", "1k", "10k", "100k"});
  CHECK(labels_of(Axis(0.8, 12, options_of(400, true))) == Labels{"1", "2", "5", "10"});
  CHECK(labels_of(Axis(2, 3, options_of(300, true))).size() >= 3);
  const Axis decades(1, 1000, options_of(600, true));
  CHECK(decades.ticks().size() > 20);  // small ones between
  CHECK(decades.part(1) == 0);
  CHECK(decades.part(1000) == doctest::Approx(1));
  CHECK(decades.part(10) == doctest::Approx(1.0 / 3));
  CHECK(std::isnan(decades.part(0)));
  CHECK(std::isnan(decades.part(-1)));
  CHECK(labels_of(Axis(1e-300, 1e300, options_of(400, true))).size() >= 3);
}

TEST_CASE("axis: any range has an axis, whose labels do not touch and say its numbers") {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> unit(0, 1);
  const std::vector<double> odd = {0,      -0.0,  1,        -1,     no_value,  infinity, -infinity,
                                   1e-300, 1e300, -1e300,   5e-324, 1e15,      1.7e308,  -1.7e308,
                                   0.1,    1e-7,  12345678, 1e9,    1e9 + 1e-3};
  for (int i = 0; i < 4000; ++i) {
    const auto any = [&]() -> double {
      if (random() % 3 == 0) return odd[random() % odd.size()];
      return (unit(random) - 0.5) * std::pow(10.0, 30 * (unit(random) - 0.5));
    };
    double low = any(), high = any();
    if (random() % 4 == 0) high = low * (1 + 1e-5 * unit(random));
    AxisOptions options = options_of(20 + 1500 * unit(random), random() % 3 == 0);
    options.whole = random() % 4 == 0;
    options.spacing = 10 + 60 * unit(random);
    CAPTURE(low);
    CAPTURE(high);
    CAPTURE(options.log);
    CAPTURE(options.whole);
    CAPTURE(options.length);
    const Axis axis(low, high, options);
    REQUIRE(std::isfinite(axis.low()));
    REQUIRE(std::isfinite(axis.high()));
    REQUIRE(axis.low() < axis.high());
    if (std::isfinite(low) && !(options.log && low < 2.3e-308)) {
      const double part = axis.part(low);
      CHECK(part >= -1e-9);
      CHECK(part <= 1 + 1e-9);
    }
    double end = -infinity;
    std::set<std::string> seen;
    for (const Tick& tick : axis.ticks()) {
      CHECK(tick.position >= -1e-6);
      CHECK(tick.position <= options.length * (1 + 1e-9) + 1e-6);
      if (tick.label.empty()) continue;
      CHECK(seen.insert(tick.label).second);
      const double half = options.extent(tick.label) / 2;
      CHECK(tick.at - half >= end + (end == -infinity ? 0 : options.gap) - 1e-6);
      CHECK(tick.at - half >= -options.overhang - 1e-6);
      CHECK(tick.at + half <= options.length + options.overhang + 1e-6);
      end = tick.at + half;
      if (options.whole && !options.log) CHECK(tick.value == std::floor(tick.value));
      if (std::abs(tick.value) < 1e300)
        CHECK(value_of(tick.label) == doctest::Approx(tick.value).epsilon(1e-12));
    }
    if (options.length > 200 && !options.whole) CHECK(seen.size() >= 1);
  }
}

TEST_CASE("axis: ranges") {
  const auto is = [](viz::Range range, double low, double high) {
    return range.low == doctest::Approx(low) && range.high == doctest::Approx(high);
  };
  CHECK(is(viz::range_of({1, no_value, 3, infinity}, 0, false), 1, 3));
  CHECK(is(viz::range_of({0, 10}, 0.1, false), -1, 11));
  CHECK(is(viz::range_of({-5, 1, 100}, 0, true), 1, 100));
  CHECK(is(viz::range_of({1, 100}, 0.5, true), 0.1, 1000));
  CHECK(is(viz::range_of({2, 2}, 0, false), 1.8, 2.2));
  CHECK(is(viz::range_of({0}, 0, false), -1, 1));
  CHECK(is(viz::range_of({}, 0, false), 0, 1));
  CHECK(is(viz::range_of({no_value}, 0, true), 1, 10));
  const viz::Range huge = viz::range_of({-1.7e308, 1.7e308}, 0.5, false);
  CHECK(std::isfinite(huge.low));
  CHECK(std::isfinite(huge.high));
}
