// The colours of charts. Those of series are eight that readers with any of the three kinds of
// colour blindness can tell apart, and each is seen well on its background: a test has the figures.
// Beyond eight the lines are dashed.
#pragma once
#include <string_view>
#include <vector>

#include "viz/color_map.h"
#include "viz/painter.h"

namespace glassbox::viz {

struct ChartTheme {
  Rgb background, text, muted, axis, grid, ridge, warning;
  std::vector<Rgb> series;

  Rgb color_of(const Paint& paint) const;  // without its opacity
};

const ChartTheme& light_chart_theme();
const ChartTheme& dark_chart_theme();

// Which of them a drawing has; `automatic`: the reader's setting, where it is looked at.
enum class ThemeMode { light, dark, automatic };
std::string_view name_of(ThemeMode mode);
ThemeMode theme_mode_named(std::string_view name);  // light, dark, auto; else throws Error

}  // namespace glassbox::viz
