// What is done to the numbers of a line before it is drawn.
#pragma once
#include <string>
#include <vector>

#include "viz/painter.h"

namespace glassbox::viz {

// One line: y over x, in any order of x. Points that are not finite are gaps.
struct Series {
  std::string name = {};
  std::vector<double> x = {}, y = {};  // of one length
  // A band around the line, of the same length, or empty.
  std::vector<double> low = {}, high = {};
  int color = -1;  // of the theme; -1: the next
};

// TensorBoard's smoothing: the exponential average, last = last * weight + (1 - weight) * y,
// divided by 1 - weight^n so that it does not begin at 0. Where all values are equal nothing is
// done, and what is not finite stays what it is and is left out of the average. `weight` is in [0,
// 1); throws Error for any other.
std::vector<double> smoothed(const std::vector<double>& y, double weight);

// Several runs as one line with a band.
enum class Band {
  min_max,  // between the least and the greatest run
  mean_sd,  // the mean, and one standard deviation (n - 1) to both sides; 0 for one run
};
// At every x that any run has: a run that has none there counts by the line between its neighbours,
// and not before its first or after its last point. The line is the mean. What is not finite is
// left out.
Series aggregate(const std::string& name, const std::vector<Series>& runs, Band band);

namespace detail {

// Of a line that goes through the points, NaN being a gap: what can be seen of it on columns of
// `unit` pixels. In each the first, the last, the lowest and the highest point are kept, so that a
// million points become some thousand and look the same. Each part has no gaps.
std::vector<std::vector<Point>> visible_parts(const std::vector<Point>& points, double unit);

}  // namespace detail
}  // namespace glassbox::viz
