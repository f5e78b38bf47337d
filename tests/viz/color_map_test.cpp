#include "viz/color_map.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "tests/viz/golden.h"
#include "viz/chart_theme.h"

using namespace glassbox;
using viz::ColorMap;
using viz::Rgb;

TEST_CASE("color map: viridis is matplotlib's") {
  const auto all = nlohmann::json::parse(test::read_data("charts/reference.json"))["color_maps"];
  REQUIRE(all["viridis"].size() == 256);
  for (std::size_t i = 0; i < 256; ++i) {
    const std::string wanted = all["viridis"][i];
    CHECK(viz::hex_of(viz::map_color(ColorMap::viridis, (double(i) + 0.5) / 256)) == wanted);
  }
  for (std::size_t i = 0; i < all["parts"].size(); ++i) {
    const double part = all["parts"][i];
    CAPTURE(part);
    CHECK(viz::hex_of(viz::map_color(ColorMap::viridis, part)) == all["colors"][i]);
  }
}

TEST_CASE("color map: ends, NaN, grey") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const ColorMap map : {ColorMap::viridis, ColorMap::grey}) {
    CHECK(viz::map_color(map, -infinity) == viz::map_color(map, 0));
    CHECK(viz::map_color(map, infinity) == viz::map_color(map, 1));
    CHECK(viz::map_color(map, std::nan("")) == viz::nan_color);
    double before = 0;  // never darker, but for what rounding to bytes does
    for (int i = 0; i < 256; ++i) {
      const Rgb color = viz::map_color(map, i / 255.0);
      CHECK_FALSE(color == viz::nan_color);
      const double light = viz::contrast(color, {0, 0, 0});
      CHECK(light >= before * 0.998);
      before = light;
    }
    CHECK(viz::color_map_named(viz::name_of(map)) == map);
  }
  CHECK(viz::map_color(ColorMap::grey, 0.5) == Rgb{128, 128, 128});
  CHECK_THROWS_WITH_AS(viz::color_map_named("jet"),
                       "color map: there is no \"jet\"; there are viridis, grey", Error);
}

TEST_CASE("color map: text on every colour is read") {
  for (const ColorMap map : {ColorMap::viridis, ColorMap::grey}) {
    for (int i = 0; i < 256; ++i) {
      const Rgb color = viz::map_color(map, i / 255.0);
      CHECK(viz::contrast(viz::readable_on(color), color) >= 4.5);
    }
  }
}

namespace {

using Matrix = std::array<std::array<double, 3>, 3>;

std::array<double, 3> times(const Matrix& m, const std::array<double, 3>& v) {
  std::array<double, 3> out{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) out[i] += m[i][j] * v[j];
  return out;
}

// CIE L*a*b* of a colour as a reader with this matrix sees it.
std::array<double, 3> lab(Rgb color, const Matrix& eye) {
  constexpr Matrix xyz = {{{0.4124564, 0.3575761, 0.1804375},
                           {0.2126729, 0.7151522, 0.0721750},
                           {0.0193339, 0.1191920, 0.9503041}}};
  std::array<double, 3> linear{};
  const std::array<int, 3> bytes = {color.red, color.green, color.blue};
  for (std::size_t i = 0; i < 3; ++i) {
    const double c = bytes[i] / 255.0;
    linear[i] = c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  }
  linear = times(eye, linear);
  for (double& c : linear) c = std::min(1.0, std::max(0.0, c));
  std::array<double, 3> f = times(xyz, linear);
  constexpr std::array<double, 3> white = {0.95047, 1, 1.08883};
  for (std::size_t i = 0; i < 3; ++i) {
    const double v = f[i] / white[i];
    f[i] = v > 0.008856 ? std::cbrt(v) : 7.787 * v + 16.0 / 116;
  }
  return {116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])};
}

}  // namespace

TEST_CASE("chart theme: series are seen on their background, and told apart by all readers") {
  // Machado, Oliveira and Fernandes, 2009: full protanopia, deuteranopia and tritanopia.
  constexpr Matrix eyes[] = {{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
                             {{{0.152286, 1.052583, -0.204868},
                               {0.114503, 0.786281, 0.099216},
                               {-0.003882, -0.048116, 1.051998}}},
                             {{{0.367322, 0.860646, -0.227968},
                               {0.280085, 0.672501, 0.047413},
                               {-0.011820, 0.042940, 0.968881}}},
                             {{{1.255528, -0.076749, -0.178779},
                               {-0.078411, 0.930809, 0.147602},
                               {0.004733, 0.691367, 0.303900}}}};
  for (const auto* theme : {&viz::light_chart_theme(), &viz::dark_chart_theme()}) {
    REQUIRE(theme->series.size() == 8);
    CHECK(viz::contrast(theme->text, theme->background) >= 7);
    CHECK(viz::contrast(theme->muted, theme->background) >= 4.5);
    CHECK(viz::contrast(theme->warning, theme->background) >= 4.5);
    for (std::size_t i = 0; i < theme->series.size(); ++i) {
      CHECK(viz::contrast(theme->series[i], theme->background) >= 3);  // WCAG 2, graphics
      for (std::size_t j = 0; j < i; ++j) {
        for (const Matrix& eye : eyes) {
          const auto a = lab(theme->series[i], eye), b = lab(theme->series[j], eye);
          // 2.3 is what is just noticed.
          CHECK(std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) >= 12);
        }
      }
    }
  }
  CHECK(viz::theme_mode_named("auto") == viz::ThemeMode::automatic);
  CHECK_THROWS_AS(viz::theme_mode_named("pink"), Error);
}
