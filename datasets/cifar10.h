// CIFAR-10 (Krizhevsky 2009) from its official binary files: data_batch_1.bin ... data_batch_5.bin
// and test_batch.bin, 10,000 records each of one label byte and 3,072 bytes of RGB planes.
#pragma once
#include "datasets/dataset.h"

namespace glassbox::datasets {

struct CIFAR10Options {
  bool train = true;
  transforms::Compose transform = {};
};

struct CIFAR10 : ImageDataset {
  static constexpr std::int64_t records_per_file = 10'000, record_bytes = 1 + 3 * 32 * 32;

  // Reads `root` or `root`/cifar-10-batches-bin. Throws Error for files that are missing, of the
  // wrong size, or hold a label of 10 or more. Classes are plane, car, bird, cat, deer, dog, frog,
  // horse, ship, truck, or those of batches.meta.txt when `root` is not the official set.
  explicit CIFAR10(const std::string& root, const CIFAR10Options& options = {});
};

}  // namespace glassbox::datasets
