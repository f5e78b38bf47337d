// ImageDataset: labelled images in memory, as bytes. Copying one shares the memory.
#pragma once
#include <string>
#include <vector>

#include "datasets/transforms.h"

namespace glassbox::datasets {

struct ImageDataset {
  Tensor images;  // u8 [N, C, H, W]
  Tensor labels;  // i64 [N]
  std::vector<std::string> classes;
  transforms::Compose transform;

  std::int64_t size() const { return labels.size(0); }
};

}  // namespace glassbox::datasets
