// Colours of numbers: maps that are read alike by everyone, and colour arithmetic.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace glassbox::viz {

struct Rgb {
  std::uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Rgb&) const = default;
};

// viridis: matplotlib's, perceptually even, also in grey and to colour-blind readers.
enum class ColorMap { viridis, grey };
std::string_view name_of(ColorMap map);
ColorMap color_map_named(std::string_view name);  // throws Error that lists the names

// 0 is the map's dark end, 1 its bright one; beyond them the ends go on. There are 256 colours, and
// which one a number has is matplotlib's rule. NaN has none: it is `nan_color`, in no map.
Rgb map_color(ColorMap map, double part);
constexpr Rgb nan_color{214, 39, 98};

// "#RRGGBB". The second throws Error for what is none.
std::string hex_of(Rgb color);
Rgb rgb_of(std::string_view hex);
// `part` of b in a.
Rgb mixed(Rgb a, Rgb b, double part);
// Of WCAG 2: 1 (alike) to 21 (black and white).
double contrast(Rgb a, Rgb b);
// Black or white, whichever is read better on it.
Rgb readable_on(Rgb background);

}  // namespace glassbox::viz
