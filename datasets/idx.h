// IDX files: a magic number, sizes as 32-bit big-endian numbers, bytes. Internal.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "datasets/mnist.h"

namespace glassbox::datasets {

struct IdxFile {
  std::string name, md5;  // without .gz; of the .gz
};
struct IdxFormat {
  std::string what, mirror;           // "MNIST"; the folder's name on a mirror
  std::vector<std::string> official;  // where its files are fetched from
  std::vector<std::string> places;    // under the root; a download goes to the last one
  IdxFile train_images, train_labels, test_images, test_labels;
  std::vector<std::string> classes;
};

// Fills images, labels and classes of `set`.
void load_idx(const IdxFormat& format, const std::string& root, const MNISTOptions& options,
              ImageDataset& set);

}  // namespace glassbox::datasets
