#include "viz/theme.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "engine/core/error.h"

namespace glassbox::viz {
namespace {

Theme dark() {
  Theme theme;
  theme.background = "#15191F";
  theme.text = "#E6EAF0";
  theme.muted = "#9AA5B4";
  theme.box_fill = "#222831";
  theme.box_line = "#77818E";
  theme.tint = 0.32;
  theme.edge = "#8D98A6";
  theme.frame_fill = "#1B2027";
  theme.frame_fill_inner = "#222830";
  theme.frame_line = "#3B4450";
  theme.low = "#1E242C";
  theme.high = "#8CC4FF";
  theme.failure = "#FF6B6B";
  theme.added = "#4CD0A8";
  theme.removed = "#FF9A5C";
  theme.changed = "#F0C64A";
  return theme;
}

Theme basic() {
  Theme theme;
  theme.text = theme.muted = theme.box_line = theme.edge = "#000000";
  theme.box_fill = "#E8E8E8";
  theme.tint = 0;
  theme.frame_fill = theme.frame_fill_inner = "#FFFFFF";
  theme.frame_line = "#9A9A9A";
  theme.line_width = 1;
  theme.radius = 0;
  return theme;
}

Theme blue() {
  Theme theme;
  theme.text = "#202020";
  theme.muted = "#455062";
  theme.box_fill = "#BCD6FC";
  theme.box_line = theme.edge = "#7C96BC";
  theme.tint = 0;
  theme.frame_fill = "#F4F8FF";
  theme.frame_fill_inner = "#E8F0FC";
  theme.frame_line = "#C4D4EC";
  return theme;
}

Theme paper() {
  Theme theme;
  theme.text = "#000000";
  theme.muted = "#404040";
  theme.box_line = theme.edge = "#000000";
  theme.tint = 0;
  theme.frame_fill = "#FFFFFF";
  theme.frame_fill_inner = "#FFFFFF";
  theme.frame_line = "#8A8A8A";
  theme.low = "#FFFFFF";
  theme.high = "#404040";
  theme.line_width = 0.7;
  theme.radius = 3;
  return theme;
}

std::array<int, 3> channels_of(std::string_view color) {
  std::array<int, 3> channels{};
  bool good = color.size() == 7 && color[0] == '#';
  for (std::size_t i = 1; good && i < 7; ++i) {
    const char c = color[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    good = digit >= 0;
    channels[(i - 1) / 2] = channels[(i - 1) / 2] * 16 + digit;
  }
  if (!good) fail("theme", cat("\"", color, "\" is no colour; write it as #RRGGBB"));
  return channels;
}

}  // namespace

const std::vector<std::string>& theme_names() {
  static const std::vector<std::string> names = {"light", "dark", "basic", "blue", "paper"};
  return names;
}

Theme theme_named(std::string_view name) {
  if (name == "light") return {};
  if (name == "dark") return dark();
  if (name == "basic") return basic();
  if (name == "blue") return blue();
  if (name == "paper") return paper();
  std::string list;
  for (const std::string& known : theme_names()) list += (list.empty() ? "" : ", ") + known;
  fail("theme", cat("there is no \"", name, "\"; there are ", list));
}

namespace detail {

std::string mix(std::string_view a, std::string_view b, double part) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto from = channels_of(a), to = channels_of(b);
  std::string color = "#";
  for (std::size_t i = 0; i < 3; ++i) {
    const double value = from[i] + (to[i] - from[i]) * std::clamp(part, 0.0, 1.0);
    const auto byte = static_cast<std::size_t>(std::lround(value));
    color += digits[byte / 16];
    color += digits[byte % 16];
  }
  return color;
}

double luminance(std::string_view color) {
  constexpr double weights[] = {0.2126, 0.7152, 0.0722};
  const auto channels = channels_of(color);
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double c = channels[i] / 255.0;
    sum += weights[i] * (c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4));
  }
  return sum;
}

std::string_view family_color(std::string_view op) {
  struct Family {
    std::string_view part;  // of the op
    std::string_view color;
  };
  constexpr std::string_view blue = "#0072B2", purple = "#CC79A7", yellow = "#C9B400",
                             orange = "#E69F00", green = "#009E73", red = "#D55E00",
                             sky = "#56B4E9", grey = "#8A939E";
  static constexpr Family families[] = {
      {"Conv", blue},    {"Linear", purple},  {"MatMul", purple}, {"Attention", purple},
      {"LSTM", purple},  {"GRU", purple},     {"RNN", purple},    {"Embedding", sky},
      {"Norm", yellow},  {"Pool", green},     {"Dropout", red},   {"Loss", red},
      {"Entropy", red},  {"Softmax", orange}, {"elu", orange},    {"Elu", orange},
      {"Silu", orange},  {"Sigmoid", orange}, {"Tanh", orange},   {"Clip", orange},
      {"Swish", orange}, {"Reshape", grey},   {"Flatten", grey},  {"Transpose", grey},
      {"Concat", sky},   {"Add", sky},        {"Slice", grey},    {"Gather", grey},
      {"Pad", grey},     {"Expand", grey},    {"Squeeze", grey},  {"Identity", grey},
  };
  for (const Family& family : families) {
    if (op.find(family.part) != op.npos) return family.color;
  }
  return "";
}

}  // namespace detail
}  // namespace glassbox::viz
