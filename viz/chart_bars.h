// Amounts side by side, and parts of a whole.
#pragma once
#include <string>
#include <vector>

#include "viz/chart.h"

namespace glassbox::viz {

struct BarSeries {
  std::string name = {};
  std::vector<double> values = {};  // one for each label
};

// A bar for each label, or a group of bars where there are several series. Lying by default: so
// that long names are read, and a hundred bars fit.
class Bars : public Chart {
 public:
  std::string title, value_label;
  std::vector<std::string> labels;
  std::vector<BarSeries> series;
  bool upright = false;
  bool show_values = true;  // where there is room

  void draw(Painter& painter, const Rect& box) const override;
  double height_for(const Painter& painter, double width) const override;
  std::string description() const override;
};

struct PieSlice {
  std::string label = {};
  double value = 0;  // those below 0 and not finite have no part; it is said
};

// Clockwise from the top, in the order given; beside it labels, values and per cent.
class Pie : public Chart {
 public:
  std::string title;
  std::vector<PieSlice> slices;
  double hole = 0.55;  // of its radius; 0: none

  void draw(Painter& painter, const Rect& box) const override;
  double height_for(const Painter& painter, double width) const override;
  std::string description() const override;
};

}  // namespace glassbox::viz
