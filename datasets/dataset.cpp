#include "datasets/dataset.h"

#include "engine/core/scope.h"

namespace glassbox::datasets {

std::int64_t ImageDataset::size() const {
  const std::int64_t n = labels.size(0);
  if (images.size(0) != n) fail("dataset", cat(images.size(0), " images have ", n, " labels"));
  return n;
}

Batch ImageDataset::batch(std::span<const std::int64_t> indices, const Draw& draw) const {
  const Shape shape{static_cast<std::int64_t>(indices.size())};
  const auto all = labels.data<std::int64_t>();
  std::vector<std::int64_t> chosen;
  for (const std::int64_t i : indices) {
    if (i < 0 || i >= static_cast<std::int64_t>(all.size())) {
      fail("dataset", cat("index ", i, " is outside a set of ", all.size(), " images"));
    }
    chosen.push_back(all[static_cast<std::size_t>(i)]);
  }
  const Device device = images.device();
  const Tensor counter = from({static_cast<std::int64_t>(draw.seed), draw.epoch}, {2}, device);
  return {augment(images, from(indices, shape, device), counter, transform.lower()),
          from(chosen, shape, device)};
}

ImageDataset ImageDataset::to(Device device) const {
  ImageDataset moved = *this;
  const NamedScope scope("data set");
  moved.images = images.to(device);
  return moved;
}

}  // namespace glassbox::datasets
