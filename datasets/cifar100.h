// CIFAR-100 (Krizhevsky 2009) from its official binary files, train.bin and test.bin: records of a
// coarse label's byte (20 superclasses, not used), a fine label's byte and 3,072 bytes of RGB
// planes.
#pragma once
#include "datasets/dataset.h"
#include "datasets/download.h"

namespace glassbox::datasets {

struct CIFAR100Options {
  bool train = true;  // the 50,000 images; else the 10,000 of the test set
  transforms::Compose transform = {};
  // Fetches what is not there yet into `root` and verifies what is (torchvision's `download`).
  bool download = false;
  // Where cifar-100-binary.tar.gz is fetched from; empty: GLASSBOX_DATA_URL, else the authors'
  // site.
  std::string url = {};
  DownloadOptions fetch = {};  // its md5, when set, replaces the official archive's
};

struct CIFAR100 : ImageDataset {
  // Reads `root` or `root`/cifar-100-binary, else straight from the archive, which is
  // `root`/cifar-100-binary.tar.gz or `root` itself. images u8 [N,3,32,32]; labels i64 [N], the
  // fine ones, 0 to 99. Classes are those of fine_label_names.txt, else a list that is built in.
  // Throws Error for files that are missing, of the wrong size, or hold a label that is too high.
  explicit CIFAR100(const std::string& root, const CIFAR100Options& options = {});
};

}  // namespace glassbox::datasets
