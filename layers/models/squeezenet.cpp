#include "layers/models/squeezenet.h"

namespace glassbox::models {

using namespace layers;

Fire::Fire(std::int64_t in, std::int64_t squeezed, std::int64_t expanded)
    : squeeze(in, squeezed, 1),
      expand1x1(squeezed, expanded, 1),
      expand3x3(squeezed, expanded, 3, {.padding = 1}) {}

Tensor Fire::forward(const Tensor& x) {
  const Tensor y = squeeze_activation(squeeze(x));
  return concat({expand1x1_activation(expand1x1(y)), expand3x3_activation(expand3x3(y))}, 1);
}

SqueezeNet::SqueezeNet(int num_classes) {
  const auto pool = [] { return MaxPool2d{3, {.stride = 2, .ceil_mode = true}}; };
  features = Sequential{Conv2d{3, 64, 3, {.stride = 2}},
                        ReLU{},
                        pool(),
                        Fire{64, 16, 64},
                        Fire{128, 16, 64},
                        pool(),
                        Fire{128, 32, 128},
                        Fire{256, 32, 128},
                        pool(),
                        Fire{256, 48, 192},
                        Fire{384, 48, 192},
                        Fire{384, 64, 256},
                        Fire{512, 64, 256}};
  classifier = Sequential{Dropout{0.5}, Conv2d{512, num_classes, 1}, ReLU{}, AdaptiveAvgPool2d{1}};
  Conv2d* const last = &classifier.get<Conv2d>(1);
  for (const auto& entry : named_modules()) {
    auto* conv = dynamic_cast<Conv2d*>(entry.second);
    if (!conv) continue;
    if (conv == last) {
      init::normal(conv->weight, 0, 0.01);
    } else {
      init::kaiming_uniform(conv->weight);
    }
    init::constant(conv->bias, 0);
  }
}

}  // namespace glassbox::models
