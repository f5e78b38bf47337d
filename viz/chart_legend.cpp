#include "viz/chart_legend.h"

#include <algorithm>
#include <cmath>

#include "viz/chart_parts.h"

namespace glassbox::viz::detail {
namespace {

constexpr double size = label_size;

struct Placed {
  double x, width;
  std::size_t row;
  std::string name, figures;
};

double sample_width(const Painter& painter) { return painter.is_terminal() ? 24 : 20; }
double between(const Painter& painter) { return painter.is_terminal() ? 24 : 16; }
double space(const Painter& painter) { return painter.is_terminal() ? 8 : 6; }

double width_of(const Painter& painter, const std::string& name, const std::string& figures) {
  return sample_width(painter) + painter.text_width(name, size) +
         (figures.empty() ? 0 : space(painter) + painter.text_width(figures, size));
}

// Figures go before names are cut.
std::vector<Placed> placed(const Painter& painter, double width, std::size_t rows,
                           const std::vector<LegendEntry>& entries, bool figures) {
  std::vector<Placed> all;
  double x = 0;
  std::size_t row = 0;
  for (const LegendEntry& entry : entries) {
    const std::string said = figures ? entry.figures : "";
    std::string name = entry.name;
    double own = width_of(painter, name, said);
    if (own > width && figures) return {};
    if (own > width) {
      name = painter.fitted(name, width - width_of(painter, "", said), size);
      own = width_of(painter, name, said);
      if (name.empty() || own > width) return {};
    }
    if (x > 0 && x + own > width) {
      x = 0;
      ++row;
    }
    if (row >= rows) break;
    all.push_back({x, own, row, name, said});
    x += own + between(painter);
  }
  return all;
}

}  // namespace

double draw_legend(Painter& painter, const Rect& box, double height,
                   const std::vector<LegendEntry>& entries) {
  const double line = painter.line_height(size) + (painter.is_terminal() ? 0 : 2);
  const auto rows = static_cast<std::size_t>(std::max(0.0, std::floor(height / line)));
  if (rows == 0 || entries.empty()) return 0;
  std::vector<Placed> all = placed(painter, box.width, rows, entries, true);
  if (all.size() < entries.size()) {
    std::vector<Placed> shorter = placed(painter, box.width, rows, entries, false);
    if (shorter.size() > all.size()) all = std::move(shorter);
  }
  if (all.empty()) return 0;
  std::string more;
  if (all.size() < entries.size()) {  // room for "+ 3 more" in the last row
    do {
      more = "+ " + std::to_string(entries.size() - all.size()) + " more";
      const double end = all.empty() || all.back().row + 1 < rows
                             ? 0
                             : all.back().x + all.back().width + between(painter);
      if (end + painter.text_width(more, size) <= box.width) break;
      all.pop_back();
    } while (!all.empty());
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const LegendEntry& entry = entries[i];
    const double x = box.x + all[i].x, y = box.y + static_cast<double>(all[i].row) * line;
    const double middle = y + line / 2;
    if (entry.is_area) {
      const double height_of_it = painter.is_terminal() ? line : 10;
      painter.rect(
          {x, middle - height_of_it / 2, painter.is_terminal() ? 16.0 : 12.0, height_of_it},
          entry.stroke.paint);
    } else {
      painter.line({x, middle}, {x + (painter.is_terminal() ? 15 : 14), middle}, entry.stroke);
    }
    TextStyle style{.size = size, .align = Align::middle};
    style.role = "legend";
    painter.text({x + sample_width(painter), middle}, all[i].name, style);
    style.paint = ink_paint(Ink::muted);
    painter.text(
        {x + sample_width(painter) + painter.text_width(all[i].name, size) + space(painter),
         middle},
        all[i].figures, style);
  }
  if (!more.empty()) {
    const bool is_new_row = all.empty() || all.back().row + 1 < rows;
    const double x = is_new_row ? 0 : all.back().x + all.back().width + between(painter);
    const std::size_t row = all.empty() ? 0 : all.back().row + (is_new_row ? 1 : 0);
    TextStyle style{.size = size, .paint = ink_paint(Ink::muted), .align = Align::middle};
    style.role = "legend";
    painter.text({box.x + x, box.y + (static_cast<double>(row) + 0.5) * line},
                 painter.fitted(more, box.width - x, size), style);
    return static_cast<double>(row + 1) * line;
  }
  return static_cast<double>(all.back().row + 1) * line;
}

}  // namespace glassbox::viz::detail
