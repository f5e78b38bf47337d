// How wide text is in the fonts that the drawings name, so that boxes fit what is written in them
// without asking a font library.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace glassbox::viz {

enum class Face { regular, bold, mono };

// What drawings write as font-family. All of the first list but the last have the same widths.
constexpr std::string_view sans_family = "Helvetica, Arial, 'Liberation Sans', sans-serif";
constexpr std::string_view mono_family =
    "'Liberation Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace";

// Of UTF-8 text at a font size, both in pixels, with a margin of 3 % for hinting and for fonts that
// are a little wider. A character that the table lacks counts as wide as it can be.
double text_width(std::string_view utf8, double size, Face face = Face::regular);

namespace detail {

// Advance widths in thousandths of the font size; 0: not in the font.
struct WidthRange {
  char32_t first, last;
  const std::uint16_t* widths;
};
std::span<const WidthRange> regular_widths();
std::span<const WidthRange> bold_widths();

}  // namespace detail
}  // namespace glassbox::viz
