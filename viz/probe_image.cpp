#include "viz/probe_image.h"

#include <algorithm>
#include <vector>

namespace glassbox::viz::detail {
namespace {

// The means of `step` by `step` blocks; those at the right and lower edge may be smaller.
void shrink(const float* map, std::int64_t height, std::int64_t width, std::int64_t step,
            std::vector<float>& out) {
  for (std::int64_t top = 0; top < height; top += step) {
    for (std::int64_t left = 0; left < width; left += step) {
      const std::int64_t bottom = std::min(height, top + step),
                         right = std::min(width, left + step);
      double sum = 0;
      for (std::int64_t y = top; y < bottom; ++y) {
        for (std::int64_t x = left; x < right; ++x) sum += static_cast<double>(map[y * width + x]);
      }
      out.push_back(static_cast<float>(sum / static_cast<double>((bottom - top) * (right - left))));
    }
  }
}

// The values of one image of any rank; leading dimensions are cut to `max_channels`.
Tensor image_of(const std::vector<float>& values, Shape shape, const ProbeOptions& options) {
  while (shape.rank() < 2) shape.insert(0, 1);
  const int rank = shape.rank();
  const std::int64_t height = shape[rank - 2], width = shape[rank - 1];
  const std::int64_t longest = std::max(height, width);
  const std::int64_t step =
      std::max<std::int64_t>(1, (longest + options.max_side - 1) / options.max_side);
  Shape kept = shape;
  for (int d = 0; d < rank - 2; ++d) kept[d] = std::min(shape[d], options.max_channels);
  std::int64_t maps = 1;
  for (int d = 0; d < rank - 2; ++d) maps *= kept[d];
  std::vector<float> out;
  for (std::int64_t m = 0; m < maps; ++m) {
    std::int64_t rest = m, from = 0, stride = 1;
    for (int d = rank - 3; d >= 0; --d) {
      from += rest % kept[d] * stride;
      rest /= kept[d];
      stride *= shape[d];
    }
    shrink(values.data() + from * height * width, height, width, step, out);
  }
  kept[rank - 2] = (height + step - 1) / step;
  kept[rank - 1] = (width + step - 1) / step;
  return from(out, kept, Device::cpu());
}

}  // namespace

Tensor sample_image(const Tensor& x, const ProbeOptions& options) {
  if (x.numel() == 0) return {};
  if (x.dim() < 2) return image_of(x.to_vector<float>(), x.shape(), options);
  const std::int64_t sample = std::min(options.sample, x.size(0) - 1), size = x.numel() / x.size(0);
  const std::vector<float> all = x.to_vector<float>();
  Shape shape = x.shape();
  shape.erase(0);
  return image_of({all.begin() + sample * size, all.begin() + (sample + 1) * size}, shape, options);
}

Tensor weight_image(const Tensor& w, const ProbeOptions& options) {
  if (w.numel() == 0) return {};
  return image_of(w.to_vector<float>(), w.shape(), options);
}

}  // namespace glassbox::viz::detail
