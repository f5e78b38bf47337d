#include "viz/histogram_tensor.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/error.h"

namespace glassbox::viz {

Tensor histogram_tensor(const Histogram& histogram) {
  const std::size_t bins = histogram.counts.size();
  if (bins == 0 || histogram.edges.size() != bins + 1)
    fail("histogram_tensor", cat(histogram.edges.size(), " edges do not fit ", bins, " counts"));
  std::vector<double> values = histogram.edges;
  values.push_back(std::numeric_limits<double>::quiet_NaN());
  values.insert(values.end(), histogram.counts.begin(), histogram.counts.end());
  values.push_back(static_cast<double>(histogram.nans));
  values.push_back(static_cast<double>(histogram.infinities));
  return from(values, {2, static_cast<std::int64_t>(bins + 2)}, Device::cpu());
}

std::optional<Histogram> histogram_in(const Tensor& tensor) {
  if (!tensor.defined() || tensor.dtype() != DType::f64 || !tensor.device().is_cpu() ||
      tensor.dim() != 2 || tensor.size(0) != 2 || tensor.size(1) < 3)
    return std::nullopt;
  const auto values = tensor.data<double>();
  const auto width = static_cast<std::size_t>(tensor.size(1));
  const auto edges = values.first(width - 1), counts = values.subspan(width);
  const auto is_finite = [](double v) { return std::isfinite(v); };
  const auto is_count = [](double v) { return std::isfinite(v) && v >= 0 && v == std::floor(v); };
  if (!std::isnan(values[width - 1]) || !std::all_of(edges.begin(), edges.end(), is_finite) ||
      !std::is_sorted(edges.begin(), edges.end()) ||
      !std::all_of(counts.begin(), counts.end(), is_count))
    return std::nullopt;
  Histogram out;
  out.edges.assign(edges.begin(), edges.end());
  out.counts.assign(counts.begin(), counts.end() - 2);
  out.nans = static_cast<std::size_t>(counts[width - 2]);
  out.infinities = static_cast<std::size_t>(counts[width - 1]);
  return out;
}

}  // namespace glassbox::viz
