#include "layers/models/models.h"

namespace glassbox::models {

namespace {

Entry vgg(int depth, bool batch_norm) {
  return {cat("vgg", depth, batch_norm ? "_bn" : ""),
          cat("VGG-", depth, batch_norm ? " with batch norm" : "", ", 3x224x224"), [=] {
            return std::make_shared<VGG>(VggOptions{.depth = depth, .batch_norm = batch_norm});
          }};
}

Entry resnet(const std::string& name, const std::string& what, const ResNetOptions& options) {
  return {name, what + ", 3x224x224", [=] { return std::make_shared<ResNet>(options); }};
}

}  // namespace

const std::vector<Entry>& zoo() {
  static const std::vector<Entry> entries = {
      {"mnist", "the article's MNIST network, 1x28x28", make<Net>},
      {"cifar", "the article's CIFAR-10 network, 3x32x32", make<CifarModel>},
      vgg(11, false),
      vgg(11, true),
      {"vgg11_bn@2019", "the same before it had an adaptive pooling, as in the article",
       [] { return std::make_shared<VGG>(vgg11_bn_2019()); }},
      vgg(13, false),
      vgg(13, true),
      vgg(16, false),
      vgg(16, true),
      vgg(19, false),
      vgg(19, true),
      resnet("resnet18", "ResNet-18", {.depth = 18}),
      resnet("resnet34", "ResNet-34", {.depth = 34}),
      resnet("resnet50", "ResNet-50", {.depth = 50}),
      resnet("resnet101", "ResNet-101", {.depth = 101}),
      resnet("resnet152", "ResNet-152", {.depth = 152}),
      resnet("resnext50_32x4d", "ResNeXt-50, 32 groups of 4 channels",
             {.depth = 50, .groups = 32, .width_per_group = 4}),
      resnet("wide_resnet50_2", "ResNet-50 with twice the width inside",
             {.depth = 50, .width_per_group = 128}),
      {"densenet121", "DenseNet-121, 3x224x224", make<DenseNet>},
      {"googlenet", "GoogLeNet with its auxiliary classifiers, 3x224x224", make<GoogLeNet>},
      {"mobilenet_v2", "MobileNetV2, 3x224x224", make<MobileNetV2>},
      {"squeezenet1_1", "SqueezeNet 1.1, 3x224x224", make<SqueezeNet>},
      {"alexnet", "AlexNet, 3x224x224", make<AlexNet>},
      {"unet", "U-Net with batch norm for segmentation, 3x256x256", make<UNet>},
      {"mlp", "784-512-256-10 with dropout, 1x28x28", make<Mlp>},
      {"siamese", "two images through one tower, twice 1x28x28", make<Siamese>},
      {"autoencoder", "784-128-32 and back with the same weights, 1x28x28", make<Autoencoder>},
      {"transformer", "Transformer encoder that classifies text, 64 tokens",
       make<TransformerClassifier>},
      {"char_rnn", "LSTM that predicts the next character, 100 characters", make<CharRnn>},
  };
  return entries;
}

}  // namespace glassbox::models
