// The numbers behind charts, against references, and what is written into an SVG.
#include "viz/chart.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "datasets/image.h"
#include "engine/core/error.h"
#include "engine/engine.h"
#include "tests/skip.h"
#include "tests/temp_folder.h"
#include "tests/viz/chart_samples.h"
#include "tests/viz/golden.h"
#include "viz/chart_png.h"
#include "viz/chart_tensor.h"
#include "viz/svg.h"

using namespace glassbox;
using nlohmann::json;

namespace {

constexpr double no_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

json reference(const char* part) {
  return json::parse(test::read_data("charts/reference.json"))[part];
}

// null is NaN.
std::vector<double> numbers(const json& list) {
  std::vector<double> out;
  for (const json& v : list) out.push_back(v.is_null() ? no_value : v.get<double>());
  return out;
}

bool near(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || a == doctest::Approx(b).epsilon(1e-12).scale(1e-300);
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("charts: smoothing is TensorBoard's") {
  const json all = reference("smoothing");
  REQUIRE(all.size() == 35);
  for (const json& row : all) {
    const auto out = viz::smoothed(numbers(row["y"]), row["weight"]);
    const auto wanted = numbers(row["smoothed"]);
    REQUIRE(out.size() == wanted.size());
    double size = 0;
    for (const double v : wanted) size = std::isnan(v) ? size : std::max(size, std::abs(v));
    for (std::size_t i = 0; i < out.size(); ++i) {
      CAPTURE(row["weight"].get<double>());
      CAPTURE(i);
      CHECK((near(out[i], wanted[i]) || std::abs(out[i] - wanted[i]) <= 1e-12 * size));
    }
  }
  const auto kept = viz::smoothed({1, infinity, 3, -infinity, 3}, 0.5);
  CHECK(kept[1] == infinity);
  CHECK(kept[3] == -infinity);
  CHECK(kept[2] == doctest::Approx((0.5 * 1 + 3) / 1.5));
  CHECK_THROWS_WITH_AS(viz::smoothed({1, 2}, 1),
                       "smoothed: weight 1 must be at least 0 and below 1", Error);
  CHECK_THROWS_AS(viz::smoothed({1, 2}, no_value), Error);
}

TEST_CASE("charts: histograms are numpy's") {
  const json all = reference("histograms");
  REQUIRE(all.size() == 40);
  for (const json& row : all) {
    const auto values = numbers(row["values"]);
    const viz::Histogram h = viz::histogram(values, row["bins"].get<int>());
    CHECK(h.counts == numbers(row["counts"]));
    const auto edges = numbers(row["edges"]);
    REQUIRE(h.edges.size() == edges.size());
    for (std::size_t i = 0; i < edges.size(); ++i) CHECK(near(h.edges[i], edges[i]));
  }
  const viz::Histogram odd = viz::histogram({1, no_value, infinity, 2, -infinity, no_value}, 2);
  CHECK(odd.counts == std::vector<double>{1, 1});
  CHECK(odd.nans == 2);
  CHECK(odd.infinities == 2);
  const viz::Histogram huge = viz::histogram({-1.7e308, 0, 1.7e308}, 4);
  CHECK(huge.total() == 3);
  CHECK_THROWS_AS(viz::histogram_edges(0, no_value, 3), Error);
  CHECK_THROWS_AS(viz::histogram_edges(2, 1, 3), Error);
  CHECK_THROWS_AS(viz::histogram_edges(0, 1, 0), Error);
  CHECK_THROWS_AS(viz::histogram({1}, std::vector<double>{1}), Error);
}

TEST_CASE("charts: histograms in other bins keep their total") {
  const viz::Histogram h{{0, 1, 2}, {4, 8}, 0, 0};
  CHECK(viz::rebinned(h, {0, 0.5, 1, 1.5, 2}).counts == std::vector<double>{2, 2, 4, 4});
  CHECK(viz::rebinned(h, {0, 2}).counts == std::vector<double>{12});
  CHECK(viz::rebinned(h, {-1, 0.25, 3}).counts == std::vector<double>{1, 11});
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  std::vector<double> values;
  for (int i = 0; i < 500; ++i) values.push_back(normal(random));
  const auto from = viz::histogram(values, 30);
  const auto to = viz::rebinned(from, viz::histogram_edges(-6, 6, 17));
  CHECK(to.total() == doctest::Approx(500));
}

TEST_CASE("charts: slices share bins and nothing else") {
  // HiddenLayer pools the steps before a step into it: here each has its own values alone.
  std::vector<viz::HistogramSlice> slices(3);
  slices[0].values = {0, 0, 0, 1};
  slices[1].values = {4};
  slices[2].counted = viz::Histogram{{0, 2, 4}, {6, 2}, 0, 0};
  const auto all = viz::detail::shared_bins(slices, 4);
  REQUIRE(all.size() == 3);
  CHECK(all[0].counts == std::vector<double>{3, 1, 0, 0});
  CHECK(all[1].counts == std::vector<double>{0, 0, 0, 1});
  CHECK(all[2].counts == std::vector<double>{3, 3, 1, 1});
  CHECK(all[0].edges == all[2].edges);
}

TEST_CASE("charts: bands over runs") {
  const json all = reference("bands");
  std::vector<viz::Series> runs;
  for (const json& run : all["runs"])
    runs.push_back({.name = "run", .x = numbers(run["x"]), .y = numbers(run["y"])});
  const auto least = viz::aggregate("a", runs, viz::Band::min_max);
  const auto spread = viz::aggregate("b", runs, viz::Band::mean_sd);
  const auto mean = numbers(all["mean"]), sd = numbers(all["sd"]), low = numbers(all["low"]),
             high = numbers(all["high"]);
  CHECK(least.x == numbers(all["x"]));
  REQUIRE(least.y.size() == mean.size());
  for (std::size_t i = 0; i < mean.size(); ++i) {
    CHECK(least.y[i] == doctest::Approx(mean[i]));
    CHECK(least.low[i] == doctest::Approx(low[i]));
    CHECK(least.high[i] == doctest::Approx(high[i]));
    CHECK(spread.low[i] == doctest::Approx(mean[i] - sd[i]));
    CHECK(spread.high[i] == doctest::Approx(mean[i] + sd[i]));
  }
  CHECK(viz::aggregate("none", {}, viz::Band::mean_sd).x.empty());
}

TEST_CASE("charts: confusion matrices are scikit-learn's") {
  for (const json& row : reference("confusion")) {
    const auto matrix = viz::ConfusionMatrix::of(row["labels"], row["predictions"], row["n"]);
    CHECK(matrix.counts == row["counts"].get<std::vector<std::int64_t>>());
    CHECK(matrix.total() == static_cast<std::int64_t>(row["labels"].size()));
    const double accuracy = row["accuracy"].is_null() ? no_value : row["accuracy"].get<double>();
    CHECK(near(matrix.accuracy(), accuracy));
    const auto recall = numbers(row["recall"]), precision = numbers(row["precision"]);
    for (std::size_t k = 0; k < recall.size(); ++k) {
      CHECK(near(matrix.recall(k), recall[k]));
      CHECK(near(matrix.precision(k), precision[k]));
    }
  }
  CHECK_THROWS_WITH_AS(viz::ConfusionMatrix::of({0, 1}, {0}, 2),
                       "confusion matrix: 2 labels do not fit 1 predictions", Error);
  CHECK_THROWS_WITH_AS(viz::ConfusionMatrix::of({0, 5}, {0, 1}, 2),
                       "confusion matrix: class 5 at 1 is none of 2", Error);
  viz::ConfusionMatrix broken;
  broken.counts = {1, 2, 3};
  CHECK_THROWS_AS(broken.size(), Error);
}

TEST_CASE("charts: a million points become some thousand and keep their extremes") {
  std::vector<viz::Point> points;
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  constexpr int n = 1'000'000;
  constexpr double width = 600;
  for (int i = 0; i < n; ++i) points.push_back({width * i / n, normal(random)});
  points[500'000].y = 100;
  points[123'456].y = -90;
  for (int i = 300'000; i < 320'000; ++i) points[static_cast<std::size_t>(i)].y = no_value;
  const auto parts = viz::detail::visible_parts(points, 0.5);
  CHECK(parts.size() == 2);
  std::size_t kept = 0;
  std::vector<double> low(1200, infinity), high(1200, -infinity), all_low = low, all_high = high;
  const auto add = [](std::vector<double>& l, std::vector<double>& h, const viz::Point& p) {
    const auto column = static_cast<std::size_t>(p.x / 0.5);
    l[column] = std::min(l[column], p.y);
    h[column] = std::max(h[column], p.y);
  };
  for (const auto& part : parts) {
    kept += part.size();
    for (const auto& p : part) add(low, high, p);
  }
  for (const auto& p : points)
    if (!std::isnan(p.y)) add(all_low, all_high, p);
  CHECK(kept <= 4 * 1200);
  CHECK(low == all_low);
  CHECK(high == all_high);
  // Few points stay what they are.
  const std::vector<viz::Point> few = {{0, 1}, {10, 2}, {20, no_value}, {30, 4}};
  const auto same = viz::detail::visible_parts(few, 1);
  REQUIRE(same.size() == 2);
  CHECK(same[0].size() == 2);
  CHECK(same[1][0].y == 4);
}

TEST_CASE("charts: a long line is a small SVG") {
  viz::LineChart chart;
  chart.series.resize(1);
  std::mt19937 random(3);
  for (int i = 0; i < 300'000; ++i) {
    chart.series[0].x.push_back(i);
    chart.series[0].y.push_back(static_cast<double>(random() % 1000));
  }
  CHECK(viz::to_svg(chart).size() < 150'000);
  std::shuffle(chart.series[0].x.begin(), chart.series[0].x.end(), random);
  CHECK(viz::to_svg(chart).size() < 150'000);
}

TEST_CASE("charts: which point is the best") {
  CHECK(viz::best_of("val/loss") == viz::Best::least);
  CHECK(viz::best_of("Accuracy") == viz::Best::greatest);
  CHECK(viz::best_of("lr") == viz::Best::none);
  viz::LineChart chart;
  chart.series = {{"loss", {1, 2, 3}, {3, 0.25, 2}},
                  {"accuracy", {1, 2, 3}, {0.5, no_value, 0.75}}};
  chart.x_format = [](double v) { return "9:" + std::to_string(static_cast<int>(v)); };
  const std::string svg = viz::to_svg(chart);
  CHECK(has(svg, ">2 · best 0.25 at 9:2</text>"));
  CHECK(has(svg, ">0.75 · best 0.75 at 9:3</text>"));
  CHECK(has(svg, ">1 NaN</text>"));
  CHECK(has(chart.description(), "loss 2 · best 0.25 at 9:2"));
  chart.best = viz::Best::greatest;
  CHECK(has(viz::to_svg(chart), ">2 · best 3 at 9:1</text>"));
}

TEST_CASE("charts: values without a place are counted") {
  viz::LineChart chart;
  chart.series = {{"y", {1, 2, 3, 4, no_value}, {1, -1, 0, infinity, 1}}};
  chart.log_y = true;
  const std::string svg = viz::to_svg(chart);
  CHECK(has(svg, "1 NaN, 1 infinite, 2 not above 0, not drawn"));
}

TEST_CASE("charts: themes") {
  viz::LineChart chart;
  chart.title = "t";
  chart.series = {{"y", {1, 2}, {1, 2}}};
  const std::string light = viz::to_svg(chart),
                    dark = viz::to_svg(chart, {640, 0, viz::ThemeMode::dark});
  CHECK(has(light, "#1457C8"));
  CHECK_FALSE(has(light, "<style>"));
  CHECK(has(dark, "#5B86F2"));
  CHECK_FALSE(has(dark, "#1457C8"));
  const std::string both = viz::to_svg(chart, {640, 0, viz::ThemeMode::automatic});
  CHECK(has(both, "@media (prefers-color-scheme: dark)"));
  CHECK(has(both, ".gb-s1457C85B86F2{stroke:#5B86F2}"));
  CHECK(has(both, "stroke=\"#1457C8\" class=\"gb-s1457C85B86F2\""));
  CHECK_FALSE(has(both, " id=\""));  // several may stand in one page
}

TEST_CASE("charts: images") {
  viz::Image image{2, 3, 1, {0, 1, 2, 3, 4, static_cast<float>(no_value)}, ""};
  const auto pixels = viz::detail::pixels_of(image, 0, 4, viz::ColorMap::grey);
  CHECK(pixels[0] == viz::Rgb{0, 0, 0});
  CHECK(pixels[4] == viz::Rgb{255, 255, 255});
  CHECK(pixels[2] == viz::Rgb{128, 128, 128});
  CHECK(pixels[5] == viz::nan_color);
  // One value: the middle of the map, not its end.
  image.values.assign(6, 7);
  CHECK(viz::detail::pixels_of(image, 7, 7, viz::ColorMap::grey)[0] == viz::Rgb{128, 128, 128});
  // [channels, height, width]: red, green, blue planes.
  const viz::Image color{1, 2, 3, {0, 1, 0.5F, 0, 1, 1}, ""};
  const auto rgb = viz::detail::pixels_of(color, 0, 1, viz::ColorMap::grey);
  CHECK(rgb[0] == viz::Rgb{0, 128, 255});
  CHECK(rgb[1] == viz::Rgb{255, 0, 255});
}

TEST_CASE("charts: shared and own normalisation differ") {
  viz::ImageRow row;
  row.images = {{1, 2, 1, {0, 1}, ""}, {1, 2, 1, {0, 2}, ""}};
  row.normalize = viz::Normalize::own;
  const std::string own = viz::to_svg(row);
  row.normalize = viz::Normalize::shared;
  const std::string shared = viz::to_svg(row);
  const auto pictures = [](const std::string& svg) {
    std::vector<std::string> found;
    for (std::size_t at = svg.find("base64,"); at != svg.npos; at = svg.find("base64,", at + 1))
      found.push_back(svg.substr(at, svg.find('"', at) - at));
    return found;
  };
  REQUIRE(pictures(own).size() == 2);
  CHECK(pictures(own)[0] == pictures(own)[1]);
  REQUIRE(pictures(shared).size() == 3);  // and the bar of colours
  CHECK(pictures(shared)[0] != pictures(shared)[1]);
}

TEST_CASE("charts: what a PNG holds is what was drawn") {
  if (!datasets::can_use_png()) return test::skip("this build has no libpng");
  std::mt19937 random(9);
  for (int round = 0; round < 24; ++round) {
    const int width = 1 + static_cast<int>(random() % 90),
              height = 1 + static_cast<int>(random() % 90);
    std::vector<viz::Rgb> pixels;
    for (int i = 0; i < width * height; ++i) {
      const auto any = [&random] { return static_cast<std::uint8_t>(random()); };
      const auto flat = static_cast<std::uint8_t>(i / 50 * 30);
      if (round % 3 == 0) pixels.push_back({any(), any(), any()});  // more than 256 colours
      if (round % 3 == 1) pixels.push_back({flat, 7, static_cast<std::uint8_t>(random() % 3)});
      if (round % 3 == 2) pixels.push_back({flat, flat, 1});
    }
    const std::string png = viz::detail::encode_png(width, height, pixels);
    const Tensor back = datasets::decode_image(png, "chart.png");
    REQUIRE(back.shape() == Shape{3, height, width});
    const auto planes = back.data<std::uint8_t>();
    const auto n = static_cast<std::size_t>(width * height);
    bool is_same = true;
    for (std::size_t i = 0; i < n; ++i)
      is_same = is_same && viz::Rgb{planes[i], planes[n + i], planes[2 * n + i]} == pixels[i];
    CHECK(is_same);
  }
  // A picture that was only enlarged stays small.
  CHECK(viz::detail::encode_png(512, 512, std::vector<viz::Rgb>(512 * 512)).size() < 4000);
}

TEST_CASE("charts: of tensors") {
  const Tensor weight = arange(2 * 3 * 2 * 2).reshape({2, 3, 2, 2});
  const viz::FilterGrid filters = viz::filters_of(weight, "conv1");
  CHECK(filters.out == 2);
  CHECK(filters.in == 3);
  CHECK(filters.values[23] == 23);
  const viz::FeatureMapGrid maps = viz::feature_maps_of(weight, "maps", 1);
  CHECK(maps.channels == 3);
  CHECK(maps.values.front() == 12);
  CHECK(viz::image_of(weight[0], "a").channels == 3);
  CHECK(viz::image_of(weight[0][1], "a").channels == 1);
  CHECK(viz::values_of(weight).size() == 24);
  CHECK_THROWS_WITH_AS(viz::filters_of(weight[0]),
                       "filters_of: weight is [3,2,2]; filters are [out,in,h,w]", Error);
  CHECK_THROWS_AS(viz::feature_maps_of(weight, "", 2), Error);
  CHECK_THROWS_AS(viz::image_of(weight), Error);
}

TEST_CASE("charts: base64") {
  CHECK(viz::detail::base64("") == "");
  CHECK(viz::detail::base64("f") == "Zg==");
  CHECK(viz::detail::base64("fo") == "Zm8=");
  CHECK(viz::detail::base64("foobar") == "Zm9vYmFy");
}

TEST_CASE("charts: files") {
  const test::TempFolder folder;
  const viz::LineChart chart = test::sample_lines();
  viz::save_chart(chart, folder / "a.svg");
  CHECK(test::read_bytes(folder / "a.svg") == viz::to_svg(chart));
  viz::save_chart(chart, folder / "a.txt");
  CHECK(test::read_bytes(folder / "a.txt") == viz::to_terminal(chart, {.columns = 80}));
  CHECK_THROWS_WITH_AS(viz::save_chart(chart, "a.gif"),
                       "a.gif: a chart can be written as .svg, .png, .pdf or .txt", Error);
  CHECK_THROWS_AS(viz::to_svg(chart, {.width = 0}), Error);
  CHECK_THROWS_AS(viz::to_svg(chart, {.width = no_value}), Error);
  CHECK_THROWS_AS(viz::to_svg(chart, {.height = -1}), Error);
  if (!viz::why_no_pdf().empty()) return test::skip(viz::why_no_pdf());
  viz::save_chart(chart, folder / "a.png");
  CHECK(test::read_bytes(folder / "a.png").starts_with("\x89PNG"));
  viz::save_chart(test::sample_images(), folder / "a.pdf");
  CHECK(test::read_bytes(folder / "a.pdf").starts_with("%PDF"));
}
