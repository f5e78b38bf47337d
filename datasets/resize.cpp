// Bilinear resampling with a triangle as wide as the scale (so that shrinking averages), in two
// passes over bytes with weights of 22 bits: the arithmetic of Pillow's Resample.c, so that the
// bytes are the same.
#include <algorithm>
#include <cmath>
#include <vector>

#include "datasets/image.h"

namespace glassbox::datasets {

namespace {

constexpr int weight_bits = 32 - 8 - 2;

// For each output position, where it begins in the input and what it weighs.
struct Weights {
  std::vector<std::int64_t> first, count;
  std::vector<std::int32_t> weights;  // `stride` for each position
  std::int64_t stride;
};

Weights make_weights(std::int64_t in, std::int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double width = std::max(scale, 1.0);
  Weights result;
  result.stride = static_cast<std::int64_t>(std::ceil(width)) * 2 + 1;
  result.weights.resize(static_cast<std::size_t>(out * result.stride));
  std::vector<double> exact(static_cast<std::size_t>(result.stride));
  for (std::int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - width + 0.5));
    const auto last = std::min(in, static_cast<std::int64_t>(centre + width + 0.5));
    double sum = 0;
    for (std::int64_t k = 0; k < last - first; ++k) {
      const double at = (static_cast<double>(k + first) - centre + 0.5) * (1.0 / width);
      const double weight = std::max(0.0, 1.0 - std::abs(at));
      exact[static_cast<std::size_t>(k)] = weight;
      sum += weight;
    }
    for (std::int64_t k = 0; k < last - first; ++k) {
      double weight = exact[static_cast<std::size_t>(k)];
      if (sum != 0) weight /= sum;
      result.weights[static_cast<std::size_t>(i * result.stride + k)] =
          static_cast<std::int32_t>(0.5 + weight * (1 << weight_bits));
    }
    result.first.push_back(first);
    result.count.push_back(last - first);
  }
  return result;
}

// Resamples lines of `in` pixels, `step` bytes from pixel to pixel.
void resample_line(const Weights& w, const std::uint8_t* in, std::int64_t in_step,
                   std::uint8_t* out, std::int64_t out_step) {
  for (std::size_t i = 0; i < w.first.size(); ++i) {
    const std::int32_t* weights = w.weights.data() + static_cast<std::int64_t>(i) * w.stride;
    const std::uint8_t* from = in + w.first[i] * in_step;
    std::int64_t sum = 1 << (weight_bits - 1);
    for (std::int64_t k = 0; k < w.count[i]; ++k)
      sum += std::int64_t(from[k * in_step]) * weights[k];
    out[static_cast<std::int64_t>(i) * out_step] =
        static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum >> weight_bits, 0, 255));
  }
}

}  // namespace

Tensor resize(const Tensor& image, Pair size) {
  if (image.dtype() != DType::u8 || image.dim() != 3 || image.numel() == 0) {
    fail("resize",
         cat("takes an image u8 [C,h,w] that is not empty, not ", to_string(image.spec())));
  }
  if (size.h < 1 || size.w < 1)
    fail("resize", cat("size ", to_string(size), " must be at least 1"));
  const std::int64_t c = image.size(0), h = image.size(1), w = image.size(2);
  Tensor wide = image;
  if (size.w != w) {
    wide = empty({c, h, size.w}, DType::u8, Device::cpu());
    const Weights weights = make_weights(w, size.w);
    const std::uint8_t* from = image.data<std::uint8_t>().data();
    std::uint8_t* to = wide.mutable_data<std::uint8_t>().data();
    for (std::int64_t row = 0; row < c * h; ++row)
      resample_line(weights, from + row * w, 1, to + row * size.w, 1);
  }
  if (size.h == h) return wide;
  Tensor result = empty({c, size.h, size.w}, DType::u8, Device::cpu());
  const Weights weights = make_weights(h, size.h);
  const std::uint8_t* from = wide.data<std::uint8_t>().data();
  std::uint8_t* to = result.mutable_data<std::uint8_t>().data();
  for (std::int64_t plane = 0; plane < c; ++plane) {
    for (std::int64_t x = 0; x < size.w; ++x) {
      resample_line(weights, from + plane * h * size.w + x, size.w,
                    to + plane * size.h * size.w + x, size.w);
    }
  }
  return result;
}

}  // namespace glassbox::datasets
