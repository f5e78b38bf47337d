// Augmentation of an image set that lies in memory as bytes: one op gathers a batch, crops, flips,
// scales and normalises it. What is drawn for an image depends on {seed, epoch}, the image's index
// in the set and the transform alone: never on the batch, the order, a worker or a thread.
#pragma once
#include <vector>

#include "engine/apply.h"
#include "engine/core/philox.h"

namespace glassbox {
namespace ops {

// Inputs: images u8 [N,C,H,W], indices i64 [B], counter i64 [2] = {seed, epoch}, which may be
// undefined when nothing is random, ids i64 [B]: the images' indices in their data set, by which
// random numbers are drawn; undefined when they are the indices themselves. Output f32 [B,C,h,w] =
// (u8/255 - mean) / std. As in torchvision, padding is black before it is normalised.
struct Augment {
  static constexpr std::string_view name = "augment", kind = "Augment";
  Pair crop = 0;      // size of the random crop; 0x0: none, the whole image with its padding
  int padding = 0;    // black pixels added on each side before the crop
  double flip = 0;    // probability of a horizontal flip
  bool scale = true;  // to [0, 1]; else 0 ... 255
  std::vector<double> mean = {}, std = {};  // per channel; empty: not normalised
  bool operator==(const Augment&) const = default;
  bool is_random() const { return crop != Pair(0) || flip > 0; }
  Attrs attrs(Specs) const;
  SpecList infer(Specs in, bool grad) const;
  Cost cost(Specs in, Specs out) const;
};

// What is drawn for one image: where the crop begins in the padded image and whether it is flipped.
// Philox with key `seed` and counter {index, epoch}: words 0 and 1 place the crop (multiplied into
// its range), word 2 below flip * 2^32 flips.
struct AugmentDraw {
  int top = 0, left = 0;
  bool flipped = false;
};
GLASSBOX_HD inline AugmentDraw draw_augment(std::uint64_t seed, std::uint64_t epoch,
                                            std::int64_t index, int rows, int columns,
                                            double flip) {
  const Philox::Words w = Philox::words(seed, static_cast<std::uint64_t>(index), epoch);
  AugmentDraw draw;
  draw.top = static_cast<int>(std::uint64_t(w[0]) * static_cast<std::uint64_t>(rows) >> 32);
  draw.left = static_cast<int>(std::uint64_t(w[1]) * static_cast<std::uint64_t>(columns) >> 32);
  draw.flipped = Philox::uniform_double(w[2]) < flip;
  return draw;
}

}  // namespace ops

void run(const ops::Augment&, cpu::Context&, Ins, Outs);

Tensor augment(const Tensor& images, const Tensor& indices, const Tensor& counter,
               const ops::Augment& op, const Tensor& ids = {});

}  // namespace glassbox
