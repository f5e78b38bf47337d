#include "datasets/cifar10.h"

#include "datasets/cifar.h"

namespace glassbox::datasets {

namespace {

const CifarFormat& cifar10_format() {
  constexpr std::int64_t n = CIFAR10::records_per_file;
  static const CifarFormat format{.what = "CIFAR10",
                                  .noun = "a CIFAR-10 batch",
                                  .folder = "cifar-10-batches-bin",
                                  .archive = "cifar-10-binary.tar.gz",
                                  .md5 = "c32a1d4ab5d03f1284b67883e8d87530",
                                  .files = {{"data_batch_1.bin", n, true},
                                            {"data_batch_2.bin", n, true},
                                            {"data_batch_3.bin", n, true},
                                            {"data_batch_4.bin", n, true},
                                            {"data_batch_5.bin", n, true},
                                            {"test_batch.bin", n, false}},
                                  .labels = {10},
                                  .class_names = "batches.meta.txt"};
  return format;
}

}  // namespace

CIFAR10::CIFAR10(const std::string& root, const CIFAR10Options& options) {
  static const std::vector<std::string> article{"plane", "car",  "bird",  "cat",  "deer",
                                                "dog",   "frog", "horse", "ship", "truck"};
  static const std::vector<std::string> official{
      "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  load_cifar(cifar10_format(), root, {options.train, options.download, options.url, options.fetch},
             *this);
  if (classes.size() > 10) classes.resize(10);
  if (classes.size() != 10 || classes == official)
    classes = options.official_names ? official : article;
  transform = options.transform;
}

}  // namespace glassbox::datasets
