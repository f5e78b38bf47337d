#include "viz/chart_line.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <numeric>

#include "viz/chart_frame.h"
#include "viz/chart_legend.h"
#include "viz/chart_parts.h"

namespace glassbox::viz {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// A series, ready to be drawn: in the order of x, smoothed, with what is said about it.
struct Line {
  std::vector<double> x, y, smooth, low, high;
  Stroke stroke;
  std::string name;
  int last = -1, best = -1;
  std::size_t nans = 0, infinities = 0, unplaced = 0;
  bool is_smoothed() const { return !smooth.empty(); }
  const std::vector<double>& shown() const { return is_smoothed() ? smooth : y; }
};

double value_at(const std::vector<double>& values, std::size_t i) {
  return i < values.size() ? values[i] : nan;
}

Line line_of(const LineChart& chart, std::size_t index) {
  const Series& series = chart.series[index];
  Line line;
  line.name = series.name;
  const std::size_t color = series.color >= 0 ? static_cast<std::size_t>(series.color) : index;
  line.stroke = {series_paint(color), 1.8, static_cast<int>(color / 8 % 4)};
  const std::size_t n = std::min(series.x.size(), series.y.size());
  std::vector<double> smooth;
  if (chart.smooth > 0 && n > 0)
    smooth = smoothed({series.y.begin(), series.y.begin() + static_cast<std::ptrdiff_t>(n)},
                      std::clamp(chart.smooth, 0.0, 0.999));
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = series.x[i], y = series.y[i];
    line.nans += std::isnan(x) || std::isnan(y);
    line.infinities += !std::isnan(x) && !std::isnan(y) && (std::isinf(x) || std::isinf(y));
    if (!std::isfinite(x)) continue;
    const bool is_placed = !(chart.log_x && x <= 0) && !(chart.log_y && std::isfinite(y) && y <= 0);
    line.unplaced += !is_placed;
    if (!(chart.log_x && x <= 0)) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&series](std::size_t a, std::size_t b) { return series.x[a] < series.x[b]; });
  const Best best = chart.best == Best::automatic ? best_of(series.name) : chart.best;
  for (const std::size_t i : order) {
    line.x.push_back(series.x[i]);
    line.y.push_back(series.y[i]);
    if (!smooth.empty()) line.smooth.push_back(smooth[i]);
    if (!series.low.empty() || !series.high.empty()) {
      line.low.push_back(value_at(series.low, i));
      line.high.push_back(value_at(series.high, i));
    }
    const double y = series.y[i];
    if (!std::isfinite(y)) continue;
    const int at = static_cast<int>(line.y.size()) - 1;
    line.last = at;
    const double old = line.best < 0 ? nan : line.y[static_cast<std::size_t>(line.best)];
    if ((best == Best::least && !(old <= y)) || (best == Best::greatest && !(old >= y)))
      line.best = at;
  }
  return line;
}

std::string figures_of(const LineChart& chart, const Line& line) {
  if (line.last < 0) return "no finite value";
  std::string text = short_number(line.y[static_cast<std::size_t>(line.last)]);
  if (line.best < 0) return text;
  const auto best = static_cast<std::size_t>(line.best);
  const double x = line.x[best];
  return text + " · best " + short_number(line.y[best]) + " at " +
         (chart.x_format ? chart.x_format(x) : short_number(x));
}

void add_placed(std::vector<double>& to, const std::vector<double>& values) {
  for (const double v : values)
    if (std::isfinite(v)) to.push_back(v);
}

Range y_range(const LineChart& chart, const std::vector<Line>& lines) {
  std::vector<double> values;
  for (const Line& line : lines) {
    for (const auto* part : {&line.y, &line.smooth, &line.low, &line.high})
      add_placed(values, *part);
  }
  if (chart.log_y) std::erase_if(values, [](double v) { return v <= 0; });
  if (chart.ignore_outliers && values.size() >= 20) {
    std::sort(values.begin(), values.end());
    const std::size_t cut = values.size() / 20;
    values = {values[cut], values[values.size() - 1 - cut]};
  }
  Range range = range_of(values, 0, chart.log_y);
  if (chart.y_min) range.low = *chart.y_min;
  if (chart.y_max) range.high = *chart.y_max;
  const Range wide = widened(range, 0.05, chart.log_y);
  // Nothing below 0 is drawn where nothing is below 0.
  const bool at_zero = !chart.log_y && range.low >= 0 && wide.low < 0;
  return {chart.y_min ? range.low : at_zero ? 0 : wide.low, chart.y_max ? range.high : wide.high};
}

Range x_range(const LineChart& chart, const std::vector<Line>& lines) {
  std::vector<double> values;
  for (const Line& line : lines) add_placed(values, line.x);
  Range range = range_of(values, 0, chart.log_x);
  if (chart.x_min) range.low = *chart.x_min;
  if (chart.x_max) range.high = *chart.x_max;
  return range;
}

std::vector<Point> points_of(const detail::Frame& frame, const std::vector<double>& x,
                             const std::vector<double>& y) {
  std::vector<Point> points;
  points.reserve(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    points.push_back(std::isfinite(y[i]) ? frame.at(x[i], y[i]) : Point{nan, nan});
  return points;
}

void draw_curve(Painter& painter, const std::vector<Point>& points, const Stroke& stroke) {
  const double unit = painter.is_terminal() ? 4 : 0.5;
  for (const auto& part : detail::visible_parts(points, unit)) {
    if (part.size() == 1) {  // a lonely point is seen too
      const Point& p = part[0];
      const double half = painter.is_terminal() ? 0.1 : stroke.width * 0.8;
      Stroke dot = stroke;
      dot.dash = 0;
      dot.width *= 1.6;
      painter.line({p.x - half, p.y}, {p.x + half, p.y}, dot);
    } else {
      painter.polyline(part, stroke);
    }
  }
}

// The area between two curves, one polygon for each part without gaps.
void draw_band(Painter& painter, const detail::Frame& frame, const Line& line) {
  if (line.low.empty()) return;
  std::vector<Point> low, high;
  const auto flush = [&] {
    const double unit = painter.is_terminal() ? 4 : 1;
    const auto below = detail::visible_parts(low, unit), above = detail::visible_parts(high, unit);
    if (!below.empty() && !above.empty() && low.size() > 1) {
      std::vector<Point> area = above[0];
      area.insert(area.end(), below[0].rbegin(), below[0].rend());
      painter.polygon(area, line.stroke.paint.with_opacity(0.2));
    }
    low.clear();
    high.clear();
  };
  // What has no place on a logarithmic axis lies below it.
  const double bottom = frame.plot().bottom() + frame.plot().height;
  for (std::size_t i = 0; i < line.x.size(); ++i) {
    if (!std::isfinite(line.low[i]) || !std::isfinite(line.high[i])) {
      flush();
      continue;
    }
    Point a = frame.at(line.x[i], line.low[i]), b = frame.at(line.x[i], line.high[i]);
    if (std::isnan(a.y)) a.y = bottom;
    if (std::isnan(b.y)) b.y = bottom;
    low.push_back(a);
    high.push_back(b);
  }
  flush();
}

// Where a value is not finite: a mark at the edge towards which it went, one for each place.
void draw_missing(Painter& painter, const detail::Frame& frame, const Line& line) {
  const double size = 6, apart = painter.is_terminal() ? painter.unit().x : size;
  const Rect& plot = frame.plot();
  std::array<double, 3> before;
  before.fill(-1e9);
  for (std::size_t i = 0; i < line.x.size(); ++i) {
    if (std::isfinite(line.y[i])) continue;
    const std::size_t kind = std::isnan(line.y[i]) ? 0 : line.y[i] > 0 ? 1 : 2;
    const double x = frame.at(line.x[i], frame.y().low()).x;
    if (!(x >= plot.x) || x > plot.right() || x - before[kind] < apart) continue;
    before[kind] = x;
    const double inset = painter.is_terminal() ? 1 : size / 2 + 1;
    const Point at{std::clamp(x, plot.x + inset, plot.right() - inset),
                   kind == 1 ? plot.y + inset : plot.bottom() - inset};
    painter.mark(at,
                 kind == 0   ? Mark::cross
                 : kind == 1 ? Mark::up
                             : Mark::down,
                 line.stroke.paint, size);
  }
}

void draw_mark(Painter& painter, const detail::Frame& frame, const Line& line, int at, Mark mark) {
  if (at < 0) return;
  const auto i = static_cast<std::size_t>(at);
  const Point p = frame.at(line.x[i], line.y[i]);
  const Rect& plot = frame.plot();
  const bool is_inside =
      p.x >= plot.x - 1 && p.x <= plot.right() + 1 && p.y >= plot.y - 1 && p.y <= plot.bottom() + 1;
  if (!is_inside) return;
  const double inset = painter.is_terminal() ? 0.5 : 0;
  painter.mark({std::clamp(p.x, plot.x, plot.right() - inset),
                std::clamp(p.y, plot.y, plot.bottom() - inset)},
               mark, line.stroke.paint, mark == Mark::ring ? 8 : 6);
}

}  // namespace

Best best_of(std::string_view name) {
  std::string lower;
  for (const char c : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto has = [&lower](std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(),
                       [&lower](std::string_view word) { return lower.find(word) != lower.npos; });
  };
  if (has({"loss", "error", "perplexity", "rmse", "mse", "mae"})) return Best::least;
  if (has({"acc", "f1", "auc", "precision", "recall", "score", "iou", "psnr", "top1", "top5",
           "top-1", "top-5"}))
    return Best::greatest;
  return Best::none;
}

std::string LineChart::description() const {
  std::string text = title.empty() ? "line chart" : title;
  for (std::size_t i = 0; i < std::min<std::size_t>(series.size(), 8); ++i) {
    const Line line = line_of(*this, i);
    text += (i == 0 ? ": " : "; ") + line.name + " " + figures_of(*this, line);
  }
  if (series.size() > 8) text += "; and " + std::to_string(series.size() - 8) + " more";
  return text;
}

void LineChart::draw(Painter& painter, const Rect& box) const {
  const double pad = detail::pad_of(painter);
  std::vector<Line> lines;
  std::size_t nans = 0, infinities = 0, unplaced = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    lines.push_back(line_of(*this, i));
    nans += lines.back().nans;
    infinities += lines.back().infinities;
    unplaced += lines.back().unplaced;
  }
  detail::Column column(
      painter, {box.x + pad, box.y + pad * 0.8, box.width - 2 * pad, box.height - pad * 1.6});
  if (column.rest().width < 4 || column.rest().height < 4) return;
  column.title(title);
  std::string note = detail::not_finite_text(nans, infinities);
  if (unplaced > 0)
    note += (note.empty() ? "" : ", ") + std::to_string(unplaced) + " not above 0, not drawn";
  column.note(note, ink_paint(Ink::warning));
  if (legend && column.rest().height > 5 * painter.line_height(detail::label_size)) {
    std::vector<detail::LegendEntry> entries;
    for (const Line& line : lines)
      entries.push_back({line.name, figures_of(*this, line), line.stroke});
    const double most =
        std::max(column.rest().height * 0.3, painter.line_height(detail::label_size) + 2);
    const double height = detail::draw_legend(painter, column.rest(), most, entries);
    column.take_top(height + (height > 0 && !painter.is_terminal() ? 4 : 0));
  }
  detail::FrameOptions options{.x_label = x_label, .y_label = y_label};
  options.x.log = log_x;
  options.x.whole = whole_x;
  options.x.format = x_format;
  options.y.log = log_y;
  detail::Frame frame(painter, column.rest(), x_range(*this, lines), y_range(*this, lines),
                      options);
  if (series.empty() ||
      std::all_of(lines.begin(), lines.end(), [](const Line& l) { return l.last < 0; })) {
    TextStyle style{
        .paint = ink_paint(Ink::muted), .anchor = Anchor::middle, .align = Align::middle};
    painter.text(
        {frame.plot().x + frame.plot().width / 2, frame.plot().y + frame.plot().height / 2},
        painter.fitted("no data", frame.plot().width, 11), style);
  }
  // Room for the width of a line at the edges of the plot, and for marks.
  const double out = painter.is_terminal() ? 0 : 2;
  painter.begin_clip({frame.plot().x - out, frame.plot().y - out, frame.plot().width + 2 * out,
                      frame.plot().height + 2 * out});
  for (const Line& line : lines) draw_band(painter, frame, line);
  for (const Line& line : lines) {
    if (!line.is_smoothed()) continue;
    Stroke faint = line.stroke;
    faint.paint = faint.paint.with_opacity(0.3);
    faint.width = 1;
    draw_curve(painter, points_of(frame, line.x, line.y), faint);
  }
  for (const Line& line : lines) {
    painter.begin_group(line.name + " " + figures_of(*this, line));
    draw_curve(painter, points_of(frame, line.x, line.shown()), line.stroke);
    painter.end_group();
  }
  painter.end_clip();
  for (const Line& line : lines) {
    draw_missing(painter, frame, line);
    draw_mark(painter, frame, line, line.best, Mark::ring);
    if (mark_last) draw_mark(painter, frame, line, line.last, Mark::dot);
  }
}

}  // namespace glassbox::viz
