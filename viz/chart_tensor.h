// Tensors as charts: copies of their values, so that a chart stays what it was when training goes
// on. Tensors may be on any device and of any type of numbers.
#pragma once
#include <string>
#include <vector>

#include "engine/core/tensor.h"
#include "viz/chart_image.h"

namespace glassbox::viz {

// [height, width], [channels, height, width] or [1, channels, height, width]; else throws Error.
Image image_of(const Tensor& x, const std::string& caption = "");
// A convolution's weight, [out, in, height, width]; else throws Error.
FilterGrid filters_of(const Tensor& weight, const std::string& title = "");
// [channels, height, width], or of a batch [n, channels, height, width] the image `index`.
FeatureMapGrid feature_maps_of(const Tensor& x, const std::string& title = "",
                               std::int64_t index = 0);
// All elements in row-major order, for histograms.
std::vector<double> values_of(const Tensor& x);

}  // namespace glassbox::viz
