#include "viz/chart_cells.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "viz/chart_parts.h"

namespace glassbox::viz::detail {
namespace {

constexpr double size = tick_size;

double widest(const Painter& painter, const std::function<std::string(std::size_t)>& text,
              std::size_t n) {
  double width = 0;
  for (std::size_t i = 0; text && i < n; ++i)
    width = std::max(width, painter.text_width(text(i), size));
  return width;
}

// Every how many names one is written so that they do not touch.
std::size_t stride_for(double each, double needed) {
  return std::max<std::size_t>(
      1, static_cast<std::size_t>(std::ceil(needed / std::max(each, 0.01) - 1e-9)));
}

}  // namespace

double cells_height(const Painter& painter, const CellTable& table, double width) {
  const auto rows = static_cast<double>(table.rows);
  const double names = painter.line_height(size) * 4;
  if (painter.is_terminal()) return painter.unit().y * (std::min(rows, 48.0) + 4);
  if (!table.square) return std::clamp(rows * 22 + names, 120.0, 900.0);
  const double name_width = std::min(widest(painter, table.row_name, table.rows), width * 0.25);
  const double each =
      (width - name_width - 70) / std::max<double>(1, static_cast<double>(table.columns));
  return std::clamp(std::min(each, 46.0) * rows + names + 30, 160.0, 900.0);
}

void draw_cells(Painter& painter, const Rect& given, const CellTable& table) {
  const bool terminal = painter.is_terminal();
  const Point unit = painter.unit();
  const double line = painter.line_height(size);
  const double gap = terminal ? unit.x : 5;
  Rect box = on_units(painter, given);
  if (table.rows == 0 || table.columns == 0 || box.width < 20 || box.height < unit.y) return;
  const auto rows = static_cast<double>(table.rows), columns = static_cast<double>(table.columns);
  const bool has_names = box.width > 120 && box.height > 5 * line;
  double left = 0, right = 0, above = 0, below = 0;
  double name_width = 0;
  if (has_names) {
    name_width = std::min(widest(painter, table.row_name, table.rows), box.width * 0.25);
    left = name_width > 0 ? name_width + gap : 0;
    if (!table.row_title.empty() || !table.column_title.empty()) above = line + (terminal ? 0 : 2);
    below = line + (terminal ? 0 : 6);
    if (table.row_figure)
      right = std::max(widest(painter, table.row_figure, table.rows),
                       painter.text_width(table.row_figure_title, size)) +
              gap;
    if (table.column_figure) {
      below += line;
      left = std::max(left, painter.text_width(table.column_figure_title, size) + gap);
    }
    if (left + right > box.width * 0.6) right = 0;
    left = std::ceil(left / unit.x) * unit.x;
  }
  double cell_width = (box.width - left - right) / columns,
         cell_height = (box.height - above - below) / rows;
  // Names of columns stand upwards where they do not fit side by side, but do on end.
  const double longest = has_names ? widest(painter, table.column_name, table.columns) : 0;
  const double turned = std::min(longest, box.height * 0.25) + 4;
  const auto fit_square = [&] {
    if (table.square && !terminal) cell_width = cell_height = std::min(cell_width, cell_height);
  };
  bool upwards = false;
  if (has_names && painter.can_turn() && longest > cell_width - 4 && turned > line) {
    const double width_before = cell_width, height_before = cell_height;
    cell_height = (box.height - above - below - (turned - line)) / rows;
    fit_square();
    upwards = cell_width >= line - 2;
    if (upwards) {
      below += turned - line;
    } else {
      cell_width = width_before;
      cell_height = height_before;
    }
  }
  fit_square();
  if (!table.square && !terminal) cell_height = std::min(cell_height, 40.0);
  if (terminal) {
    cell_height = std::max(unit.y, std::floor(cell_height / unit.y) * unit.y);
    if (table.square) cell_height = std::min(cell_height, 2 * unit.y);
    if (cell_width >= unit.x) {
      cell_width = std::floor(cell_width / unit.x) * unit.x;
      cell_width = std::min(cell_width, table.square ? cell_height * 3.5 : 14 * unit.x);
      cell_width = std::max(unit.x, std::floor(cell_width / unit.x) * unit.x);
    }
  }
  if (cell_width <= 0 || cell_height <= 0) return;
  double x0 = box.x + left, y0 = box.y + above;
  // More rows than lines of a terminal: an image of them all.
  const bool is_image = (terminal && (cell_height * rows > box.height - above - below + 0.5 ||
                                      cell_width < unit.x)) ||
                        (!terminal && rows * columns > 2500);
  double width = cell_width * columns, height = cell_height * rows;
  if (is_image) {
    width = std::min(width, box.width - left - right);
    height = std::min(height, box.height - above - below);
    if (terminal) {
      width = std::max(unit.x, std::floor(width / unit.x) * unit.x);
      height = std::max(unit.y, std::floor(height / unit.y) * unit.y);
    }
    cell_width = width / columns;
    cell_height = height / rows;
    std::vector<Rgb> pixels;
    for (std::size_t r = 0; r < table.rows; ++r)
      for (std::size_t c = 0; c < table.columns; ++c) pixels.push_back(table.color(r, c));
    painter.image({x0, y0, width, height}, static_cast<int>(table.columns),
                  static_cast<int>(table.rows), pixels);
  }
  // The longest form of the texts that fits in all cells.
  const std::function<std::string(std::size_t, std::size_t)>* text = nullptr;
  for (const auto& form : table.texts) {
    if (is_image || cell_height < line) break;
    double longest_text = 0;
    for (std::size_t r = 0; r < table.rows; ++r)
      for (std::size_t c = 0; c < table.columns; ++c)
        longest_text = std::max(longest_text, painter.text_width(form(r, c), size));
    if (longest_text > cell_width - (terminal ? unit.x : 4)) continue;
    text = &form;
    break;
  }
  const double edge = terminal || cell_width < 8 || cell_height < 8 ? 0 : 1;  // between cells
  for (std::size_t r = 0; r < table.rows && !is_image; ++r) {
    for (std::size_t c = 0; c < table.columns; ++c) {
      const Rgb color = table.color(r, c);
      const Rect cell{x0 + cell_width * static_cast<double>(c),
                      y0 + cell_height * static_cast<double>(r), cell_width - edge,
                      cell_height - edge};
      // Without colours the number says it; shades behind it would only be in its way.
      if (text == nullptr || painter.has_color()) painter.rect(cell, exact_paint(color));
      if (text == nullptr) continue;
      TextStyle style{
          .size = size,
          .paint = painter.has_color() ? exact_paint(readable_on(color)) : ink_paint(Ink::text),
          .anchor = Anchor::middle};
      style.align = Align::middle;
      style.role = "cell";
      painter.text({cell.x + cell.width / 2,
                    cell.y + (terminal ? std::min(cell_height, unit.y) : cell.height) / 2},
                   (*text)(r, c), style);
    }
  }
  if (!has_names) return;
  TextStyle style{.size = size, .paint = ink_paint(Ink::muted), .align = Align::middle};
  style.role = "tick";
  const std::size_t row_stride = stride_for(cell_height, line);
  double last_name = -1e9;
  for (std::size_t r = 0; r < table.rows; r += row_stride) {
    const double top = y0 + cell_height * static_cast<double>(r);
    double middle = terminal ? to_unit_y(painter, top) + unit.y / 2 : top + cell_height / 2;
    // The first one stays below the headings.
    if (!terminal && above > 0) middle = std::max(middle, y0 + line / 2 - 2);
    if (middle + line / 2 > box.bottom() + 0.5) break;
    if (middle - last_name < line - 0.5) continue;
    last_name = middle;
    style.anchor = Anchor::end;
    painter.text({x0 - gap, middle}, painter.fitted(table.row_name(r), name_width, size), style);
    style.anchor = Anchor::start;
    if (table.row_figure && right > 0)
      painter.text({x0 + width + gap, middle}, table.row_figure(r), style);
  }
  style.anchor = Anchor::start;
  style.align = Align::top;
  style.role = "axis";
  if (above > 0) {
    const bool has_figures = table.row_figure && right > 0;
    const double room = has_figures ? width : box.right() - x0;
    const double heading_width = painter.text_width(table.column_title, size);
    if (heading_width <= room - gap) painter.text({x0, box.y}, table.column_title, style);
    if (has_figures) painter.text({x0 + width + gap, box.y}, table.row_figure_title, style);
    style.anchor = Anchor::end;
    painter.text({x0 - gap, box.y}, painter.fitted(table.row_title, left - gap, size), style);
  }
  style.role = "tick";
  const double under = y0 + height + (terminal ? 0 : 2);
  double figure_at = under;
  if (upwards) {
    style.upwards = true;
    style.anchor = Anchor::end;
    style.align = Align::middle;
    const double room = std::min(longest, box.height * 0.25);
    for (std::size_t c = 0; c < table.columns; ++c)
      painter.text({x0 + cell_width * (static_cast<double>(c) + 0.5), under + 2},
                   painter.fitted(table.column_name(c), room, size), style);
    style.upwards = false;
    figure_at = under + room + 6;
  } else {
    // Cut to their columns, while something is left of them; else every so many.
    style.anchor = Anchor::middle;
    style.align = Align::top;
    const double between = terminal ? unit.x : 4;
    const bool cut = longest > cell_width - between;
    const bool is_cut = cut && cell_width >= 5 * (terminal ? unit.x : 7);
    const std::size_t stride =
        is_cut ? 1 : stride_for(cell_width, std::min(longest, box.width * 0.3) + between);
    // One for several columns begins where its own column does.
    if (stride > 1) style.anchor = Anchor::start;
    for (std::size_t c = 0; c < table.columns; c += stride) {
      const double at = x0 + cell_width * (static_cast<double>(c) + (stride > 1 ? 0 : 0.5));
      const double space = cell_width * static_cast<double>(stride) - between,
                   room = stride > 1 ? std::min(space, box.right() - at) : space;
      painter.text({at, under}, painter.fitted(table.column_name(c), room, size), style);
    }
    figure_at = under + line;
  }
  if (!table.column_figure || figure_at + line > box.bottom() + 0.5) return;
  double longest_figure = widest(painter, table.column_figure, table.columns);
  style.align = Align::top;
  if (longest_figure > cell_width - (terminal ? unit.x : 2)) return;
  style.anchor = Anchor::middle;
  for (std::size_t c = 0; c < table.columns; ++c)
    painter.text({x0 + cell_width * (static_cast<double>(c) + 0.5), figure_at},
                 table.column_figure(c), style);
  style.anchor = Anchor::end;
  style.role = "axis";
  painter.text({x0 - gap, figure_at}, table.column_figure_title, style);
}

}  // namespace glassbox::viz::detail
