#include "viz/metric_charts.h"

#include <algorithm>

#include "engine/autograd/tape.h"
#include "engine/core/error.h"
#include "engine/core/tensor.h"
#include "viz/chart_tensor.h"
#include "viz/histogram_tensor.h"
#include "viz/text.h"

namespace glassbox::viz {
namespace {

bool is_color(std::int64_t channels) { return channels == 1 || channels == 3 || channels == 4; }

// [H, W], [C, H, W] or [H, W, C] of 1, 3 or 4 channels.
bool is_image(const Tensor& tensor) {
  return tensor.dim() == 2 ||
         (tensor.dim() == 3 && (is_color(tensor.size(0)) || is_color(tensor.size(2))));
}

Image image_at(const Tensor& tensor, const std::string& caption) {
  const bool channels_last = tensor.dim() == 3 && !is_color(tensor.size(0));
  const NoGrad no_grad;
  return image_of(channels_last ? tensor.permute({2, 0, 1}) : tensor, caption);
}

}  // namespace

void detail::check_plot(const std::vector<Metric>& metrics, const PlotOptions& options) {
  if (metrics.empty()) fail("draw_plot", "there is no metric to draw");
  if (options.labels.size() > metrics.size()) {
    fail("draw_plot", cat(options.labels.size(), " labels for ", metrics.size(), " metrics"));
  }
  for (const Metric& metric : metrics) {
    if (metric.kind() == Metric::Kind::number) continue;
    fail("draw_plot",
         cat("\"", metric.name(), "\" is no number: draw_image and draw_hist draw tensors"));
  }
}

void detail::check_tensors(const Metric& metric, const char* what) {
  if (metric.kind() != Metric::Kind::tensor)
    fail(what, cat("\"", metric.name(), "\" was not logged as a tensor"));
  if (metric.empty()) fail(what, cat("\"", metric.name(), "\" has no values"));
}

namespace {

std::size_t first_of_last(const Metric& metric, int limit) {
  const auto count = static_cast<std::size_t>(std::max(1, limit));
  return metric.size() > count ? metric.size() - count : 0;
}

}  // namespace

Curve curve_of(const Metric& metric, std::size_t points) {
  Curve curve;
  const std::vector<Bucket> buckets = metric.downsample(points);
  const bool is_each = buckets.size() == metric.size();
  if (!is_each)
    curve.per_point = static_cast<double>(metric.size()) / static_cast<double>(buckets.size());
  for (const Bucket& bucket : buckets) {
    curve.series.x.push_back((bucket.x_first + bucket.x_last) / 2);
    curve.series.y.push_back(bucket.mean);
    if (is_each) continue;
    curve.series.low.push_back(bucket.min);
    curve.series.high.push_back(bucket.max);
  }
  if (!is_each) {  // the line ends where the metric does, not at a mean
    const Bucket& last = buckets.back();
    curve.series.x.push_back(last.x_last);
    curve.series.y.push_back(metric.last());
    curve.series.low.push_back(last.min);
    curve.series.high.push_back(last.max);
  }
  // A bucket's mean is over what is finite; of a single point that is not, nothing is left.
  if (is_each && std::any_of(buckets.begin(), buckets.end(),
                             [](const Bucket& b) { return b.finite < b.points; }))
    curve.series.y = metric.values();
  return curve;
}

LineChart line_chart(const std::vector<Metric>& metrics, const PlotOptions& options) {
  detail::check_plot(metrics, options);
  LineChart chart;
  chart.y_label = options.y_label;
  chart.smooth = options.smooth;
  chart.log_x = options.log_x;
  chart.log_y = options.log_y;
  chart.title = options.title;
  bool in_epochs = false;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const Metric& metric = metrics[i];
    Series series = curve_of(metric, metric.size() <= most_points ? most_points : 4000).series;
    if (i < options.labels.size()) {
      series.name = options.labels[i];
    } else {
      const auto is_alike = [&](const Metric& other) { return other.name() == metric.name(); };
      const auto before =
          std::count_if(metrics.begin(), metrics.begin() + static_cast<long>(i), is_alike);
      const auto all = std::count_if(metrics.begin(), metrics.end(), is_alike);
      series.name = metric.name();
      if (all > 1) series.name += " " + std::to_string(before + 1);
    }
    if (!metric.empty()) {
      in_epochs = in_epochs || metric.in_epochs();
      if (options.title.empty()) {
        chart.title +=
            (chart.title.empty() ? "" : ", ") + series.name + ": " + significant(metric.last(), 4);
      }
    }
    chart.series.push_back(std::move(series));
  }
  chart.x_label = in_epochs ? "Epochs" : "Steps";
  chart.whole_x = !in_epochs;
  return chart;
}

std::shared_ptr<const Chart> image_chart(const Metric& metric, const ImageOptions& options) {
  detail::check_tensors(metric, "draw_image");
  const std::string title = options.title.empty() ? metric.name() : options.title;
  const std::vector<std::string> steps = metric.formatted_steps();
  const Tensor last = metric.tensor(metric.size() - 1);
  if (is_image(last)) {
    ImageRow row;
    row.title = title;
    row.normalize = options.normalize;
    row.map = options.map;
    for (std::size_t i = first_of_last(metric, options.limit); i < metric.size(); ++i) {
      const Tensor tensor = metric.tensor(i);
      if (is_image(tensor)) row.images.push_back(image_at(tensor, steps[i]));
    }
    return std::make_shared<ImageRow>(std::move(row));
  }
  const std::string with_step = title + " at " + steps.back();
  if (last.dim() == 4) {
    FilterGrid grid = filters_of(last, with_step);
    grid.map = options.map;
    return std::make_shared<FilterGrid>(std::move(grid));
  }
  if (last.dim() == 3) {
    FeatureMapGrid grid = feature_maps_of(last, with_step);
    grid.map = options.map;
    return std::make_shared<FeatureMapGrid>(std::move(grid));
  }
  fail("draw_image", cat("\"", metric.name(), "\" has the shape ", last.shape(),
                         "; an image is [H, W], [C, H, W] or [H, W, C], filters are [O, C, H, W]"));
}

HistogramSlice histogram_slice(const Tensor& logged, std::string label) {
  HistogramSlice slice;
  slice.label = std::move(label);
  if (const auto counted = histogram_in(logged)) {
    slice.counted = *counted;
  } else {
    slice.values = values_of(logged);
  }
  return slice;
}

RidgeHistogram histogram_chart(const Metric& metric, const HistogramOptions& options) {
  detail::check_tensors(metric, "draw_hist");
  RidgeHistogram chart;
  chart.title = options.title.empty() ? metric.name() : options.title;
  chart.bins = options.bins;
  chart.limit = std::max(1, options.limit);
  const std::vector<std::string> steps = metric.formatted_steps();
  for (std::size_t i = first_of_last(metric, options.limit); i < metric.size(); ++i) {
    chart.slices.push_back(histogram_slice(metric.tensor(i), steps[i]));
  }
  return chart;
}

}  // namespace glassbox::viz
