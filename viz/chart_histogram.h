// How values are spread, and how that changes over the steps of a training.
//
//   RidgeHistogram chart;
//   chart.title = "conv1.weight";
//   chart.slices = {{"0:100", weights_then}, {"0:200", weights_now}};
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "viz/chart.h"

namespace glassbox::viz {

// counts[i] values lie in [edges[i], edges[i + 1]), in the last bin both ends count.
struct Histogram {
  std::vector<double> edges, counts;
  std::size_t nans = 0, infinities = 0;  // not counted
  double total() const;
};

// `bins` bins of one width between two numbers. Where they are equal they are moved by 0.5 to both
// sides; numbers that are not finite, in the wrong order, or no bins throw Error.
std::vector<double> histogram_edges(double low, double high, int bins);
// numpy.histogram's counts, to the last one. Without edges: between the least and the greatest
// value that is finite, or 0 and 1 where there is none.
Histogram histogram(const std::vector<double>& values, const std::vector<double>& edges);
Histogram histogram(const std::vector<double>& values, int bins);
// The same values in other bins, as if they were spread evenly within each bin.
Histogram rebinned(const Histogram& histogram, const std::vector<double>& edges);

// One step's values, or, where only that was kept, their histogram.
struct HistogramSlice {
  std::string label = {};
  std::vector<double> values = {};
  Histogram counted = {};  // used where there are no values
};

// A histogram for each step, one behind the other: the oldest at the back, each its own step's
// values and no others. All have the same bins, so that they can be compared.
class RidgeHistogram : public Chart {
 public:
  std::string title, value_label;
  std::vector<HistogramSlice> slices;  // from the oldest
  int bins = 40;
  int limit = 12;  // slices at most: the last, and others evenly between the first and it

  void draw(Painter& painter, const Rect& box) const override;
  double height_for(const Painter& painter, double width) const override;
  std::string description() const override;
};

// The same from above: steps to the right, values upwards, a colour for the part of a step's values
// that a bin has.
class HistogramMap : public Chart {
 public:
  std::string title, value_label;
  std::vector<HistogramSlice> slices;
  int bins = 40;
  ColorMap map = ColorMap::viridis;

  void draw(Painter& painter, const Rect& box) const override;
  std::string description() const override;
};

namespace detail {

// The slices in bins that they share.
std::vector<Histogram> shared_bins(const std::vector<HistogramSlice>& slices, int bins);

}  // namespace detail
}  // namespace glassbox::viz
