#include "layers/models/vgg.h"

#include <vector>

namespace glassbox::models {

using namespace layers;

namespace {

// Output channels of each convolution; 0 is a max pooling.
std::vector<int> configuration(int depth) {
  switch (depth) {
    case 11:
      return {64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0};
    case 13:
      return {64, 64, 0, 128, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0};
    case 16:
      return {64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0};
    case 19:
      return {64,  64,  0,   128, 128, 0,   256, 256, 256, 256, 0,
              512, 512, 512, 512, 0,   512, 512, 512, 512, 0};
    default:
      fail("VGG", cat("depth ", depth, " is none of 11, 13, 16, 19"));
  }
}

// torchvision's: convolutions kaiming-normal over fan out, linear layers N(0, 0.01), biases zero.
void initialize(VGG& model) {
  for (const auto& [path, module] : model.named_modules()) {
    if (auto* conv = dynamic_cast<Conv2d*>(module)) {
      init::kaiming_normal(conv->weight, init::Fan::out);
      init::constant(conv->bias, 0);
    } else if (auto* fc = dynamic_cast<Linear*>(module)) {
      init::normal(fc->weight, 0, 0.01);
      init::constant(fc->bias, 0);
    }
  }
}

}  // namespace

VGG::VGG(const VggOptions& options) {
  std::int64_t channels = 3;
  for (const int out : configuration(options.depth)) {
    if (out == 0) {
      features.push_back(MaxPool2d{2, {.stride = 2}});
      continue;
    }
    features.push_back(Conv2d{channels, out, 3, {.padding = 1}});
    if (options.batch_norm) features.push_back(BatchNorm2d{out});
    features.push_back(ReLU{});
    channels = out;
  }
  if (options.adaptive_pool) avgpool = std::make_shared<AdaptiveAvgPool2d>(7);
  classifier = Sequential{Linear{512 * 7 * 7, 4096},
                          ReLU{},
                          Dropout{options.dropout},
                          Linear{4096, 4096},
                          ReLU{},
                          Dropout{options.dropout},
                          Linear{4096, options.num_classes}};
  initialize(*this);
}

Tensor VGG::forward(const Tensor& x) {
  Tensor y = features(x);
  if (avgpool) y = (*avgpool)(y);
  return classifier(y.flatten(1));
}

VGG vgg11_bn() { return VGG({.depth = 11, .batch_norm = true}); }
VGG vgg11_bn_2019() { return VGG({.depth = 11, .batch_norm = true, .adaptive_pool = false}); }

}  // namespace glassbox::models
