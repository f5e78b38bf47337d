#include "viz/chart_theme.h"

#include "engine/core/error.h"

namespace glassbox::viz {
namespace {

std::vector<Rgb> colors(std::initializer_list<std::string_view> list) {
  std::vector<Rgb> all;
  for (const std::string_view hex : list) all.push_back(rgb_of(hex));
  return all;
}

}  // namespace

// The series' colours began as Okabe and Ito's, which are too pale on white and too dark on black,
// and were moved until contrast and the least difference between any two were high for all readers.
const ChartTheme& light_chart_theme() {
  static const ChartTheme theme = {rgb_of("#FFFFFF"),
                                   rgb_of("#1F2328"),
                                   rgb_of("#5D6673"),
                                   rgb_of("#8A939E"),
                                   rgb_of("#E3E7EC"),
                                   rgb_of("#6A1FC9"),
                                   rgb_of("#C4001A"),
                                   colors({"#1457C8", "#B83A04", "#1FA35C", "#DB57AF", "#BF8200",
                                           "#4696F5", "#663B2A", "#2E5D6D"})};
  return theme;
}

const ChartTheme& dark_chart_theme() {
  static const ChartTheme theme = {rgb_of("#15191F"),
                                   rgb_of("#E6EAF0"),
                                   rgb_of("#9AA5B4"),
                                   rgb_of("#6B7684"),
                                   rgb_of("#2A313B"),
                                   rgb_of("#A472FF"),
                                   rgb_of("#FF6B6B"),
                                   colors({"#5B86F2", "#EC6A38", "#2BDD86", "#D065A2", "#F7D447",
                                           "#86C8FF", "#A67C66", "#B8E3CB"})};
  return theme;
}

Rgb ChartTheme::color_of(const Paint& paint) const {
  Rgb color = text;
  switch (paint.ink) {
    case Ink::exact:
      color = paint.color;
      break;
    case Ink::none:
    case Ink::background:
      return background;
    case Ink::text:
      break;
    case Ink::muted:
      color = muted;
      break;
    case Ink::axis:
      color = axis;
      break;
    case Ink::grid:
      color = grid;
      break;
    case Ink::series:
      if (!series.empty()) color = series[static_cast<std::size_t>(paint.index) % series.size()];
      break;
    case Ink::ridge:
      color = ridge;
      break;
    case Ink::warning:
      color = warning;
      break;
  }
  return mixed(color, background, paint.fade);
}

std::string_view name_of(ThemeMode mode) {
  return mode == ThemeMode::light ? "light" : mode == ThemeMode::dark ? "dark" : "auto";
}

ThemeMode theme_mode_named(std::string_view name) {
  for (const ThemeMode mode : {ThemeMode::light, ThemeMode::dark, ThemeMode::automatic})
    if (name == name_of(mode)) return mode;
  fail("chart theme", cat("there is no \"", name, "\"; there are light, dark, auto"));
}

}  // namespace glassbox::viz
