// A histogram as a tensor, which is what a History keeps: where the values of a step are many,
// their counts are logged, and draw_hist draws them like values.
#pragma once
#include <optional>

#include "engine/core/tensor.h"
#include "viz/chart_histogram.h"

namespace glassbox::viz {

// f64 [2, bins + 2]: the edges and NaN; the counts, then how many values were NaN and how many
// infinite. The NaN behind rising edges tells it from values: no weights look like that.
Tensor histogram_tensor(const Histogram& histogram);
// The histogram in such a tensor; none in any other.
std::optional<Histogram> histogram_in(const Tensor& tensor);

}  // namespace glassbox::viz
