// CIFAR-10 (Krizhevsky 2009) from its official binary files: data_batch_1.bin ... data_batch_5.bin
// and test_batch.bin, 10,000 records each of one label byte and 3,072 bytes of RGB planes.
#pragma once
#include "datasets/dataset.h"
#include "datasets/download.h"

namespace glassbox::datasets {

struct CIFAR10Options {
  bool train = true;  // the 50,000 images; else the 10,000 of the test set
  transforms::Compose transform = {};
  // airplane, automobile, ... as in batches.meta.txt; else the article's plane, car, ...
  bool official_names = false;
  // Fetches what is not there yet into `root` and verifies what is (torchvision's `download`).
  bool download = false;
  // Where cifar-10-binary.tar.gz is fetched from; empty: GLASSBOX_DATA_URL, else the authors' site.
  std::string url = {};
  DownloadOptions fetch = {};  // its md5, when set, replaces the official archive's
};

struct CIFAR10 : ImageDataset {
  static constexpr std::int64_t records_per_file = 10'000, record_bytes = 1 + 3 * 32 * 32;

  // Reads `root` or `root`/cifar-10-batches-bin, else straight from the archive, which is
  // `root`/cifar-10-binary.tar.gz or `root` itself. images u8 [N,3,32,32], labels i64 [N]. Throws
  // Error for files that are missing, of the wrong size, or hold a label of 10 or more. A set
  // whose batches.meta.txt has other names than the official ones keeps them.
  explicit CIFAR10(const std::string& root, const CIFAR10Options& options = {});
};

}  // namespace glassbox::datasets
