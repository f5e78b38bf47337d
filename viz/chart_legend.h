// Rows of "line, name, figures" above a plot. Detail of the charts.
#pragma once
#include <string>
#include <vector>

#include "viz/painter.h"

namespace glassbox::viz::detail {

struct LegendEntry {
  std::string name, figures;
  Stroke stroke;         // drawn as a piece of line,
  bool is_area = false;  // or as a square
};

// Draws as many entries as fit in `height` and says how many do not. The height it took.
double draw_legend(Painter& painter, const Rect& box, double height,
                   const std::vector<LegendEntry>& entries);

}  // namespace glassbox::viz::detail
