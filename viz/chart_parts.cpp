#include "viz/chart_parts.h"

#include <algorithm>
#include <cmath>

namespace glassbox::viz::detail {

double pad_of(const Painter& painter) { return painter.is_terminal() ? 0 : 10; }

Rect on_units(const Painter& painter, const Rect& box) {
  const Point unit = painter.unit();
  const double x = std::ceil(box.x / unit.x - 1e-9) * unit.x;
  const double y = std::ceil(box.y / unit.y - 1e-9) * unit.y;
  const double right = std::floor(box.right() / unit.x + 1e-9) * unit.x;
  const double bottom = std::floor(box.bottom() / unit.y + 1e-9) * unit.y;
  return {x, y, std::max(0.0, right - x), std::max(0.0, bottom - y)};
}

double to_unit_y(const Painter& painter, double y) {
  return std::floor(y / painter.unit().y + 1e-9) * painter.unit().y;
}

void Column::take_top(double height) {
  height = std::clamp(height, 0.0, rest_.height);
  rest_.y += height;
  rest_.height -= height;
}

void Column::take_bottom(double height) { rest_.height -= std::clamp(height, 0.0, rest_.height); }

bool Column::title(std::string_view text, double keep) {
  if (text.empty()) return false;
  const double height = painter_.line_height(title_size);
  if (rest_.height - height < keep) return false;
  TextStyle style{.size = title_size, .face = Face::bold};
  style.role = "title";
  const std::string shown = painter_.fitted(text, rest_.width, title_size, Face::bold);
  painter_.text({rest_.x, rest_.y}, shown, style);
  take_top(height + (painter_.is_terminal() ? 0 : 3));
  return true;
}

bool Column::line_at_top(std::string_view text, double size, const Paint& paint, double keep) {
  if (text.empty()) return false;
  const double height = painter_.line_height(size);
  if (rest_.height - height < keep) return false;
  TextStyle style{.size = size, .paint = paint};
  painter_.text({rest_.x, rest_.y}, painter_.fitted(text, rest_.width, size), style);
  take_top(height + (painter_.is_terminal() ? 0 : 2));
  return true;
}

bool Column::note(std::string_view text, const Paint& paint, double keep) {
  if (text.empty()) return false;
  const double height = painter_.line_height(tick_size);
  if (rest_.height - height < keep) return false;
  TextStyle style{.size = tick_size, .paint = paint};
  style.role = "note";
  const double top = to_unit_y(painter_, rest_.bottom() - height);
  painter_.text({rest_.x, top}, painter_.fitted(text, rest_.width, tick_size), style);
  rest_.height = top - rest_.y - (painter_.is_terminal() ? 0 : 2);
  return true;
}

std::string not_finite_text(std::size_t nans, std::size_t infinities) {
  std::string text;
  if (nans > 0) text = std::to_string(nans) + " NaN";
  if (infinities > 0) text += (text.empty() ? "" : ", ") + std::to_string(infinities) + " infinite";
  return text;
}

double color_bar_height(const Painter& painter) {
  return painter.is_terminal() ? painter.unit().y : painter.line_height(tick_size) + 4;
}

void draw_color_bar(Painter& painter, const Rect& box, ColorMap map, double low, double high) {
  const std::string from = short_number(low), to = short_number(high);
  const double gap = painter.is_terminal() ? painter.unit().x : 6;
  const double left = painter.text_width(from, tick_size),
               right = painter.text_width(to, tick_size);
  double bar = std::min(160.0, box.width - left - right - 2 * gap);
  bar = std::floor(bar / painter.unit().x) * painter.unit().x;
  if (bar < 24) return;
  TextStyle style{.size = tick_size, .paint = ink_paint(Ink::muted)};
  style.align = Align::middle;
  style.role = "tick";
  const double middle = box.y + box.height / 2;
  painter.text({box.x, middle}, from, style);
  const double x = std::ceil((box.x + left + gap) / painter.unit().x) * painter.unit().x;
  const double height = painter.is_terminal() ? painter.unit().y : 8;
  std::vector<Rgb> pixels;
  const int steps = painter.is_terminal() ? static_cast<int>(bar / painter.unit().x) : 128;
  for (int i = 0; i < steps; ++i)
    pixels.push_back(map_color(map, static_cast<double>(i) / std::max(1, steps - 1)));
  painter.image({x, middle - height / 2, bar, height}, steps, 1, pixels);
  painter.text({x + bar + gap, middle}, to, style);
}

}  // namespace glassbox::viz::detail
