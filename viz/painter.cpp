#include "viz/painter.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace glassbox::viz {

Paint Paint::with_opacity(double value) const {
  Paint paint = *this;
  paint.opacity = value;
  return paint;
}

Paint Paint::faded(double value) const {
  Paint paint = *this;
  paint.fade = value;
  return paint;
}

Paint ink_paint(Ink ink) {
  Paint paint;
  paint.ink = ink;
  return paint;
}

Paint series_paint(std::size_t index) {
  Paint paint = ink_paint(Ink::series);
  paint.index = static_cast<int>(index % 1'000'000);
  return paint;
}

Paint exact_paint(Rgb color) {
  Paint paint = ink_paint(Ink::exact);
  paint.color = color;
  return paint;
}

std::string Painter::fitted(std::string_view text, double width, double size, Face face) const {
  if (text_width(text, size, face) <= width) return std::string(text);
  const std::string dots = "…";
  // The longest beginning that fits, by halving. Never more of the text than could be seen.
  std::size_t low = 0, high = text.size();
  const auto cut = [&text](std::size_t at) {  // back to where a character begins
    while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80)
      --at;
    return at;
  };
  while (low < high) {
    const std::size_t middle = (low + high + 1) / 2;
    const bool fits =
        text_width(std::string(text.substr(0, cut(middle))) + dots, size, face) <= width;
    (fits ? low : high) = fits ? middle : middle - 1;
  }
  std::string start(text.substr(0, cut(low)));
  while (!start.empty() && start.back() == ' ') start.pop_back();
  return start.empty() ? "" : start + dots;
}

void Painter::line(Point from, Point to, const Stroke& stroke) {
  const Point points[] = {from, to};
  polyline(points, stroke);
}

void Painter::sector(Point center, double inner, double outer, double from, double to,
                     const Paint& fill, const Stroke& outline) {
  const double turn = std::clamp(to - from, 0.0, 1.0);
  if (turn <= 0 || outer <= 0) return;
  const int steps = std::max(2, static_cast<int>(std::ceil(turn * 90)));
  std::vector<Point> points;
  const auto at = [&center](double radius, double part) {
    const double angle = 2 * std::numbers::pi * part;
    return Point{center.x + radius * std::sin(angle), center.y - radius * std::cos(angle)};
  };
  for (int i = 0; i <= steps; ++i) points.push_back(at(outer, from + turn * i / steps));
  if (inner > 0) {
    for (int i = steps; i >= 0; --i) points.push_back(at(inner, from + turn * i / steps));
  } else if (turn < 1) {
    points.push_back(center);
  }
  polygon(points, fill, outline);
}

}  // namespace glassbox::viz
