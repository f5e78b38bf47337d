// Two axes with their labels around a plot. Detail of the charts.
#pragma once
#include <optional>
#include <string>

#include "viz/axis.h"
#include "viz/painter.h"

namespace glassbox::viz::detail {

struct FrameOptions {
  std::string x_label, y_label;
  AxisOptions x = {}, y = {};  // lengths, extents and gaps are the frame's own business
  bool x_grid = false, y_grid = true;
};

// Lays out and draws axes in a box: labels at its left and below, the rest is the plot. Where the
// box is too small for labels, they are left out.
class Frame {
 public:
  Frame(Painter& painter, const Rect& box, Range x, Range y, const FrameOptions& options);
  const Rect& plot() const { return plot_; }
  const Axis& x() const { return *x_; }
  const Axis& y() const { return *y_; }
  // Where a point lies; NaN where it has no place, never far outside.
  Point at(double x, double y) const;

 private:
  Rect plot_;
  std::optional<Axis> x_, y_;
};

}  // namespace glassbox::viz::detail
