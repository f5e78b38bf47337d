// The files of CIFAR-10 and CIFAR-100, which differ in names and label bytes only: finding,
// downloading, verifying and reading them. Internal; a test describes a small set of its own.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/download.h"

namespace glassbox::datasets {

struct CifarFile {
  std::string name;
  std::int64_t records;
  bool train;
};

struct CifarFormat {
  std::string what, noun;  // "CIFAR10", "a CIFAR-10 batch": for errors
  std::string folder, archive, md5;
  std::vector<CifarFile> files;
  // Label bytes before the 3,072 of a record's image: how many classes each has. The last one is
  // the label.
  std::vector<int> labels;
  std::string class_names;  // a text file with a name a line
  std::int64_t record_bytes() const { return static_cast<std::int64_t>(labels.size()) + 3072; }
};

struct CifarSource {
  bool train = true, download = false;
  std::string url = {};
  DownloadOptions fetch = {};
};

// Fills images and labels of `set`, and `set.classes` with the lines of the class names' file where
// there is one; none otherwise.
void load_cifar(const CifarFormat& format, const std::string& root, const CifarSource& source,
                ImageDataset& set);

}  // namespace glassbox::datasets
