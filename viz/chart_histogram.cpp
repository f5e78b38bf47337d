#include "viz/chart_histogram.h"

#include <algorithm>
#include <cmath>

#include "viz/axis.h"
#include "viz/chart_frame.h"
#include "viz/chart_parts.h"

namespace glassbox::viz {
namespace {

std::string describe(const std::string& title, const std::vector<HistogramSlice>& slices) {
  std::string text = (title.empty() ? "histograms" : title + ": histograms");
  text += " of " + std::to_string(slices.size()) + (slices.size() == 1 ? " step" : " steps");
  if (!slices.empty()) text += ", " + slices.front().label + " to " + slices.back().label;
  return text;
}

std::string missing_text(const std::vector<Histogram>& all) {
  std::size_t nans = 0, infinities = 0;
  for (const Histogram& h : all) {
    nans += h.nans;
    infinities += h.infinities;
  }
  return detail::not_finite_text(nans, infinities);
}

// Which slices are shown: the last, and others evenly before it.
std::vector<std::size_t> chosen(std::size_t n, int limit) {
  const auto most = static_cast<std::size_t>(std::max(limit, 1));
  std::vector<std::size_t> all;
  if (n <= most) {
    for (std::size_t i = 0; i < n; ++i) all.push_back(i);
  } else if (most == 1) {
    all.push_back(n - 1);
  } else {
    for (std::size_t i = 0; i < most; ++i) all.push_back(i * (n - 1) / (most - 1));
  }
  return all;
}

}  // namespace

std::string RidgeHistogram::description() const { return describe(title, slices); }
std::string HistogramMap::description() const { return describe(title, slices); }

double RidgeHistogram::height_for(const Painter& painter, double width) const {
  if (!painter.is_terminal()) return std::clamp(width * 0.62, 220.0, 520.0);
  return painter.unit().y *
         std::clamp(8 + 2 * std::min<int>(limit, static_cast<int>(slices.size())), 14, 32);
}

void RidgeHistogram::draw(Painter& painter, const Rect& box) const {
  const bool terminal = painter.is_terminal();
  const double pad = detail::pad_of(painter);
  const Point unit = painter.unit();
  detail::Column column(
      painter, {box.x + pad, box.y + 0.8 * pad, box.width - 2 * pad, box.height - 1.6 * pad});
  if (column.rest().width < 30 || column.rest().height < 20) return;
  column.title(title);
  const std::vector<Histogram> all = detail::shared_bins(slices, bins);
  column.note(missing_text(all), ink_paint(Ink::warning));
  double most = 0;
  // In a terminal each has a row of its own, and at least half of them are the highest one's.
  const int rows = static_cast<int>(column.rest().height / unit.y) - 3;
  const std::vector<std::size_t> shown =
      chosen(all.size(), terminal ? std::min(limit, std::max(1, rows / 2)) : limit);
  for (const std::size_t i : shown)
    for (const double count : all[i].counts) most = std::max(most, count);
  Rect rest = detail::on_units(painter, column.rest());
  if (shown.empty() || most <= 0) {
    TextStyle style{.paint = ink_paint(Ink::muted)};
    if (rest.height >= painter.line_height(11))
      painter.text({rest.x, rest.y}, painter.fitted("no data", rest.width, 11), style);
    return;
  }
  const double line = painter.line_height(detail::tick_size);
  const double below =
      line + (terminal ? unit.y : 6) + (!value_label.empty() && rest.height > 8 * line ? line : 0);
  double label_width = 0;
  for (const std::size_t i : shown)
    label_width = std::max(label_width, painter.text_width(slices[i].label, detail::tick_size));
  label_width = std::min(label_width, rest.width * 0.25);
  // Depth goes up and to the right; the front is the newest.
  const auto n = static_cast<double>(shown.size());
  const double right = label_width + (terminal ? 2 * unit.x : 8), left = terminal ? unit.x : 4;
  const double floor_height = std::max(unit.y, rest.height - below);
  double deep = n > 1 ? std::min(floor_height * 0.55, (n - 1) * (terminal ? 2 * unit.y : 40)) : 0;
  if (terminal && n > 1)
    deep = std::max(1.0, std::floor(deep / unit.y / (n - 1))) * unit.y * (n - 1);
  const double aside = n > 1 ? std::min(rest.width * 0.1, deep * 0.5) : 0;
  const double width = rest.width - left - right - aside;
  const double height = floor_height - deep - (terminal ? 0 : 4);
  if (width < 20 || height < unit.y) return;
  const double bottom = rest.y + floor_height, x0 = rest.x + left;
  const auto& edges = all[shown[0]].edges;
  detail::Column unused(painter, rest);
  AxisOptions options{.length = width, .spacing = terminal ? 12 * unit.x : 64};
  options.gap = terminal ? 2 * unit.x : 12;
  options.overhang = left;
  options.extent = [&painter](std::string_view s) {
    return painter.text_width(s, detail::tick_size);
  };
  const Axis axis(edges.front(), edges.back(), options);
  const auto base = [&](double depth) {  // 0: the front, 1: the back
    const double y = bottom - deep * depth;
    return Point{x0 + aside * depth, terminal ? detail::to_unit_y(painter, y - 1) + unit.y - 2 : y};
  };
  const Stroke grid{ink_paint(Ink::grid)};
  for (const Tick& tick : axis.ticks()) {  // the floor
    if (terminal || tick.label.empty()) continue;
    const Point a = base(0), b = base(1);
    painter.line({a.x + tick.position, a.y}, {b.x + tick.position, b.y}, grid);
  }
  double free_until = bottom;  // from above, at the left
  for (std::size_t k = 0; k < shown.size(); ++k) {
    const double age = n > 1 ? 1 - static_cast<double>(k) / (n - 1) : 0;  // 0: the newest
    const Histogram& histogram = all[shown[k]];
    const Point start = base(age);
    std::vector<Point> outline{start};
    const auto x_of = [&](double v) {
      return start.x + std::clamp(axis.part(v), 0.0, 1.0) * width;
    };
    for (std::size_t i = 0; i < histogram.counts.size(); ++i)
      outline.push_back({x_of(histogram.edges[i] / 2 + histogram.edges[i + 1] / 2),
                         start.y - histogram.counts[i] / most * height});
    outline.push_back({start.x + width, start.y});
    for (const Point& p : outline)
      if (p.x < rest.x + width * 0.3) free_until = std::min(free_until, p.y);
    const std::string& label = slices[shown[k]].label;
    painter.begin_group(label + ": " + short_number(histogram.total()) + " values");
    const Paint ridge = ink_paint(Ink::ridge);
    const bool is_plain = terminal && !painter.has_color();
    painter.polygon(outline, is_plain
                                 ? ink_paint(Ink::background)
                                 : ridge.faded(terminal ? 0.55 + 0.3 * age : 0.35 + 0.5 * age));
    Stroke stroke{terminal ? ridge.faded(0.45 * age) : ridge.faded(0.35 * age), 1.2};
    painter.polyline(outline, stroke);
    painter.end_group();
  }
  // Labels where there is room: from the front, the newest first.
  TextStyle style{
      .size = detail::tick_size, .paint = ink_paint(Ink::muted), .align = Align::middle};
  style.role = "tick";
  double last = bottom + 2 * line;
  for (std::size_t k = shown.size(); k-- > 0;) {
    const double age = n > 1 ? 1 - static_cast<double>(k) / (n - 1) : 0;
    const Point start = base(age);
    const double y = terminal ? start.y : start.y - line * 0.3;
    if (last - y < line - 0.5) continue;
    last = y;
    const std::string label =
        painter.fitted(slices[shown[k]].label, label_width, detail::tick_size);
    painter.text({start.x + width + (terminal ? 2 * unit.x : 6), y}, label, style);
  }
  const Stroke front{ink_paint(Ink::axis)};
  const double axis_y = terminal ? bottom + unit.y / 2 : bottom + 0.5;
  painter.line({x0, axis_y}, {x0 + width, axis_y}, front);
  style.anchor = Anchor::middle;
  style.align = Align::top;
  const double labels_at = bottom + (terminal ? unit.y : 6);
  for (const Tick& tick : axis.ticks()) {
    if (tick.label.empty()) continue;
    const double x = x0 + tick.position;
    painter.line({x, axis_y}, {x, terminal ? axis_y + unit.y / 2 - 1 : bottom + 4}, front);
    painter.text({x0 + tick.at, labels_at}, tick.label, style);
  }
  style.role = "axis";
  if (!value_label.empty() && rest.height > 8 * line)
    painter.text({x0 + width / 2, labels_at + line},
                 painter.fitted(value_label, width, detail::tick_size), style);
  // The scale of the counts, at the upper left.
  const std::string scale = "highest " + short_number(most);
  if (free_until < rest.y + line + 2 || painter.text_width(scale, detail::tick_size) > width * 0.3)
    return;
  style.anchor = Anchor::start;
  painter.text({rest.x, rest.y}, scale, style);
}

void HistogramMap::draw(Painter& painter, const Rect& box) const {
  const bool terminal = painter.is_terminal();
  const double pad = detail::pad_of(painter);
  detail::Column column(
      painter, {box.x + pad, box.y + 0.8 * pad, box.width - 2 * pad, box.height - 1.6 * pad});
  if (column.rest().width < 30 || column.rest().height < 20) return;
  column.title(title);
  const std::vector<Histogram> all = detail::shared_bins(slices, bins);
  column.note(missing_text(all), ink_paint(Ink::warning));
  double most = 0;
  for (const Histogram& h : all) {
    const double total = h.total();
    for (const double count : h.counts) most = std::max(most, total > 0 ? count / total : 0);
  }
  if (all.empty() || most <= 0) {
    TextStyle style{.paint = ink_paint(Ink::muted)};
    const Rect rest = detail::on_units(painter, column.rest());
    if (rest.height >= painter.line_height(11))
      painter.text({rest.x, rest.y}, painter.fitted("no data", rest.width, 11), style);
    return;
  }
  const double bar = detail::color_bar_height(painter);
  if (column.rest().height > 8 * bar) {
    const Rect& rest = column.rest();
    const double y = detail::to_unit_y(painter, rest.bottom() - bar);
    detail::draw_color_bar(painter, {rest.x, y, rest.width, bar}, map, 0, most);
    column.take_bottom(rest.bottom() - y + (terminal ? 0 : 4));
  }
  detail::FrameOptions options{.x_label = "", .y_label = value_label};
  options.y_grid = false;
  options.x.whole = true;
  options.x.format = [this](double v) {
    const auto i = static_cast<std::size_t>(std::max(0.0, v));
    return i < slices.size() ? slices[i].label : std::string();
  };
  const auto& edges = all[0].edges;
  const auto n = static_cast<double>(all.size());
  const detail::Frame frame(painter, column.rest(), {-0.5, n - 0.5}, {edges.front(), edges.back()},
                            options);
  // A column of pixels for each step; more steps than pixels are taken together.
  const Rect& plot = frame.plot();
  const auto width = static_cast<int>(std::min(
      n, std::max(1.0, std::floor(terminal ? plot.width / painter.unit().x : plot.width))));
  const auto height = static_cast<int>(all[0].counts.size());
  std::vector<Rgb> pixels;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto first = static_cast<std::size_t>(x * n / width),
                 last = std::max(first + 1, static_cast<std::size_t>((x + 1) * n / width));
      double part = 0, steps = 0;
      for (std::size_t i = first; i < std::min(last, all.size()); ++i) {
        const double total = all[i].total();
        if (total > 0) part += all[i].counts[static_cast<std::size_t>(height - 1 - y)] / total;
        ++steps;
      }
      pixels.push_back(map_color(map, part / std::max(steps, 1.0) / most));
    }
  }
  painter.image(plot, width, height, pixels);
}

}  // namespace glassbox::viz
