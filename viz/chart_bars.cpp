#include "viz/chart_bars.h"

#include <algorithm>
#include <cmath>

#include "viz/axis.h"
#include "viz/chart_frame.h"
#include "viz/chart_legend.h"
#include "viz/chart_parts.h"

namespace glassbox::viz {
namespace {

constexpr double size = detail::label_size;

double value_of(const BarSeries& series, std::size_t i) {
  return i < series.values.size() ? series.values[i] : std::nan("");
}

Range values_range(const Bars& bars) {
  std::vector<double> values{0};
  for (const BarSeries& s : bars.series)
    for (const double v : s.values) values.push_back(v);
  return range_of(values, 0, false);
}

// How high a bar and its group are.
struct Lanes {
  double bar = 0, group = 0;
};
Lanes lanes_of(const Painter& painter, const Bars& bars, double height) {
  const auto n = static_cast<double>(std::max<std::size_t>(bars.labels.size(), 1)),
             m = static_cast<double>(std::max<std::size_t>(bars.series.size(), 1));
  Lanes lanes;
  if (painter.is_terminal()) {
    lanes.bar = painter.unit().y;
    lanes.group = m * lanes.bar + (m > 1 && height >= n * (m + 1) * lanes.bar ? lanes.bar : 0);
    return lanes;
  }
  lanes.group = height / n;
  lanes.bar = std::min(lanes.group * 0.78, 26.0 * m) / m;
  return lanes;
}

}  // namespace

std::string Bars::description() const {
  std::string text = title.empty() ? "bars" : title;
  for (std::size_t i = 0; i < std::min<std::size_t>(labels.size(), 12); ++i) {
    text += (i == 0 ? ": " : "; ") + labels[i];
    for (const BarSeries& s : series) text += " " + short_number(value_of(s, i));
  }
  if (labels.size() > 12) text += "; and " + std::to_string(labels.size() - 12) + " more";
  return text;
}

double Bars::height_for(const Painter& painter, double width) const {
  if (upright) return Chart::height_for(painter, width);
  const auto n = static_cast<double>(std::max<std::size_t>(labels.size(), 1)),
             m = static_cast<double>(std::max<std::size_t>(series.size(), 1));
  if (painter.is_terminal())
    return painter.unit().y *
           ((title.empty() ? 0 : 1) + (m > 1 ? 1 : 0) + n * (m > 1 ? m + 1 : 1) + 2);
  return std::clamp(70 + n * std::max(17 * m, 22.0), 100.0, 2000.0);
}

void Bars::draw(Painter& painter, const Rect& box) const {
  const bool terminal = painter.is_terminal();
  const double pad = detail::pad_of(painter);
  const Point unit = painter.unit();
  detail::Column column(
      painter, {box.x + pad, box.y + 0.8 * pad, box.width - 2 * pad, box.height - 1.6 * pad});
  if (column.rest().width < 40 || column.rest().height < 16) return;
  column.title(title, 30);
  std::size_t nans = 0, infinities = 0;
  for (const BarSeries& s : series) {
    for (const double v : s.values) {
      nans += std::isnan(v);
      infinities += std::isinf(v);
    }
  }
  column.note(detail::not_finite_text(nans, infinities), ink_paint(Ink::warning));
  if (series.size() > 1) {
    std::vector<detail::LegendEntry> entries;
    for (std::size_t i = 0; i < series.size(); ++i)
      entries.push_back({series[i].name, "", {series_paint(i)}, true});
    const double took =
        detail::draw_legend(painter, column.rest(), column.rest().height * 0.3, entries);
    column.take_top(took + (took > 0 && !terminal ? 4 : 0));
  }
  const Range range = values_range(*this);
  const bool has_negative = range.low < 0;
  TextStyle style{.size = size, .align = Align::middle};
  if (upright) {
    detail::FrameOptions options;
    options.y_label = value_label;
    options.x.whole = true;
    options.x.spacing = 1;
    options.x.format = [this](double v) {
      return v >= 0 && v < static_cast<double>(labels.size()) ? labels[static_cast<std::size_t>(v)]
                                                              : std::string();
    };
    const auto n = static_cast<double>(std::max<std::size_t>(labels.size(), 1)),
               m = static_cast<double>(std::max<std::size_t>(series.size(), 1));
    Range y = widened(range, 0.06, false);
    if (!has_negative) y.low = 0;
    if (range.high <= 0) y.high = 0;
    const detail::Frame frame(painter, column.rest(), {-0.5, n - 0.5}, y, options);
    const double group = frame.plot().width / n;
    double bar = std::min(group * 0.78 / m, 60.0);
    if (terminal) bar = std::max(unit.x, std::floor(bar / unit.x) * unit.x);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      for (std::size_t s = 0; s < series.size(); ++s) {
        const double v = value_of(series[s], i);
        if (!std::isfinite(v)) continue;
        const Point top = frame.at(static_cast<double>(i), v),
                    zero = frame.at(static_cast<double>(i), 0);
        double x = top.x + (static_cast<double>(s) - m / 2) * bar;
        if (terminal) x = std::round(x / unit.x) * unit.x;
        painter.begin_group(labels[i] + " " + series[s].name + " " + short_number(v));
        painter.rect({x, std::min(top.y, zero.y), bar * (terminal || m == 1 ? 1 : 0.94),
                      std::abs(zero.y - top.y)},
                     series_paint(s));
        painter.end_group();
      }
    }
    if (has_negative && !terminal) {
      const double zero = frame.at(0, 0).y;
      painter.line({frame.plot().x, zero}, {frame.plot().right(), zero}, {ink_paint(Ink::axis)});
    }
    return;
  }
  // Lying: labels at the left, values behind the bars.
  const Rect rest = detail::on_units(painter, column.rest());
  const Lanes lanes = lanes_of(painter, *this, rest.height);
  double label_width = 0, value_width = 0;
  const auto value_text = [](double v) { return short_number(v); };
  for (const std::string& label : labels)
    label_width = std::max(label_width, painter.text_width(label, size));
  label_width = std::min(label_width, rest.width * 0.4);
  for (const BarSeries& s : series)
    for (std::size_t i = 0; i < labels.size(); ++i)
      value_width = std::max(value_width, painter.text_width(value_text(value_of(s, i)), size));
  const double gap = terminal ? unit.x : 6;
  if (!show_values || value_width > rest.width * 0.3) value_width = 0;
  const double left = std::ceil((label_width + gap) / unit.x) * unit.x;
  const double room = value_width > 0 ? value_width + gap : 0;
  const double width = std::max(unit.x, rest.width - left - room - (has_negative ? room : 0));
  const double size_of_range = std::max(range.high, 0.0) - std::min(range.low, 0.0);
  const auto x_at = [&](double v) {
    const double part = (v / 2 - std::min(range.low, 0.0) / 2) / (size_of_range / 2);
    return rest.x + left + (has_negative ? room : 0) + std::clamp(part, 0.0, 1.0) * width;
  };
  double zero = x_at(0);
  if (terminal) zero = std::round(zero / unit.x) * unit.x;
  const double line = painter.line_height(size);
  std::size_t shown = labels.size();
  if (terminal) {
    const auto fit = static_cast<std::size_t>(std::max(0.0, std::floor(rest.height / lanes.group)));
    if (fit < shown) shown = fit > 0 ? fit - 1 : 0;
  }
  double last_label = -1e9;
  for (std::size_t i = 0; i < shown; ++i) {
    const double top = rest.y + static_cast<double>(i) * lanes.group;
    const auto m = static_cast<double>(std::max<std::size_t>(series.size(), 1));
    const double middle =
        terminal ? top + std::floor((m - 1) / 2) * unit.y + unit.y / 2 : top + lanes.group / 2;
    const bool has_room = middle - last_label >= line - 0.01;
    style.anchor = Anchor::end;
    style.paint = ink_paint(Ink::text);
    style.role = "tick";
    if (has_room) {
      painter.text({rest.x + left - gap, middle}, painter.fitted(labels[i], label_width, size),
                   style);
      last_label = middle;
    }
    for (std::size_t s = 0; s < series.size(); ++s) {
      const double v = value_of(series[s], i);
      double y = middle - m * lanes.bar / 2 + static_cast<double>(s) * lanes.bar;
      if (terminal) y = top + static_cast<double>(s) * unit.y;
      if (std::isfinite(v)) {
        const double x = x_at(v);
        painter.begin_group(labels[i] + " " + series[s].name + " " + short_number(v));
        painter.rect(
            {std::min(x, zero), y, std::abs(x - zero), lanes.bar * (m > 1 && !terminal ? 0.92 : 1)},
            series_paint(s));
        painter.end_group();
      }
      if (value_width == 0 || lanes.bar < line - 3.5) continue;
      const bool is_left = std::isfinite(v) && v < 0;
      style.anchor = is_left ? Anchor::end : Anchor::start;
      style.paint = ink_paint(Ink::muted);
      style.role = "value";
      const double end = std::isfinite(v) ? x_at(v) : zero;
      const double from =
          terminal ? (is_left ? std::floor(end / unit.x) : std::ceil(end / unit.x)) * unit.x : end;
      painter.text({is_left ? from - gap : from + gap, y + lanes.bar / 2}, value_text(v), style);
    }
  }
  if (shown < labels.size()) {
    style.anchor = Anchor::start;
    style.paint = ink_paint(Ink::muted);
    painter.text(
        {rest.x, rest.y + static_cast<double>(shown) * lanes.group + unit.y / 2},
        painter.fitted("+ " + std::to_string(labels.size() - shown) + " more", rest.width, size),
        style);
  } else if (!value_label.empty() && terminal &&
             rest.height >= lanes.group * static_cast<double>(shown) + unit.y) {
    style.anchor = Anchor::start;
    style.paint = ink_paint(Ink::muted);
    painter.text({zero, rest.y + lanes.group * static_cast<double>(shown) + unit.y / 2},
                 painter.fitted(value_label, rest.right() - zero, size), style);
  }
  if (!terminal && has_negative)
    painter.line({zero, rest.y}, {zero, rest.bottom()}, {ink_paint(Ink::axis)});
}

// --- Pie
// ------------------------------------------------------------------------------------------

namespace {

bool counts(double value) { return std::isfinite(value) && value > 0; }

double scale_of(const Pie& pie) {  // so that a sum of huge values is finite
  double most = 0;
  for (const PieSlice& s : pie.slices)
    if (counts(s.value)) most = std::max(most, s.value);
  return most;
}

double total_of(const Pie& pie, double scale) {
  double total = 0;
  for (const PieSlice& s : pie.slices)
    if (counts(s.value)) total += s.value / scale;
  return total;
}

std::string percent(double part) {
  const double value = part * 100;
  std::string text = short_number(std::round(value * 10) / 10);
  return text + " %";
}

}  // namespace

std::string Pie::description() const {
  std::string text = title.empty() ? "pie" : title;
  const double scale = scale_of(*this), total = scale > 0 ? total_of(*this, scale) : 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(slices.size(), 12); ++i) {
    const double v = slices[i].value;
    text += (i == 0 ? ": " : "; ") + slices[i].label + " " +
            (counts(v) ? percent(v / scale / total) : short_number(v));
  }
  return text;
}

double Pie::height_for(const Painter& painter, double width) const {
  const auto n = static_cast<double>(slices.size());
  if (painter.is_terminal())
    return painter.unit().y * (std::clamp(n, 10.0, 16.0) + (title.empty() ? 0 : 1));
  return std::clamp(width * 0.45, 150.0, 320.0);
}

void Pie::draw(Painter& painter, const Rect& box) const {
  const bool terminal = painter.is_terminal();
  const double pad = detail::pad_of(painter);
  const Point unit = painter.unit();
  detail::Column column(
      painter, {box.x + pad, box.y + 0.8 * pad, box.width - 2 * pad, box.height - 1.6 * pad});
  if (column.rest().width < 24 || column.rest().height < 24) return;
  column.title(title, 40);
  std::size_t left_out = 0;
  for (const PieSlice& s : slices) left_out += !counts(s.value) && s.value != 0;
  if (left_out > 0)
    column.note(std::to_string(left_out) + " not above 0 or not finite, not drawn",
                ink_paint(Ink::warning));
  const Rect rest = detail::on_units(painter, column.rest());
  const double scale = scale_of(*this);
  const double gap = terminal ? 3 * unit.x : 18;
  const double radius =
      std::min(rest.height / 2, rest.width * (rest.width < 400 ? 0.2 : 0.25)) - (terminal ? 0 : 2);
  const Point center{rest.x + radius + (terminal ? unit.x : 4), rest.y + rest.height / 2};
  if (radius < 4) return;
  const double inner = radius * std::clamp(hole, 0.0, 0.9);
  const double total = scale > 0 ? total_of(*this, scale) : 0;
  if (total <= 0) painter.sector(center, inner, radius, 0, 1, ink_paint(Ink::grid));
  double from = 0;
  std::size_t whole = 0;
  for (const PieSlice& s : slices) whole += counts(s.value);
  for (std::size_t i = 0; i < slices.size(); ++i) {
    if (!counts(slices[i].value)) continue;
    const double part = slices[i].value / scale / total;
    painter.begin_group(slices[i].label + " " + short_number(slices[i].value) + ", " +
                        percent(part));
    painter.sector(center, inner, radius, from, from + part, series_paint(i),
                   whole > 1 && !terminal ? Stroke{ink_paint(Ink::background), 1.5} : Stroke{});
    painter.end_group();
    from += part;
  }
  // The legend: label, value, part.
  const double x = std::ceil((center.x + radius + gap) / unit.x) * unit.x;
  const double line = painter.line_height(size) + (terminal ? 0 : 3);
  const double width = rest.right() - x;
  if (width < 40) return;
  const auto fit = static_cast<std::size_t>(std::floor(rest.height / line));
  const std::size_t shown = slices.size() <= fit ? slices.size() : fit > 0 ? fit - 1 : 0;
  const std::size_t rows = shown + (shown < slices.size() ? 1 : 0);
  double y = rest.y + (rest.height - static_cast<double>(rows) * line) / 2;
  y = std::max(rest.y, detail::to_unit_y(painter, y));
  double value_width = 0, part_width = 0;
  const auto part_text = [&](double v) {
    return counts(v) ? percent(v / scale / total) : std::string("–");
  };
  for (std::size_t i = 0; i < shown; ++i) {
    value_width = std::max(value_width, painter.text_width(short_number(slices[i].value), size));
    part_width = std::max(part_width, painter.text_width(part_text(slices[i].value), size));
  }
  const double key = terminal ? 3 * unit.x : 18, space = terminal ? 2 * unit.x : 12;
  double label_width = 0;
  for (std::size_t i = 0; i < shown; ++i)
    label_width = std::max(label_width, painter.text_width(slices[i].label, size));
  const bool has_values = width > key + value_width + part_width + 2 * space + 30;
  const double figures = part_width + space + (has_values ? value_width + space : 0);
  if (key + figures + 16 > width) return;
  label_width = std::min(label_width, width - key - figures);
  for (std::size_t i = 0; i < shown; ++i) {
    const double middle = y + line / 2;
    painter.rect(
        {x, middle - (terminal ? line / 2 : 5), terminal ? 2 * unit.x : 10, terminal ? line : 10},
        series_paint(i));
    TextStyle style{.size = size, .align = Align::middle};
    style.role = "legend";
    painter.text({x + key, middle}, painter.fitted(slices[i].label, label_width, size), style);
    style.anchor = Anchor::end;
    style.paint = ink_paint(Ink::muted);
    double end = x + key + label_width + space;
    if (has_values) {
      painter.text({end + value_width, middle}, short_number(slices[i].value), style);
      end += value_width + space;
    }
    painter.text({end + part_width, middle}, part_text(slices[i].value), style);
    y += line;
  }
  if (shown < slices.size()) {
    TextStyle style{.size = size, .paint = ink_paint(Ink::muted), .align = Align::middle};
    style.role = "legend";
    painter.text(
        {x, y + line / 2},
        painter.fitted("+ " + std::to_string(slices.size() - shown) + " more", width, size), style);
  }
}

}  // namespace glassbox::viz
