#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/core/error.h"
#include "viz/chart_histogram.h"

namespace glassbox::viz {

double Histogram::total() const { return std::accumulate(counts.begin(), counts.end(), 0.0); }

std::vector<double> histogram_edges(double low, double high, int bins) {
  if (bins < 1) fail("histogram", cat(bins, " bins are none; give at least 1"));
  if (!std::isfinite(low) || !std::isfinite(high) || low > high)
    fail("histogram", cat("from ", low, " to ", high, " is no range"));
  if (low == high) {
    // Of a number so large that 0.5 is nothing: a thousandth of it.
    const double reach = low + 0.5 > low - 0.5 && low + 0.5 != low ? 0.5 : std::abs(low) / 1000;
    low -= reach;
    high += reach;
  }
  constexpr double largest = std::numeric_limits<double>::max();
  low = std::max(low, -largest);
  high = std::min(high, largest);
  // As numpy.linspace: the step is rounded once, the end is exact. Where the range is larger than
  // any double, or its step smaller, both ends have their part in an edge.
  const double step = (high - low) / bins;
  const bool is_plain = std::isfinite(high - low) && step != 0;
  std::vector<double> edges;
  for (int i = 0; i < bins; ++i) {
    const double part = double(i) / bins;
    const double edge = is_plain ? i * step + low : low * (1 - part) + high * part;
    edges.push_back(std::clamp(edge, edges.empty() ? low : edges.back(), high));
  }
  edges.push_back(high);
  return edges;
}

Histogram histogram(const std::vector<double>& values, const std::vector<double>& edges) {
  if (edges.size() < 2 || !std::is_sorted(edges.begin(), edges.end()))
    fail("histogram", "the edges of bins must be at least two numbers in rising order");
  Histogram out{edges, std::vector<double>(edges.size() - 1), 0, 0};
  const double low = edges.front(), high = edges.back();
  for (const double v : values) {
    out.nans += std::isnan(v);
    out.infinities += std::isinf(v);
    if (!(v >= low && v <= high)) continue;
    // The last bin with both its ends, of the others only the left one.
    auto bin =
        static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), v) - edges.begin());
    bin = std::min(bin, out.counts.size());
    if (!std::isfinite(v)) continue;
    ++out.counts[bin - 1];
  }
  return out;
}

Histogram histogram(const std::vector<double>& values, int bins) {
  double low = 0, high = 1;
  bool is_first = true;
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    low = is_first ? v : std::min(low, v);
    high = is_first ? v : std::max(high, v);
    is_first = false;
  }
  return histogram(values, histogram_edges(low, high, bins));
}

Histogram rebinned(const Histogram& from, const std::vector<double>& edges) {
  Histogram out{edges, std::vector<double>(edges.size() > 1 ? edges.size() - 1 : 0), from.nans,
                from.infinities};
  std::size_t first = 0;
  for (std::size_t i = 0; i < from.counts.size() && i + 1 < from.edges.size(); ++i) {
    const double low = from.edges[i], high = from.edges[i + 1];
    while (first + 1 < out.counts.size() && edges[first + 1] <= low) ++first;
    for (std::size_t k = first; k < out.counts.size() && edges[k] <= high; ++k) {
      const double width = high - low;
      const double inside = std::min(high, edges[k + 1]) - std::max(low, edges[k]);
      if (width > 0 && inside > 0) out.counts[k] += from.counts[i] * inside / width;
      // A bin of no width is one value.
      if (width == 0 && low >= edges[k] && (low < edges[k + 1] || k + 1 == out.counts.size())) {
        out.counts[k] += from.counts[i];
        break;
      }
    }
  }
  return out;
}

namespace detail {

std::vector<Histogram> shared_bins(const std::vector<HistogramSlice>& slices, int bins) {
  double low = 0, high = 1;
  bool is_first = true;
  const auto add = [&](double v) {
    if (!std::isfinite(v)) return;
    low = is_first ? v : std::min(low, v);
    high = is_first ? v : std::max(high, v);
    is_first = false;
  };
  for (const HistogramSlice& slice : slices) {
    for (const double v : slice.values) add(v);
    if (!slice.values.empty() || slice.counted.edges.empty()) continue;
    add(slice.counted.edges.front());
    add(slice.counted.edges.back());
  }
  const auto edges = histogram_edges(low, high, std::max(bins, 1));
  std::vector<Histogram> all;
  for (const HistogramSlice& slice : slices)
    all.push_back(slice.values.empty() && !slice.counted.edges.empty()
                      ? rebinned(slice.counted, edges)
                      : histogram(slice.values, edges));
  return all;
}

}  // namespace detail
}  // namespace glassbox::viz
