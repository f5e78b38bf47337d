// Writes the elements of an SVG. Detail of the drawings.
#pragma once
#include <string>
#include <string_view>

#include "viz/font_metrics.h"
#include "viz/layout.h"

namespace glassbox::viz::detail {

// For text and attribute values. Characters that XML cannot hold are left out, and bytes that are
// no UTF-8 are U+FFFD: a name of one's own may be anything.
std::string xml_escaped(std::string_view text);
// "12.5", "7": at most one decimal.
std::string svg_number(double value);

struct SvgBrush {
  std::string_view fill = "none", line = "none";
  double width = 1;
  bool dashed = false;
};

class SvgWriter {
 public:
  // Opens the document; `title` and `description` are for screen readers.
  SvgWriter(double width, double height, std::string_view title, std::string_view description);

  void open_group(std::string_view id, std::string_view tooltip);
  void close_group() { text_ += "</g>\n"; }
  void rect(const Rect& rect, double radius, const SvgBrush& brush);
  // Cubic curves as in Layout::Route. Where they are straight, lines are written.
  void path(const std::vector<Point>& points, const SvgBrush& brush);
  // The filled head of an arrow at `tip`, which comes from the direction of `from`.
  void arrow(Point tip, Point from, double length, std::string_view color);
  // `at` is the middle, start or end of the baseline.
  enum class Anchor { start, middle, end };
  void text(Point at, Anchor anchor, double size, Face face, std::string_view color,
            std::string_view text);
  std::string finish() { return std::move(text_) + "</svg>\n"; }

 private:
  void brush(const SvgBrush& brush);
  void point(const Point& p);
  std::string text_;
};

}  // namespace glassbox::viz::detail
