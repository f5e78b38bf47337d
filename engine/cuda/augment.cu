// Gather, crop, flip and normalise: a block for each channel of each image. Its threads draw alike,
// once, and then write the plane's elements side by side; what they read is a row of bytes,
// forwards or backwards, that the cache holds.
#include "engine/cuda/launch.h"
#include "engine/ops/augment.h"

namespace glassbox {
namespace cuda {
namespace {

// Where an element of the output is in the image that was drawn, which is padded by black.
struct Geometry {
  std::int64_t h, w, oh, ow;
  int padding;
  // The byte's place in the image's plane, or -1 in the padding.
  GLASSBOX_HD std::int64_t at(std::int64_t i, const ops::AugmentDraw& draw) const {
    std::int64_t column = i % ow;
    if (draw.flipped) column = ow - 1 - column;
    const std::int64_t row = i / ow + draw.top - padding;
    column += draw.left - padding;
    return row >= 0 && row < h && column >= 0 && column < w ? row * w + column : -1;
  }
};

// Means and deviations travel in the launch's arguments, so a launch is for at most so many
// channels: of images with more, several are made.
constexpr int most_channels = 32;

struct Planes {
  Geometry g;
  std::int64_t images, channels, first, count;  // of the set; of the launch: [first, first + count)
  int rows, columns;                            // places for the crop
  double flip;
  bool random, scale, normal;
  float mean[most_channels], std[most_channels];
  const std::uint8_t* x;
  const std::int64_t *indices, *counter, *ids;
  float* y;
  Fault* fault;
  std::uint32_t site;

  // The steps and their rounding are torchvision's: to f32, then subtract, then divide.
  GLASSBOX_HD float value(std::uint8_t byte, std::int64_t c) const {
    float v = static_cast<float>(byte);
    if (scale) v /= 255.0f;
    return normal ? (v - mean[c]) / std[c] : v;
  }

  __device__ void operator()(std::int64_t row) const {
    const std::int64_t b = row / count, c = row % count, index = indices[b];
    const bool inside = index >= 0 && index < images;
    if (!inside && threadIdx.x == 0) report_fault(fault, site, index, images);
    ops::AugmentDraw draw;
    if (random) {
      draw = ops::draw_augment(static_cast<std::uint64_t>(counter[0]),
                               static_cast<std::uint64_t>(counter[1]), ids[b], rows, columns, flip);
    }
    const std::uint8_t* const from = x + (inside ? (index * channels + first + c) * g.h * g.w : 0);
    float* const to = y + (b * channels + first + c) * g.oh * g.ow;
    for (std::int64_t i = threadIdx.x; i < g.oh * g.ow; i += blockDim.x) {
      const std::int64_t at = g.at(i, draw);
      to[i] = inside ? value(at < 0 ? std::uint8_t(0) : from[at], c) : 0.0f;
    }
  }
};

}  // namespace
}  // namespace cuda

using namespace cuda;

void run(const ops::Augment& op, Context& ctx, Ins in, Outs out) {
  const Shape &x = in[0].shape(), &y = out[0].shape();
  if (out[0].numel() == 0) return;
  name_fault_site(ctx, "index");
  Planes planes{};
  planes.g = {x[2], x[3], y[2], y[3], op.padding};
  planes.images = x[0];
  planes.channels = x[1];
  const std::int64_t edge = 2 * std::int64_t(op.padding);
  planes.rows = static_cast<int>(x[2] + edge - y[2] + 1);
  planes.columns = static_cast<int>(x[3] + edge - y[3] + 1);
  planes.flip = op.flip;
  planes.random = op.is_random();
  planes.scale = op.scale;
  planes.normal = !op.mean.empty();
  planes.x = in_ptr<std::uint8_t>(in[0]);
  planes.indices = in_ptr<std::int64_t>(in[1]);
  planes.counter = in_ptr<std::int64_t>(in[2]);
  planes.ids = in[3].defined() ? in_ptr<std::int64_t>(in[3]) : planes.indices;
  planes.y = out_ptr<float>(out[0]);
  planes.fault = ctx.fault;
  planes.site = ctx.fault_site;
  for (planes.first = 0; planes.first < x[1]; planes.first += most_channels) {
    planes.count = std::min<std::int64_t>(most_channels, x[1] - planes.first);
    for (std::int64_t c = 0; planes.normal && c < planes.count; ++c) {
      const auto channel = static_cast<std::size_t>(planes.first + c);
      planes.mean[c] = static_cast<float>(op.mean[channel]);
      planes.std[c] = static_cast<float>(op.std[channel]);
    }
    for_rows(ctx, y[0] * planes.count, y[2] * y[3], planes);
  }
}

}  // namespace glassbox
