#include "viz/chart.h"

#include <algorithm>
#include <cmath>

#include "viz/chart_parts.h"

namespace glassbox::viz {
namespace {

double gap_of(const Painter& painter) { return painter.is_terminal() ? painter.unit().x * 2 : 4; }

// The width of each of n charts side by side.
double share(const Painter& painter, double width, std::size_t n) {
  const auto count = static_cast<double>(std::max<std::size_t>(n, 1));
  const double each = (width - gap_of(painter) * (count - 1)) / count;
  return std::floor(each / painter.unit().x) * painter.unit().x;
}

}  // namespace

double Chart::height_for(const Painter& painter, double width) const {
  const double height = painter.is_terminal() ? std::clamp(width * 0.6, 192.0, 480.0)
                                              : std::clamp(width * 0.56, 180.0, 460.0);
  return std::round(height / painter.unit().y) * painter.unit().y;
}

std::string ChartGrid::description() const { return title.empty() ? "charts" : title; }

double ChartGrid::height_for(const Painter& painter, double width) const {
  double height = 0;
  if (!title.empty()) height += painter.line_height(16) + 2;
  if (!subtitle.empty()) height += painter.line_height(detail::label_size);
  if (height > 0) height += detail::pad_of(painter);
  for (const auto& row : rows) {
    double tallest = 0;
    for (const auto& chart : row)
      tallest = std::max(tallest, chart->height_for(painter, share(painter, width, row.size())));
    height += tallest + (painter.is_terminal() ? painter.unit().y : 0);
  }
  return height;
}

void ChartGrid::draw(Painter& painter, const Rect& box) const {
  const double pad = detail::pad_of(painter), bottom = box.bottom();
  double y = box.y + (title.empty() && subtitle.empty() ? 0 : pad);
  const auto header = [&](const std::string& text, double size, Face face, Ink ink) {
    if (text.empty() || y + painter.line_height(size) > bottom) return;
    TextStyle style{.size = size, .face = face, .paint = ink_paint(ink)};
    style.role = "title";
    painter.text({box.x + pad, y}, painter.fitted(text, box.width - 2 * pad, size, face), style);
    y += painter.line_height(size);
  };
  header(title, 16, Face::bold, Ink::text);
  header(subtitle, detail::label_size, Face::regular, Ink::muted);
  if (painter.is_terminal() && y > box.y) y += painter.unit().y;
  // Heights as wanted, all of them scaled where the box is higher or lower than that.
  std::vector<double> heights;
  double wanted = 0;
  for (const auto& row : rows) {
    double tallest = 1;
    for (const auto& chart : row)
      tallest =
          std::max(tallest, chart->height_for(painter, share(painter, box.width, row.size())));
    heights.push_back(tallest);
    wanted += tallest;
  }
  const double between = painter.is_terminal() ? painter.unit().y : 0;
  const double free =
      bottom - y - between * static_cast<double>(rows.empty() ? 0 : rows.size() - 1);
  if (free <= 0) return;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const double scaled =
        wanted <= free && wanted > free * 0.8 ? heights[r] : heights[r] * free / wanted;
    const double height = std::floor(scaled / painter.unit().y + 1e-9) * painter.unit().y;
    const double width = share(painter, box.width, rows[r].size());
    double x = box.x;
    for (const auto& chart : rows[r]) {
      if (width >= 1 && height >= 1) chart->draw(painter, {x, y, width, height});
      x += width + gap_of(painter);
    }
    y += height + between;
  }
}

}  // namespace glassbox::viz
