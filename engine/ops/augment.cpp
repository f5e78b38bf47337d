#include "engine/ops/augment.h"

#include <limits>

namespace glassbox {
namespace ops {

namespace {
std::string numbers(const std::vector<double>& values) {
  std::string text;
  for (const double v : values) text += (text.empty() ? "" : ", ") + cat(v);
  return text;
}
}  // namespace

Attrs Augment::attrs(Specs) const {
  return {{"crop", crop, crop == Pair(0)},
          {"padding", padding, padding == 0},
          {"flip", flip, flip == 0},
          {"scale", scale, scale},
          {"mean", numbers(mean), mean.empty()},
          {"std", numbers(std), std.empty()}};
}

SpecList Augment::infer(Specs in, bool) const {
  const Spec &images = in[0], &indices = in[1], &counter = in[2], &ids = in[3];
  if (images.dtype != DType::u8 || images.shape.rank() != 4) {
    fail(name, cat("images must be [N,C,H,W] u8, got ", to_string(images)));
  }
  if (indices.dtype != DType::i64 || indices.shape.rank() != 1) {
    fail(name, cat("indices must be [B] i64, got ", to_string(indices)));
  }
  if (ids.defined && (ids.dtype != DType::i64 || ids.shape != indices.shape)) {
    fail(name, cat("ids must be as the indices ", to_string(indices), ", got ", to_string(ids)));
  }
  if (is_random() &&
      (!counter.defined || counter.dtype != DType::i64 || counter.shape != Shape{2})) {
    fail(name, cat("random crops and flips need a counter [2] i64, got ", to_string(counter)));
  }
  if (padding < 0 || crop.h < 0 || crop.w < 0) {
    fail(name, cat("crop ", to_string(crop), " and padding ", padding, " must not be negative"));
  }
  if ((crop.h == 0) != (crop.w == 0)) {
    fail(name, cat("crop ", to_string(crop), " has one size of 0; 0x0 is no crop"));
  }
  if (!(flip >= 0 && flip <= 1)) fail(name, cat("flip ", flip, " is not a probability"));
  const auto channels = static_cast<std::size_t>(images.shape[1]);
  if ((!mean.empty() && mean.size() != channels) || mean.size() != std.size()) {
    fail(name, cat("mean has ", mean.size(), " and std ", std.size(), " numbers for ", channels,
                   " channels"));
  }
  for (const double s : std) {
    if (!(s > 0)) fail(name, cat("std ", s, " must be above 0"));
  }
  const std::int64_t edge = 2 * std::int64_t(padding);
  const std::int64_t h = images.shape[2] + edge, w = images.shape[3] + edge;
  constexpr std::int64_t most = std::numeric_limits<int>::max() - 1;  // places are counted in int
  if (h > most || w > most) {
    fail(name,
         cat("padding ", padding, " makes images of ", h, "x", w, ", larger than can be cropped"));
  }
  const std::int64_t ch = crop.h ? crop.h : h, cw = crop.w ? crop.w : w;
  if (ch > h || cw > w) {
    fail(name, cat("crop ", to_string(crop), " is larger than the image ", images.shape[2], "x",
                   images.shape[3], " padded by ", padding));
  }
  return {Spec{Shape{indices.shape[0], images.shape[1], ch, cw}, DType::f32, {}}};
}

Cost Augment::cost(Specs, Specs out) const {
  const std::int64_t n = out[0].numel();
  return {2.0 * static_cast<double>(n), n, 4 * n};
}

}  // namespace ops

Tensor augment(const Tensor& images, const Tensor& indices, const Tensor& counter,
               const ops::Augment& op, const Tensor& ids) {
  return apply(op, images, indices, counter, ids)[0];
}

}  // namespace glassbox
