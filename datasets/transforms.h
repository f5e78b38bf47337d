// Transforms of images, with torchvision's names. A Compose of them is lowered to one op (see
// engine/ops/augment.h), so that a batch is gathered, cropped, flipped and normalised in one pass.
#pragma once
#include <variant>
#include <vector>

#include "engine/ops/augment.h"

namespace glassbox::datasets::transforms {

// CIFAR-10's channel means and standard deviations, in [0, 1], as the article has them.
inline const std::vector<double> cifar10_mean{0.4914, 0.4822, 0.4465};
inline const std::vector<double> cifar10_std{0.2023, 0.1994, 0.2010};

struct RandomCropOptions {
  int padding = 0;  // black pixels on each side
};
struct RandomCrop {
  Pair size;
  RandomCropOptions options;
  RandomCrop(Pair s, const RandomCropOptions& o = {}) : size(s), options(o) {}
};
struct RandomHorizontalFlip {
  double p = 0.5;
};
struct ToTensor {};  // bytes to f32 in [0, 1]
struct Normalize {   // (x - mean) / std, per channel
  std::vector<double> mean, std;
};

class Compose {
 public:
  using Step = std::variant<RandomCrop, RandomHorizontalFlip, ToTensor, Normalize>;
  Compose() = default;
  Compose(std::initializer_list<Step> steps);
  // The one op that does it all. Throws Error for an order that has no such op; the order is
  // RandomCrop, RandomHorizontalFlip, ToTensor, Normalize, each at most once, ToTensor always.
  const ops::Augment& lower() const { return op_; }

 private:
  ops::Augment op_{.scale = false};
};

}  // namespace glassbox::datasets::transforms
