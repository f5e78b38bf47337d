#include "layers/models/densenet.h"

namespace glassbox::models {

using namespace layers;

namespace {

constexpr std::int64_t growth = 32, bottleneck = 4 * growth;

// Half the channels at half the size.
struct Transition : Module<Transition> {
  BatchNorm2d norm;
  ReLU relu;
  Conv2d conv;
  AvgPool2d pool{2, {.stride = 2}};

  explicit Transition(std::int64_t in) : norm(in), conv(in, in / 2, 1, {.bias = false}) {}
  Tensor forward(const Tensor& x) { return pool(conv(relu(norm(x)))); }
  void fields(Fields& f) {
    f("norm", norm);
    f("relu", relu);
    f("conv", conv);
    f("pool", pool);
  }
};

}  // namespace

DenseLayer::DenseLayer(std::int64_t in)
    : norm1(in),
      conv1(in, bottleneck, 1, {.bias = false}),
      norm2(bottleneck),
      conv2(bottleneck, growth, 3, {.padding = 1, .bias = false}) {}

Tensor DenseLayer::forward(const Tensors& xs) {
  const Tensor y = conv1(relu1(norm1(concat(xs, 1))));
  return conv2(relu2(norm2(y)));
}

DenseBlock::DenseBlock(int count, std::int64_t in) {
  for (int i = 0; i < count; ++i) {
    denselayers.emplace_back(cat("denselayer", i + 1),
                             std::make_shared<DenseLayer>(in + i * growth));
  }
}

Tensor DenseBlock::forward(const Tensor& x) {
  Tensors all{x};
  for (const auto& entry : denselayers) all.push_back((*entry.second)(all));
  return concat(all, 1);
}

DenseNet::DenseNet(int num_classes) : classifier(1024, num_classes) {
  features.push_back(named("conv0", Conv2d{3, 64, 7, {.stride = 2, .padding = 3, .bias = false}}));
  features.push_back(named("norm0", BatchNorm2d{64}));
  features.push_back(named("relu0", ReLU{}));
  features.push_back(named("pool0", MaxPool2d{3, {.stride = 2, .padding = 1}}));
  std::int64_t channels = 64;
  int number = 0;
  for (const int layers_of_block : {6, 12, 24, 16}) {
    ++number;
    features.push_back(named(cat("denseblock", number), DenseBlock(layers_of_block, channels)));
    channels += layers_of_block * growth;
    if (number == 4) break;
    features.push_back(named(cat("transition", number), Transition(channels)));
    channels /= 2;
  }
  features.push_back(named("norm5", BatchNorm2d{channels}));
  for (const auto& entry : named_modules()) {
    if (auto* conv = dynamic_cast<Conv2d*>(entry.second)) init::kaiming_normal(conv->weight);
  }
  init::constant(classifier.bias, 0);
}

Tensor DenseNet::forward(const Tensor& x) {
  return classifier(adaptive_avg_pool2d(relu(features(x)), {1}).flatten(1));
}

}  // namespace glassbox::models
