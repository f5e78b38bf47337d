#include "viz/font_metrics.h"

#include <cstddef>

namespace glassbox::viz {
namespace {

constexpr double margin = 1.03, mono_width = 0.602;

// The code point at `at`, which moves behind it; U+FFFD for a byte that begins none.
char32_t next(std::string_view text, std::size_t& at) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at++);
  const int more = first < 0x80    ? 0
                   : first >= 0xF0 ? 3
                   : first >= 0xE0 ? 2
                   : first >= 0xC0 ? 1
                                   : -1;
  if (more < 0) return 0xFFFD;
  char32_t code = more == 0 ? first : first & (0x3Fu >> more);
  for (int i = 0; i < more; ++i) {
    if (at >= text.size() || (byte(at) & 0xC0) != 0x80) return 0xFFFD;
    code = code << 6 | (byte(at++) & 0x3Fu);
  }
  return code;
}

// In font sizes.
double width_of(char32_t code, std::span<const detail::WidthRange> ranges) {
  for (const detail::WidthRange& range : ranges) {
    if (code < range.first || code > range.last) continue;
    if (const std::uint16_t width = range.widths[code - range.first]) return width / 1000.0;
  }
  if (code < 0x20 || (code >= 0x300 && code < 0x370)) return 0;  // controls, combining marks
  return code < 0x1F000 ? 1.0 : 1.4;  // ideographs are a square, emoji wider
}

}  // namespace

double text_width(std::string_view utf8, double size, Face face) {
  const auto ranges = face == Face::bold ? detail::bold_widths() : detail::regular_widths();
  double width = 0;
  for (std::size_t at = 0; at < utf8.size();) {
    const char32_t code = next(utf8, at);
    width += face == Face::mono && code < 0x2E80 ? mono_width : width_of(code, ranges);
  }
  return width * size * margin;
}

}  // namespace glassbox::viz
