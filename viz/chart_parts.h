// What charts share: titles, notes, fitting. Detail of the charts.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "viz/axis.h"
#include "viz/painter.h"

namespace glassbox::viz::detail {

constexpr double title_size = 13, label_size = 11, tick_size = 10;

// Free space around and between, which a terminal has no pixels for.
double pad_of(const Painter& painter);
// Moved to whole units (a terminal's cells): up for starts, down for ends, never beyond the box.
Rect on_units(const Painter& painter, const Rect& box);
double to_unit_y(const Painter& painter, double y);

// Takes lines of text from the top or the bottom of a box; what is left of it is there for the
// rest. Nothing is drawn where no more than `keep` pixels would be left.
class Column {
 public:
  Column(Painter& painter, const Rect& box) : painter_(painter), rest_(box) {}
  const Rect& rest() const { return rest_; }
  void take_top(double height);
  void take_bottom(double height);
  bool title(std::string_view text, double keep = 60);
  bool line_at_top(std::string_view text, double size, const Paint& paint, double keep = 60);
  // At the bottom: a remark, in muted text.
  bool note(std::string_view text, const Paint& paint, double keep = 60);

 private:
  Painter& painter_;
  Rect rest_;
};

// "3 NaN, 1 infinite": what of the values is not finite; "" where all are.
std::string not_finite_text(std::size_t nans, std::size_t infinities);

// A bar of a map's colours with its least and greatest value, for maps of numbers; in a terminal
// it is one line. Its height, or 0 where it is not drawn, is `color_bar_height`.
double color_bar_height(const Painter& painter);
void draw_color_bar(Painter& painter, const Rect& box, ColorMap map, double low, double high);

}  // namespace glassbox::viz::detail
