// The painter of a terminal: what a chart draws in pixels becomes cells of 8 by 16 of them.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "engine/core/error.h"
#include "viz/chart.h"
#include "viz/chart_text_canvas.h"

namespace glassbox::viz {
namespace {

using detail::TextCanvas;
using detail::TextCell;

constexpr double cell_width = 8, cell_height = 16, dot = 4;
constexpr double pixel_width = 4, pixel_height = 8;

int floor_to_int(double value) {
  return static_cast<int>(std::floor(std::clamp(value, -1e8, 1e8) + 1e-9));
}

// How light a colour looks, 0 to 1.
double lightness(Rgb c) {
  return std::sqrt((0.299 * c.red * c.red + 0.587 * c.green * c.green + 0.114 * c.blue * c.blue)) /
         255;
}

class TextPainter final : public Painter {
 public:
  TextPainter(const TerminalOptions& options, int rows)
      : Painter(options.dark ? dark_chart_theme() : light_chart_theme()),
        options_(options),
        canvas_(options, theme(), options.columns, rows) {
    clips_.push_back({0, 0, options.columns * cell_width, rows * cell_height});
  }
  std::string finish() const { return canvas_.text(); }

  bool is_terminal() const override { return true; }
  bool has_color() const override { return options_.colors != ColorDepth::none; }
  Point unit() const override { return {cell_width, cell_height}; }
  double text_width(std::string_view text, double, Face) const override {
    return detail::columns_of(text) * cell_width;
  }
  double line_height(double) const override { return cell_height; }

  void begin_clip(const Rect& box) override {
    const Rect& outer = clips_.back();
    const double x = std::max(box.x, outer.x), y = std::max(box.y, outer.y);
    clips_.push_back({x, y, std::min(box.right(), outer.right()) - x,
                      std::min(box.bottom(), outer.bottom()) - y});
  }
  void end_clip() override {
    if (clips_.size() > 1) clips_.pop_back();
  }

  void polyline(std::span<const Point> points, const Stroke& stroke) override {
    if (points.size() < 2 || !stroke.paint.visible() || stroke.width <= 0) return;
    const bool is_frame = stroke.paint.ink == Ink::axis || stroke.paint.ink == Ink::grid;
    if (is_frame && points.size() == 2 &&
        (points[0].x == points[1].x || points[0].y == points[1].y)) {
      frame_line(points[0], points[1], stroke.paint.ink == Ink::grid);
      return;
    }
    // Faint lines are nothing but clutter where all lines look the same.
    if (!has_color() && stroke.paint.opacity < 0.5) return;
    Dash dash{stroke.dash};
    if (!has_color() && !options_.ascii && dash.pattern == 0 && stroke.paint.ink == Ink::series)
      dash.pattern = stroke.paint.index % 4;
    const Rgb color =
        mixed(theme().background, theme().color_of(stroke.paint), stroke.paint.opacity);
    for (std::size_t i = 1; i < points.size(); ++i)
      dots_between(points[i - 1], points[i],
                   {color, stroke.paint.index, stroke.paint.opacity < 0.5}, dash);
  }

  void polygon(std::span<const Point> points, const Paint& fill, const Stroke& outline) override {
    if (points.size() < 3) return;
    if (fill.visible()) {
      const Ready ready = ready_for(fill);
      scan(points, pixel_width, pixel_height,
           [&](int x, int y) { canvas_.set_pixel(x, y, ready.color, fill.opacity, ready.shade); });
      if (fill.opacity >= 1)  // what is behind it cannot be seen
        scan(points, dot, dot, [this](int x, int y) { canvas_.clear_dot(x, y); });
    }
    if (!outline.paint.visible()) return;
    std::vector<Point> closed(points.begin(), points.end());
    closed.push_back(points[0]);
    polyline(closed, outline);
  }

  void rect(const Rect& box, const Paint& fill, const Stroke& outline, double) override {
    if (fill.visible()) fill_rect(box, fill);
    if (!outline.paint.visible() || outline.paint.ink == Ink::background) return;
    const Point a{box.x, box.y}, b{box.right(), box.y}, c{box.right(), box.bottom()},
        d{box.x, box.bottom()};
    const Point points[] = {a, b, c, d, a};
    polyline(points, outline);
  }

  void mark(Point at, Mark mark, const Paint& paint, double) override {
    const std::string_view glyph = mark == Mark::dot     ? "●"
                                   : mark == Mark::ring  ? "○"
                                   : mark == Mark::cross ? "×"
                                   : mark == Mark::up    ? "▲"
                                                         : "▼";
    if (!is_visible(at)) return;
    canvas_.write(floor_to_int(at.x / cell_width), floor_to_int(at.y / cell_height), glyph, true,
                  theme().color_of(paint), false);
  }

  void text(Point at, std::string_view text, const TextStyle& style) override {
    if (text.empty() || !style.paint.visible()) return;
    const int columns = detail::columns_of(text);
    const double x = at.x / cell_width, y = at.y / cell_height;
    const int column = style.anchor == Anchor::start    ? floor_to_int(x + 0.5)
                       : style.anchor == Anchor::middle ? floor_to_int(x - columns / 2.0 + 0.5)
                                                        : floor_to_int(x + 0.5) - columns;
    const int row =
        style.align == Align::bottom ? static_cast<int>(std::ceil(y - 1e-9)) - 1 : floor_to_int(y);
    // Text in the terminal's own colour is readable whatever that is.
    const bool has_color = style.paint.ink != Ink::text;
    canvas_.write(column, row, text, has_color, theme().color_of(style.paint),
                  style.face == Face::bold);
  }

  void image(const Rect& box, int width, int height, std::span<const Rgb> pixels) override {
    if (width <= 0 || height <= 0) return;
    const int left = floor_to_int(box.x / cell_width + 0.5),
              right = floor_to_int(box.right() / cell_width + 0.5),
              top = floor_to_int(box.y / pixel_height + 0.5),
              bottom = floor_to_int(box.bottom() / pixel_height + 0.5);
    for (int y = top; y < bottom; ++y) {
      for (int x = left; x < right; ++x) {
        if (!is_visible({(x + 0.5) * cell_width, (y + 0.5) * pixel_height})) continue;
        // The mean of what falls on it, at least one pixel.
        const Rgb color =
            mean_of(width, height, pixels, double(x - left) / (right - left),
                    double(x + 1 - left) / (right - left), double(y - top) / (bottom - top),
                    double(y + 1 - top) / (bottom - top));
        for (const int part : {0, 1}) canvas_.set_pixel(2 * x + part, y, color, 1, shade_of(color));
      }
    }
  }

 private:
  struct Dash {
    int pattern = 0, step = 0;
    bool next() {
      constexpr std::string_view patterns[] = {"1", "11110000", "1000", "111110010"};
      const std::string_view on = patterns[static_cast<std::size_t>(pattern) % 4];
      return on[static_cast<std::size_t>(step++) % on.size()] == '1';
    }
  };

  bool is_visible(Point p) const {
    const Rect& clip = clips_.back();
    return p.x >= clip.x && p.x < clip.right() && p.y >= clip.y && p.y < clip.bottom();
  }

  // On a light terminal what is dark is dense.
  double shade_of(Rgb color) const {
    return options_.dark ? lightness(color) : 1 - lightness(color);
  }
  struct Ready {
    Rgb color;
    double shade;
  };
  Ready ready_for(const Paint& paint) const {
    const Rgb color = theme().color_of(paint);
    double shade = shade_of(color);
    // Series are told apart by density where there are no colours.
    if (paint.ink == Ink::series) shade = 1 - 0.25 * (paint.index % 4);
    return {color, shade * (1 - paint.fade)};
  }

  static Rgb mean_of(int width, int height, std::span<const Rgb> pixels, double x0, double x1,
                     double y0, double y1) {
    const auto range = [](double from, double to, int n) {
      const int first = std::clamp(floor_to_int(from * n), 0, n - 1);
      const int last = std::clamp(static_cast<int>(std::ceil(to * n - 1e-9)), first + 1, n);
      // Where pixels are larger than what is asked for: the one in its middle.
      if ((to - from) * n <= 1) {
        const int middle = std::clamp(floor_to_int((from + to) / 2 * n), 0, n - 1);
        return std::pair(middle, middle + 1);
      }
      return std::pair(first, last);
    };
    const auto columns = range(x0, x1, width), rows = range(y0, y1, height);
    long sums[3] = {}, n = 0;
    for (int y = rows.first; y < rows.second; ++y) {
      for (int x = columns.first; x < columns.second; ++x) {
        const Rgb& p = pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                              static_cast<std::size_t>(x)];
        sums[0] += p.red;
        sums[1] += p.green;
        sums[2] += p.blue;
        ++n;
      }
    }
    return {static_cast<std::uint8_t>(sums[0] / n), static_cast<std::uint8_t>(sums[1] / n),
            static_cast<std::uint8_t>(sums[2] / n)};
  }

  void frame_line(Point from, Point to, bool is_grid) {
    const bool across = from.y == to.y;
    int column = floor_to_int(std::min(from.x, to.x) / cell_width),
        row = floor_to_int(std::min(from.y, to.y) / cell_height);
    const int last_column = floor_to_int(std::max(from.x, to.x) / cell_width),
              last_row = floor_to_int(std::max(from.y, to.y) / cell_height);
    const int n = across ? last_column - column : last_row - row;
    if (n == 0 && !is_grid) {  // within a cell: to the half of it that the line is in
      if (TextCell* cell = canvas_.at(column, row)) {
        const double mx = (column + 0.5) * cell_width, my = (row + 0.5) * cell_height;
        const double first = across ? std::min(from.x, to.x) : std::min(from.y, to.y),
                     last = across ? std::max(from.x, to.x) : std::max(from.y, to.y);
        if (first < (across ? mx : my)) cell->lines |= across ? 8 : 1;
        if (last > (across ? mx : my)) cell->lines |= across ? 2 : 4;
      }
      return;
    }
    for (int i = 0; i <= n; ++i) {
      TextCell* cell = canvas_.at(across ? column + i : column, across ? row : row + i);
      if (cell == nullptr) continue;
      if (is_grid) {
        cell->grid |= across ? 1 : 2;
        continue;
      }
      if (i > 0) cell->lines |= across ? 8 : 1;
      if (i < n) cell->lines |= across ? 2 : 4;
    }
  }

  struct Pen {
    Rgb color;
    int index;
    bool is_faint;
  };
  void dots_between(Point from, Point to, const Pen& pen, Dash& dash) {
    if (!std::isfinite(from.x + from.y + to.x + to.y)) return;
    // Only what is inside: a line may end far away.
    double begin = 0, end = 1;
    const Rect& clip = clips_.back();
    const double dx = to.x - from.x, dy = to.y - from.y;
    const auto cut = [&begin, &end](double start, double delta, double low, double high) {
      if (delta == 0) return start >= low && start <= high;
      double a = (low - start) / delta, b = (high - start) / delta;
      if (a > b) std::swap(a, b);
      begin = std::max(begin, a);
      end = std::min(end, b);
      return begin <= end;
    };
    if (!cut(from.x, dx, clip.x, clip.right()) || !cut(from.y, dy, clip.y, clip.bottom())) return;
    const double length = std::max(std::abs(dx), std::abs(dy)) * (end - begin) / dot;
    const int steps = std::max(1, static_cast<int>(std::ceil(length)));
    for (int i = 0; i <= steps; ++i) {
      const double t = begin + (end - begin) * i / steps;
      const Point p{from.x + dx * t, from.y + dy * t};
      if (i < steps || steps == 1) {
        if (!dash.next()) continue;
      }
      if (is_visible(p))
        canvas_.set_dot(floor_to_int(p.x / dot), floor_to_int(p.y / dot), pen.color, pen.index,
                        pen.is_faint);
    }
  }

  // Calls `paint` for every square of the raster whose middle is inside.
  template <class Paint>
  void scan(std::span<const Point> points, double width, double height, const Paint& paint) {
    const Rect& clip = clips_.back();
    double low = clip.bottom(), high = clip.y;
    for (const Point& p : points) {
      if (!std::isfinite(p.x) || !std::isfinite(p.y)) return;
      low = std::min(low, p.y);
      high = std::max(high, p.y);
    }
    low = std::max(low, clip.y);
    high = std::min(high, clip.bottom());
    struct Crossing {
      double x;
      int turn;
    };
    std::vector<Crossing> crossings;
    for (int row = floor_to_int(low / height); row <= floor_to_int(high / height); ++row) {
      const double y = (row + 0.5) * height;
      if (y < clip.y || y >= clip.bottom()) continue;
      crossings.clear();
      for (std::size_t i = 0; i < points.size(); ++i) {
        const Point &a = points[i], &b = points[(i + 1) % points.size()];
        if ((a.y <= y) == (b.y <= y)) continue;
        crossings.push_back({a.x + (b.x - a.x) * (y - a.y) / (b.y - a.y), a.y <= y ? 1 : -1});
      }
      std::sort(crossings.begin(), crossings.end(),
                [](const Crossing& a, const Crossing& b) { return a.x < b.x; });
      int inside = 0;
      for (std::size_t i = 0; i + 1 < crossings.size(); ++i) {
        inside += crossings[i].turn;
        if (inside == 0) continue;
        const double from = std::max(crossings[i].x, clip.x),
                     to = std::min(crossings[i + 1].x, clip.right());
        for (int x = static_cast<int>(std::ceil(from / width - 0.5 - 1e-9)); (x + 0.5) * width < to;
             ++x)
          paint(x, row);
      }
    }
  }

  // Cells at the edge that are covered from below or from the left have blocks in eighths.
  void fill_rect(const Rect& full, const Paint& fill) {
    const Rect& clip = clips_.back();
    const double x0 = std::max(full.x, clip.x), x1 = std::min(full.right(), clip.right());
    const double y0 = std::max(full.y, clip.y), y1 = std::min(full.bottom(), clip.bottom());
    if (x1 <= x0 || y1 <= y0) return;
    const Ready ready = ready_for(fill);
    for (int row = floor_to_int(y0 / cell_height); row * cell_height < y1; ++row) {
      const double top = std::max(0.0, y0 / cell_height - row),
                   bottom = std::min(1.0, y1 / cell_height - row);
      for (int column = floor_to_int(x0 / cell_width); column * cell_width < x1; ++column) {
        const double left = std::max(0.0, x0 / cell_width - column),
                     right = std::min(1.0, x1 / cell_width - column);
        TextCell* cell = canvas_.at(column, row);
        if (cell == nullptr) continue;
        const int up = static_cast<int>(std::lround((bottom - top) * 8)),
                  across = static_cast<int>(std::lround((right - left) * 8));
        if (fill.opacity >= 1 && up * across >= 16) {
          cell->dots = 0;
          cell->lines = cell->grid = 0;
        }
        const bool whole_width = across == 8, whole_height = up == 8;
        if (whole_width && !whole_height && bottom == 1 && up > 0 && fill.opacity >= 1) {
          cell->eighths = up;
          cell->block_color = ready.color;
        } else if (whole_height && !whole_width && left == 0 && across > 0 && fill.opacity >= 1) {
          cell->eighths = -across;
          cell->block_color = ready.color;
        } else {
          for (int y = 0; y < 2; ++y) {
            for (int x = 0; x < 2; ++x) {
              const double mx = 0.25 + 0.5 * x, my = 0.25 + 0.5 * y;
              if (mx < left || mx > right || my < top || my > bottom) continue;
              canvas_.set_pixel(2 * column + x, 2 * row + y, ready.color, fill.opacity,
                                ready.shade);
            }
          }
        }
      }
    }
  }

  TerminalOptions options_;
  TextCanvas canvas_;
  std::vector<Rect> clips_;
};

}  // namespace

std::string to_terminal(const Chart& chart, const TerminalOptions& options) {
  if (options.columns < 20 || options.columns > 2000)
    fail("to_terminal", cat(options.columns, " columns are none; they are 20 to 2000"));
  if (options.rows < 0 || options.rows > 2000)
    fail("to_terminal",
         cat(options.rows, " rows are none; they are 0 (what the chart wants) to 2000"));
  const double width = options.columns * cell_width;
  int rows = options.rows;
  if (rows == 0) {
    const TextPainter measure(options, 1);
    rows = static_cast<int>(std::ceil(chart.height_for(measure, width) / cell_height - 1e-9));
    rows = std::clamp(rows, 1, 2000);
  }
  TextPainter painter(options, rows);
  chart.draw(painter, {0, 0, width, rows * cell_height});
  return painter.finish();
}

ColorDepth color_depth(bool is_terminal) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value == nullptr ? "" : value);
  };
  const std::string_view term = variable("TERM"), color = variable("COLORTERM");
  if (!is_terminal || !variable("NO_COLOR").empty() || term == "dumb") return ColorDepth::none;
  if (color == "truecolor" || color == "24bit" || term.find("direct") != term.npos)
    return ColorDepth::full;
  return ColorDepth::palette256;
}

}  // namespace glassbox::viz
