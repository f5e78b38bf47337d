#include "datasets/mnist.h"

#include "datasets/idx.h"

namespace glassbox::datasets {

namespace {

IdxFormat make_format(const std::string& what, const std::string& mirror,
                      const std::vector<std::string>& official,
                      const std::vector<std::string>& md5s, const std::vector<std::string>& names) {
  return {what,
          mirror,
          official,
          {"", "raw", what + "/raw"},
          {"train-images-idx3-ubyte", md5s[0]},
          {"train-labels-idx1-ubyte", md5s[1]},
          {"t10k-images-idx3-ubyte", md5s[2]},
          {"t10k-labels-idx1-ubyte", md5s[3]},
          names};
}

}  // namespace

MNIST::MNIST(const std::string& root, const MNISTOptions& options) {
  static const IdxFormat format = make_format(
      "MNIST", "mnist",
      {"https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"},
      {"f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432",
       "9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c"},
      {"0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six",
       "7 - seven", "8 - eight", "9 - nine"});
  load_idx(format, root, options, *this);
}

FashionMNIST::FashionMNIST(const std::string& root, const MNISTOptions& options) {
  static const IdxFormat format =
      make_format("FashionMNIST", "fashion-mnist",
                  {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"},
                  {"8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe",
                   "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310"},
                  {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                   "Sneaker", "Bag", "Ankle boot"});
  load_idx(format, root, options, *this);
}

}  // namespace glassbox::datasets
