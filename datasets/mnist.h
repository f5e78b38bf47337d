// MNIST (LeCun et al. 1998) and Fashion-MNIST (Xiao et al. 2017): 60,000 training and 10,000 test
// images of 28x28 grey pixels in ten classes, from their IDX files, as they are or as .gz.
#pragma once
#include "datasets/dataset.h"
#include "datasets/download.h"

namespace glassbox::datasets {

struct MNISTOptions {
  bool train = true;
  transforms::Compose transform = {};
  // Fetches the four .gz files that are not there yet into `root`/MNIST/raw (`root`/FashionMNIST/
  // raw) and verifies those that are.
  bool download = false;
  // The folder that they are fetched from; empty: GLASSBOX_DATA_URL with mnist/ or fashion-mnist/
  // behind it, else torchvision's places.
  std::string url = {};
  DownloadOptions fetch = {};  // its md5 is not used: each of the four files has its own
};

// Both read train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
// t10k-labels-idx1-ubyte, each with or without .gz, from `root`, `root`/raw or `root`/MNIST/raw
// (`root`/FashionMNIST/raw). images u8 [N,1,28,28], labels i64 [N], classes as torchvision has
// them. Throws Error for files that are missing, are no IDX files, or whose sizes or labels are
// not right.
struct MNIST : ImageDataset {
  explicit MNIST(const std::string& root, const MNISTOptions& options = {});
};
struct FashionMNIST : ImageDataset {
  explicit FashionMNIST(const std::string& root, const MNISTOptions& options = {});
};

// Channel mean and standard deviation in [0, 1], as PyTorch's MNIST example has them.
namespace transforms {
inline const std::vector<double> mnist_mean{0.1307};
inline const std::vector<double> mnist_std{0.3081};
}  // namespace transforms

}  // namespace glassbox::datasets
