#include "viz/chart_frame.h"

#include <algorithm>
#include <cmath>

#include "viz/chart_parts.h"

namespace glassbox::viz::detail {

Frame::Frame(Painter& painter, const Rect& box, Range x, Range y, const FrameOptions& options) {
  const bool terminal = painter.is_terminal();
  const Point unit = painter.unit();
  const double line = painter.line_height(tick_size);
  plot_ = on_units(painter, box);
  const double tick = terminal ? 0 : 5;  // between the axis and its labels
  const bool has_x_labels = plot_.height > 3 * line;
  const bool has_y_labels = plot_.width > 90;
  const bool has_y_title = !options.y_label.empty() && plot_.height > 6 * line;
  const bool has_x_title = !options.x_label.empty() && plot_.height > 7 * line;
  if (has_y_title) {
    TextStyle style{.size = tick_size, .paint = ink_paint(Ink::muted)};
    style.role = "axis";
    painter.text({plot_.x, plot_.y}, painter.fitted(options.y_label, plot_.width, tick_size),
                 style);
    const double height = line + (terminal ? 0 : 4);
    plot_.y += height;
    plot_.height -= height;
  } else if (has_y_labels && !terminal) {  // half of the highest label
    plot_.y += line / 2;
    plot_.height -= line / 2;
  }
  double below = terminal ? unit.y : 1;  // the axis itself
  if (has_x_labels) below += line + tick;
  if (has_x_title) below += line;
  plot_.height = std::max(unit.y, plot_.height - below);
  plot_.height = std::max(unit.y, std::floor(plot_.height / unit.y) * unit.y);

  AxisOptions y_options = options.y;
  y_options.length = plot_.height;
  y_options.spacing = terminal ? 4 * unit.y : 34;
  y_options.gap = terminal ? 0 : 4;
  y_options.overhang = terminal ? unit.y / 2 : line / 2 + 1;
  y_options.extent = [line](std::string_view) { return line; };
  y_.emplace(y.low, y.high, y_options);
  double widest = 0;
  for (const Tick& t : y_->ticks())
    widest = std::max(widest, painter.text_width(t.label, tick_size));
  const bool fits = has_y_labels && widest < plot_.width / 2;
  const double left = fits ? std::ceil((widest + tick) / unit.x) * unit.x + (terminal ? unit.x : 0)
                           : (terminal ? unit.x : 1);
  const double right = terminal ? unit.x : 6;
  plot_.x += left;
  plot_.width = std::max(unit.x, plot_.width - left - right);
  const double plot_width = plot_.width;

  AxisOptions x_options = options.x;
  x_options.length = plot_width;
  x_options.spacing = terminal ? 12 * unit.x : 64;
  x_options.gap = terminal ? 2 * unit.x : 12;
  x_options.overhang = right;
  x_options.extent = [&painter](std::string_view s) { return painter.text_width(s, tick_size); };
  x_.emplace(x.low, x.high, x_options);

  // Grid and axes.
  const Stroke grid{ink_paint(Ink::grid)}, axis{ink_paint(Ink::axis)};
  const double bottom = plot_.bottom(), x0 = plot_.x;
  TextStyle style{.size = tick_size, .paint = ink_paint(Ink::muted)};
  style.role = "tick";
  // A terminal's row for a height: that in which a dot at this height lies.
  const auto y_at = [&](double position) {
    double at = bottom - position;
    if (terminal) at = std::clamp(to_unit_y(painter, at), plot_.y, bottom - unit.y) + unit.y / 2;
    return at;
  };
  for (const Tick& t : y_->ticks()) {
    if (!options.y_grid || (t.label.empty() && y_->log() && terminal)) continue;
    Stroke stroke = grid;
    if (t.label.empty()) stroke.paint = stroke.paint.faded(0.55);
    painter.line({x0, y_at(t.position)}, {plot_.right(), y_at(t.position)}, stroke);
  }
  for (const Tick& t : x_->ticks()) {
    const double at = x0 + t.position;
    if (options.x_grid && !t.label.empty()) painter.line({at, plot_.y}, {at, bottom}, grid);
  }
  if (terminal) {
    const double ax = x0 - unit.x / 2, ay = bottom + unit.y / 2;
    painter.line({ax, plot_.y}, {ax, ay}, axis);
    painter.line({ax, ay}, {plot_.right(), ay}, axis);
    for (const Tick& t : y_->ticks())
      if (!t.label.empty() && fits)
        painter.line({ax - 2, y_at(t.position)}, {ax, y_at(t.position)}, axis);
  } else {
    painter.line({x0, bottom + 0.5}, {plot_.right() + right / 2, bottom + 0.5}, axis);
  }
  if (fits) {
    style.anchor = Anchor::end;
    style.align = Align::middle;
    for (const Tick& t : y_->ticks()) {
      if (t.label.empty()) continue;
      painter.text({x0 - (terminal ? unit.x : tick), terminal ? y_at(t.position) : bottom - t.at},
                   t.label, style);
    }
  }
  if (!has_x_labels) return;
  style.anchor = Anchor::middle;
  style.align = Align::top;
  const double labels_at = bottom + (terminal ? unit.y : tick + 1);
  for (const Tick& t : x_->ticks()) {
    const double at = x0 + t.position;
    if (terminal) {
      const double ay = bottom + unit.y / 2;
      if (!t.label.empty()) painter.line({at, ay}, {at, ay + unit.y / 2 - 1}, axis);
    } else {
      painter.line({at, bottom}, {at, bottom + (t.label.empty() ? 2.5 : 4)}, axis);
    }
    if (!t.label.empty()) painter.text({x0 + t.at, labels_at}, t.label, style);
  }
  if (!has_x_title) return;
  style.role = "axis";
  painter.text({x0 + plot_width / 2, labels_at + line},
               painter.fitted(options.x_label, plot_width, tick_size), style);
}

Point Frame::at(double x, double y) const {
  const auto bounded = [](double part) {
    return std::isnan(part) ? part : std::clamp(part, -50.0, 50.0);
  };
  return {plot_.x + bounded(x_->part(x)) * plot_.width,
          plot_.bottom() - bounded(y_->part(y)) * plot_.height};
}

}  // namespace glassbox::viz::detail
