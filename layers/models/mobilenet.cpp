#include "layers/models/mobilenet.h"

namespace glassbox::models {

using namespace layers;

namespace {

Sequential conv_norm(std::int64_t in, std::int64_t out, int kernel, int stride, int groups) {
  return Sequential{
      Conv2d{in,
             out,
             kernel,
             {.stride = stride, .padding = (kernel - 1) / 2, .groups = groups, .bias = false}},
      BatchNorm2d{out}, ReLU6{}};
}

}  // namespace

InvertedResidual::InvertedResidual(std::int64_t in, std::int64_t out, int stride, int expand_ratio)
    : adds_input(stride == 1 && in == out) {
  const std::int64_t hidden = in * expand_ratio;
  if (expand_ratio != 1) conv.push_back(conv_norm(in, hidden, 1, 1, 1));
  conv.push_back(conv_norm(hidden, hidden, 3, stride, static_cast<int>(hidden)));
  conv.push_back(Conv2d{hidden, out, 1, {.bias = false}});
  conv.push_back(BatchNorm2d{out});
}

Tensor InvertedResidual::forward(const Tensor& x) { return adds_input ? x + conv(x) : conv(x); }

MobileNetV2::MobileNetV2(int num_classes) : classifier{Dropout{0.2}, Linear{1280, num_classes}} {
  struct Stage {
    int expand_ratio, channels, blocks, stride;
  };
  constexpr Stage stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                              {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  features.push_back(conv_norm(3, 32, 3, 2, 1));
  std::int64_t in = 32;
  for (const Stage& s : stages) {
    for (int block = 0; block < s.blocks; ++block) {
      features.push_back(
          InvertedResidual(in, s.channels, block == 0 ? s.stride : 1, s.expand_ratio));
      in = s.channels;
    }
  }
  features.push_back(conv_norm(in, 1280, 1, 1, 1));
  for (const auto& entry : named_modules()) {
    if (auto* conv = dynamic_cast<Conv2d*>(entry.second)) {
      init::kaiming_normal(conv->weight, init::Fan::out);
    } else if (auto* fc = dynamic_cast<Linear*>(entry.second)) {
      init::normal(fc->weight, 0, 0.01);
      init::constant(fc->bias, 0);
    }
  }
}

Tensor MobileNetV2::forward(const Tensor& x) {
  return classifier(adaptive_avg_pool2d(features(x), {1}).flatten(1));
}

}  // namespace glassbox::models
