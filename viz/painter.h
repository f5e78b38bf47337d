// What a chart is drawn with: lines, areas, text and images, on whatever there is to draw on, an
// SVG or a terminal. A chart of one's own is written against this alone and works on both:
//
//   void draw(Painter& painter, const Rect& box) const override {
//     const Point middle{box.x + box.width / 2, box.y + box.height / 2};
//     painter.sector(middle, 0, box.height / 2, 0, 0.25, series_paint(0));
//     painter.text(middle, "25 %", {.anchor = Anchor::middle, .align = Align::middle});
//   }
//
// Lengths are pixels, y grows downwards. A terminal is a canvas too: its cell is 8 pixels wide and
// 16 high, text has one size there and sits in cells, curves are braille dots of 4 by 4 pixels.
// So measure text by asking the painter, and what fits there fits in both.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "viz/color_map.h"
#include "viz/font_metrics.h"
#include "viz/layout.h"

namespace glassbox::viz {

struct ChartTheme;

// The role of a colour; what it looks like is up to the theme.
enum class Ink {
  none,
  exact,       // `color`, in every theme
  background,  // what the chart stands on
  text,
  muted,  // less important text
  axis,
  grid,
  series,  // the index-th colour that readers can tell apart; after the last the first again
  ridge,
  warning,
};

// What something is painted with.
struct Paint {
  Ink ink = Ink::none;
  int index = 0;       // of Ink::series
  Rgb color = {};      // of Ink::exact
  double opacity = 1;  // below 1 what lies behind shows through
  double fade = 0;     // how much of the background is mixed in; nothing shows through
  bool visible() const { return ink != Ink::none && opacity > 0; }
  Paint with_opacity(double value) const;
  Paint faded(double value) const;
};
Paint ink_paint(Ink ink);
Paint series_paint(std::size_t index);
Paint exact_paint(Rgb color);

struct Stroke {
  Paint paint = {};
  double width = 1;
  int dash = 0;  // 0: solid; 1, 2, 3: patterns that look different
};

enum class Anchor { start, middle, end };  // which part of the text is at x
enum class Align { top, middle, bottom };  // which part of its line is at y

struct TextStyle {
  double size = 11;  // in an SVG; a terminal has one size
  Face face = Face::regular;
  Paint paint = {Ink::text};
  Anchor anchor = Anchor::start;
  Align align = Align::top;
  bool upwards = false;  // turned by 90°, read from below; only where can_turn()
  // "tick", "legend" and so on: the element's class in an SVG, for scripts and tests.
  std::string_view role = {};
};

// Marks of single points.
enum class Mark { dot, ring, cross, up, down };

class Painter {
 public:
  explicit Painter(const ChartTheme& theme) : theme_(theme) {}
  Painter(const Painter&) = delete;
  Painter& operator=(const Painter&) = delete;
  virtual ~Painter() = default;

  const ChartTheme& theme() const { return theme_; }
  // What differs between the two; most charts need not ask.
  virtual bool is_terminal() const = 0;
  virtual bool has_color() const { return true; }  // an exact colour can be seen
  virtual bool can_turn() const { return !is_terminal(); }
  // The size of what cannot be divided: 1 by 1, or a terminal's cell.
  virtual Point unit() const { return {1, 1}; }

  // The length of a text and the height of its line.
  virtual double text_width(std::string_view text, double size,
                            Face face = Face::regular) const = 0;
  virtual double line_height(double size) const = 0;
  // The text, or its beginning and "…" where it is longer than `width`; "" where nothing fits.
  std::string fitted(std::string_view text, double width, double size,
                     Face face = Face::regular) const;

  virtual void polyline(std::span<const Point> points, const Stroke& stroke) = 0;
  virtual void polygon(std::span<const Point> points, const Paint& fill,
                       const Stroke& outline = {}) = 0;
  virtual void rect(const Rect& rect, const Paint& fill, const Stroke& outline = {},
                    double radius = 0) = 0;
  virtual void mark(Point at, Mark mark, const Paint& paint, double size = 6) = 0;
  virtual void text(Point at, std::string_view text, const TextStyle& style = {}) = 0;
  // Pixels in rows from the top, stretched to the box with sharp edges.
  virtual void image(const Rect& box, int width, int height, std::span<const Rgb> pixels) = 0;

  // Part of a ring, or of a disc where `inner` is 0. Angles are parts of a whole turn, clockwise
  // from the top.
  virtual void sector(Point center, double inner, double outer, double from, double to,
                      const Paint& fill, const Stroke& outline = {});
  void line(Point from, Point to, const Stroke& stroke);

  // What is drawn until end_clip() is cut at the edges of the box. Clips may be nested.
  virtual void begin_clip(const Rect& box) = 0;
  virtual void end_clip() = 0;
  // What is drawn until end_group() belongs together; the text is shown when it is pointed at.
  virtual void begin_group(std::string_view) {}
  virtual void end_group() {}

 private:
  const ChartTheme& theme_;
};

}  // namespace glassbox::viz
