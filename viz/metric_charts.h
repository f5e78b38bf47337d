// What was logged, as charts: the metrics of a History as lines, images and histograms. A tensor
// that was logged is an image or a histogram only here.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "viz/chart.h"
#include "viz/chart_histogram.h"
#include "viz/chart_image.h"
#include "viz/chart_line.h"
#include "viz/history.h"

namespace glassbox::viz {

// A metric over the places of its steps.
struct Curve {
  Series series;         // with low and high where a point stands for several
  double per_point = 1;  // how many
};
// At most `points` points, and one more where each stands for several, which is the last value.
// Throws Error for a metric that is no number.
Curve curve_of(const Metric& metric, std::size_t points);

struct PlotOptions {
  std::vector<std::string> labels = {};  // of the metrics, in order; left out: their names
  std::string y_label = {};
  std::string title = {};  // left out: "loss: 0.00171, accuracy: 0.98", the last values
  double smooth = 0;       // TensorBoard's weight, in [0, 1)
  bool log_x = false, log_y = false;
};
// Several metrics, of one history or of several, over true steps. Of more points than `most_points`
// the extent of neighbours is drawn instead of each of them. Throws Error for metrics that are no
// numbers, none at all, and more labels than metrics.
LineChart line_chart(const std::vector<Metric>& metrics, const PlotOptions& options = {});
constexpr std::size_t most_points = 200'000;

struct ImageOptions {
  int limit = 5;           // the last so many
  std::string title = {};  // left out: the metric's name
  Normalize normalize = Normalize::own;
  ColorMap map = ColorMap::viridis;
};
// The last images, each under its step: [H, W], [C, H, W] or [H, W, C] with 1, 3 or 4 channels. Of
// other tensors the last one alone: [C, H, W] as a picture for each channel, [O, C, H, W] as
// filters. Throws Error for a metric of other tensors or of none.
std::shared_ptr<const Chart> image_chart(const Metric& metric, const ImageOptions& options = {});

struct HistogramOptions {
  int limit = 10;          // the last so many steps
  std::string title = {};  // left out: the metric's name
  int bins = 40;
};
// One step's, which was logged as values, or by a probe as their counts.
HistogramSlice histogram_slice(const Tensor& logged, std::string label);
// How the tensor's values are spread at the last steps, each its own values; a tensor that is a
// histogram (viz/histogram_tensor.h) counts as the values it was made of. Throws Error for a metric
// that is none of tensors.
RidgeHistogram histogram_chart(const Metric& metric, const HistogramOptions& options = {});

namespace detail {
// The part of the errors above that can be seen without reading a value.
void check_plot(const std::vector<Metric>& metrics, const PlotOptions& options);
void check_tensors(const Metric& metric, const char* what);
}  // namespace detail

}  // namespace glassbox::viz
