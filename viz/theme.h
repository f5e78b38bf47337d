// The colours of a drawing. A theme is a value: change what you like and give it on.
//
//   Theme mine = theme_named("light");
//   mine.box_fill = "#FFF4E0";
//   to_svg(diagram, {.theme = mine});
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace glassbox::viz {

// Colours are "#RRGGBB".
struct Theme {
  std::string background = "#FFFFFF", text = "#1F2328", muted = "#5D6673";
  std::string box_fill = "#FFFFFF", box_line = "#59636E";
  // How much of its op's colour a box is filled with, 0 to 1; 0: all boxes are alike. Colours are
  // the Okabe-Ito palette, which colour-blind readers can tell apart.
  double tint = 0.16;
  std::string edge = "#6B7480";
  std::string frame_fill = "#F5F7FA", frame_fill_inner = "#EBEFF4", frame_line = "#C5CCD6";
  std::string low = "#F2F6FB", high = "#08457E";  // colours by a figure: of 0 and of the greatest
  std::string failure = "#C4001A";
  std::string added = "#00795B", removed = "#B84600", changed = "#946200";  // of a diff
  double line_width = 1.2;
  double radius = 5;  // of a box's corners
};

// light, dark; basic and blue, after HiddenLayer; paper, for print: white boxes and thin lines.
// Throws Error that lists them for any other name.
Theme theme_named(std::string_view name);
const std::vector<std::string>& theme_names();

namespace detail {

// `part` of b in a, channel by channel. Throws Error when one is not of the form #RRGGBB.
std::string mix(std::string_view a, std::string_view b, double part);
// Relative luminance after WCAG 2, 0 for black to 1 for white.
double luminance(std::string_view color);
// The op's own colour: "#0072B2" of a convolution; "" for ops of no family.
std::string_view family_color(std::string_view op);

}  // namespace detail
}  // namespace glassbox::viz
