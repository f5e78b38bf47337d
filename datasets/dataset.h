// What a DataLoader draws from: anything with
//   std::int64_t size() const;
//   Batch batch(std::span<const std::int64_t> indices, const Draw& draw) const;
// where batch() may be called by several threads at once and depends on its arguments alone, so
// that a seed gives the same batches whatever the number of workers. ImageDataset is the usual one:
// labelled images in memory, as bytes; copying it shares the memory.
#pragma once
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "datasets/transforms.h"

namespace glassbox::datasets {

struct Batch {
  Tensor inputs;  // f32 [B, C, h, w] of images
  Tensor labels;  // i64 [B]
};

// What random transforms depend on, besides the sample's index in the set.
struct Draw {
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;  // from 0
};

template <class D>
concept Dataset = requires(const D& d, std::span<const std::int64_t> indices, const Draw& draw) {
  { d.size() } -> std::convertible_to<std::int64_t>;
  { d.batch(indices, draw) } -> std::convertible_to<Batch>;
};

struct ImageDataset {
  Tensor images;  // u8 [N, C, H, W]
  Tensor labels;  // i64 [N], in host memory
  std::vector<std::string> classes;
  transforms::Compose transform;

  // Throws Error when there are not as many images as labels.
  std::int64_t size() const;
  // The set with its bytes on another device, where its batches are then made.
  ImageDataset to(Device device) const;
  // The transformed images and their labels, on the images' device. Throws Error for an index
  // outside the set.
  Batch batch(std::span<const std::int64_t> indices, const Draw& draw) const;
};

}  // namespace glassbox::datasets
