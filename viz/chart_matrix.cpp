#include "viz/chart_matrix.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/error.h"
#include "viz/axis.h"
#include "viz/chart_cells.h"
#include "viz/chart_parts.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string name_at(const std::vector<std::string>& names, std::size_t i) {
  return i < names.size() ? names[i] : std::to_string(i);
}

std::string percent(double part, int decimals) {
  return std::isnan(part) ? "–" : fixed(part * 100, decimals) + " %";
}

double ratio(double a, double b) { return b > 0 ? a / b : nan; }

}  // namespace

ConfusionMatrix ConfusionMatrix::of(const std::vector<std::int64_t>& labels,
                                    const std::vector<std::int64_t>& predictions, std::int64_t n) {
  constexpr std::int64_t most = 10'000;
  if (labels.size() != predictions.size())
    fail("confusion matrix",
         cat(labels.size(), " labels do not fit ", predictions.size(), " predictions"));
  if (n < 1 || n > most) fail("confusion matrix", cat(n, " classes are none; give 1 to ", most));
  ConfusionMatrix matrix;
  matrix.counts.assign(static_cast<std::size_t>(n * n), 0);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (const std::int64_t k : {labels[i], predictions[i]})
      if (k < 0 || k >= n) fail("confusion matrix", cat("class ", k, " at ", i, " is none of ", n));
    ++matrix.counts[static_cast<std::size_t>(labels[i] * n + predictions[i])];
  }
  return matrix;
}

std::size_t ConfusionMatrix::size() const {
  const auto n =
      static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(counts.size()))));
  if (n * n != counts.size())
    fail("confusion matrix", cat(counts.size(), " counts are no square of classes by classes"));
  return n;
}

std::int64_t ConfusionMatrix::at(std::size_t label, std::size_t prediction) const {
  return counts.at(label * size() + prediction);
}

std::int64_t ConfusionMatrix::total() const {
  std::int64_t sum = 0;
  for (const std::int64_t count : counts) sum += count;
  return sum;
}

double ConfusionMatrix::accuracy() const {
  std::int64_t right = 0;
  for (std::size_t k = 0; k < size(); ++k) right += at(k, k);
  return ratio(static_cast<double>(right), static_cast<double>(total()));
}

double ConfusionMatrix::recall(std::size_t label) const {
  std::int64_t sum = 0;
  for (std::size_t k = 0; k < size(); ++k) sum += at(label, k);
  return ratio(static_cast<double>(at(label, label)), static_cast<double>(sum));
}

double ConfusionMatrix::precision(std::size_t prediction) const {
  std::int64_t sum = 0;
  for (std::size_t k = 0; k < size(); ++k) sum += at(k, prediction);
  return ratio(static_cast<double>(at(prediction, prediction)), static_cast<double>(sum));
}

namespace {

detail::CellTable table_of(const ConfusionMatrix& matrix) {
  detail::CellTable table;
  const std::size_t n = matrix.size();
  table.rows = table.columns = n;
  table.square = true;
  std::vector<double> sums(n);
  for (std::size_t i = 0; i < matrix.counts.size(); ++i)
    sums[i / n] += static_cast<double>(matrix.counts[i]);
  const auto part = [&matrix, n, sums](std::size_t r, std::size_t c) {
    return ratio(static_cast<double>(matrix.counts[r * n + c]), sums[r]);
  };
  table.color = [&matrix, part](std::size_t r, std::size_t c) {
    const double p = part(r, c);
    return map_color(matrix.map, std::isnan(p) ? 0 : p);
  };
  const auto count = [&matrix, n](std::size_t r, std::size_t c) {
    return matrix.counts[r * n + c];
  };
  table.texts.push_back([count, part](std::size_t r, std::size_t c) {
    return count(r, c) == 0 ? "0" : std::to_string(count(r, c)) + " · " + percent(part(r, c), 1);
  });
  table.texts.push_back(
      [count](std::size_t r, std::size_t c) { return std::to_string(count(r, c)); });
  table.texts.push_back([count](std::size_t r, std::size_t c) {
    return short_number(static_cast<double>(count(r, c)), 2);
  });
  table.row_name = [&matrix](std::size_t r) { return name_at(matrix.classes, r); };
  table.column_name = table.row_name;
  table.row_title = "true ↓";
  table.column_title = "predicted →";
  table.row_figure_title = "recall";
  table.column_figure_title = "precision";
  table.row_figure = [&matrix](std::size_t r) { return percent(matrix.recall(r), 1); };
  table.column_figure = [&matrix](std::size_t c) {
    const double p = matrix.precision(c);
    return std::isnan(p) ? std::string("–") : fixed(p * 100, matrix.size() > 6 ? 0 : 1) + " %";
  };
  return table;
}

std::string totals_of(const ConfusionMatrix& matrix) {
  const std::int64_t n = matrix.total();
  std::int64_t right = 0;
  for (std::size_t k = 0; k < matrix.size(); ++k) right += matrix.at(k, k);
  return "accuracy " + percent(matrix.accuracy(), 2) + " · " + with_commas(right) + " of " +
         with_commas(n);
}

double header(const Painter& painter, bool has_title) {
  return (has_title ? painter.line_height(detail::title_size) : 0) +
         painter.line_height(detail::label_size) +
         (painter.is_terminal() ? 0 : 8 + 1.6 * detail::pad_of(painter));
}

}  // namespace

std::string ConfusionMatrix::description() const {
  return (title.empty() ? "confusion matrix" : title) + ": " + std::to_string(size()) +
         " classes, " + totals_of(*this);
}

double ConfusionMatrix::height_for(const Painter& painter, double width) const {
  return header(painter, !title.empty()) +
         detail::cells_height(painter, table_of(*this), width - 2 * detail::pad_of(painter));
}

void ConfusionMatrix::draw(Painter& painter, const Rect& box) const {
  const double pad = detail::pad_of(painter);
  detail::Column column(
      painter, {box.x + pad, box.y + 0.8 * pad, box.width - 2 * pad, box.height - 1.6 * pad});
  if (column.rest().width < 20 || column.rest().height < 16) return;
  column.title(title, 40);
  column.line_at_top(totals_of(*this), detail::label_size, ink_paint(Ink::muted), 40);
  detail::draw_cells(painter, column.rest(), table_of(*this));
}

namespace {

struct Ends {
  double low = 0, high = 0;
  std::size_t nans = 0, infinities = 0;
  bool is_empty = true;
};
Ends ends_of(const HeatMap& map) {
  Ends ends;
  for (const double v : map.values) {
    ends.nans += std::isnan(v);
    ends.infinities += std::isinf(v);
    if (!std::isfinite(v)) continue;
    ends.low = ends.is_empty ? v : std::min(ends.low, v);
    ends.high = ends.is_empty ? v : std::max(ends.high, v);
    ends.is_empty = false;
  }
  return ends;
}

detail::CellTable table_of(const HeatMap& map, const Ends& ends) {
  detail::CellTable table;
  table.rows = map.rows;
  table.columns = map.columns;
  const auto value = [&map](std::size_t r, std::size_t c) {
    const std::size_t i = r * map.columns + c;
    return i < map.values.size() ? map.values[i] : nan;
  };
  table.color = [&map, ends, value](std::size_t r, std::size_t c) {
    const double v = value(r, c);
    if (std::isnan(v)) return nan_color;
    if (!(ends.high > ends.low))
      return map_color(map.map, std::isinf(v) ? (v > 0 ? 1.0 : 0.0) : 0.5);
    return map_color(map.map, (v / 2 - ends.low / 2) / (ends.high / 2 - ends.low / 2));
  };
  for (const int digits : {4, 3, 2}) {
    if (!map.show_values) break;
    table.texts.push_back([value, digits](std::size_t r, std::size_t c) {
      return short_number(value(r, c), digits);
    });
  }
  table.row_name = [&map](std::size_t r) { return name_at(map.row_names, r); };
  table.column_name = [&map](std::size_t c) { return name_at(map.column_names, c); };
  table.row_title = map.y_label;
  table.column_title = map.x_label;
  return table;
}

}  // namespace

std::string HeatMap::description() const {
  const Ends ends = ends_of(*this);
  return (title.empty() ? "heat map" : title) + ": " + std::to_string(rows) + " × " +
         std::to_string(columns) +
         (ends.is_empty ? "" : ", " + short_number(ends.low) + " to " + short_number(ends.high));
}

double HeatMap::height_for(const Painter& painter, double width) const {
  return header(painter, !title.empty()) + detail::color_bar_height(painter) +
         detail::cells_height(painter, table_of(*this, ends_of(*this)),
                              width - 2 * detail::pad_of(painter));
}

void HeatMap::draw(Painter& painter, const Rect& box) const {
  const bool terminal = painter.is_terminal();
  const double pad = detail::pad_of(painter);
  detail::Column column(
      painter, {box.x + pad, box.y + 0.8 * pad, box.width - 2 * pad, box.height - 1.6 * pad});
  if (column.rest().width < 20 || column.rest().height < 16) return;
  const Ends ends = ends_of(*this);
  column.title(title, 40);
  column.note(detail::not_finite_text(ends.nans, ends.infinities), ink_paint(Ink::warning), 40);
  const double bar = detail::color_bar_height(painter);
  if (!ends.is_empty && column.rest().height > 5 * bar) {
    const Rect& rest = column.rest();
    const double y = detail::to_unit_y(painter, rest.bottom() - bar);
    detail::draw_color_bar(painter, {rest.x, y, rest.width, bar}, map, ends.low, ends.high);
    column.take_bottom(rest.bottom() - y + (terminal ? 0 : 4));
  }
  detail::draw_cells(painter, column.rest(), table_of(*this, ends));
}

}  // namespace glassbox::viz
