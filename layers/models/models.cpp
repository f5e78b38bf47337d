#include "layers/models/models.h"

namespace glassbox::models {

const std::vector<Entry>& zoo() {
  static const std::vector<Entry> entries = {
      {"mnist", "the article's MNIST network, 1x28x28", make<Net>},
      {"cifar", "the article's CIFAR-10 network, 3x32x32", make<CifarModel>},
      {"vgg11_bn", "VGG-11 with batch norm, as in torchvision, 3x224x224",
       [] { return std::make_shared<VGG>(vgg11_bn()); }},
      {"vgg11_bn@2019", "the same before it had an adaptive pooling, as in the article",
       [] { return std::make_shared<VGG>(vgg11_bn_2019()); }},
  };
  return entries;
}

}  // namespace glassbox::models
