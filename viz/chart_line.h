// Lines over steps: losses, accuracies, runs against each other.
//
//   LineChart chart;
//   chart.title = "validation";
//   chart.x_label = "step";
//   chart.series = {{"baseline", steps, losses}, {"wider", steps, others}};
//   chart.smooth = 0.6;
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "viz/chart.h"
#include "viz/curve.h"

namespace glassbox::viz {

// Which point of a line is the best. `automatic` goes by the name: the greatest of an "accuracy",
// "f1", "score" and so on, the least of a "loss", "error" and so on, none of others.
enum class Best { automatic, none, least, greatest };
Best best_of(std::string_view name);  // what `automatic` finds: least, greatest or none

// Points are drawn in the order of x, all of them: what several points do within one pixel is drawn
// as their extent. A point that is not finite is a gap and is marked at the edge; how many there
// are, and how many have no place on a logarithmic axis, is said below. Every line's last value
// stands in the legend, and its best one with where it was.
class LineChart : public Chart {
 public:
  std::string title, x_label, y_label;
  std::vector<Series> series;
  double smooth = 0;  // `weight` of smoothed(); what was smoothed stays, faint, behind it
  bool log_x = false, log_y = false;
  bool whole_x = false;                              // x are counts: no ticks between them
  std::function<std::string(double)> x_format = {};  // of x, such as "9:99" for a step
  std::optional<double> x_min = {}, x_max = {}, y_min = {}, y_max = {};  // else what the lines need
  bool ignore_outliers = false;  // y as the 5th to the 95th percentile needs it
  bool legend = true;
  bool mark_last = true;
  Best best = Best::automatic;

  void draw(Painter& painter, const Rect& box) const override;
  std::string description() const override;
};

}  // namespace glassbox::viz
