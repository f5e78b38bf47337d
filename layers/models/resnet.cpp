#include "layers/models/resnet.h"

#include <array>

namespace glassbox::models {

using namespace layers;

namespace {

std::shared_ptr<Sequential> make_downsample(std::int64_t in, std::int64_t out, int stride) {
  if (in == out && stride == 1) return nullptr;
  return std::make_shared<Sequential>(Conv2d{in, out, 1, {.stride = stride, .bias = false}},
                                      BatchNorm2d{out});
}

std::array<int, 4> blocks_of(int depth) {
  switch (depth) {
    case 18:
      return {2, 2, 2, 2};
    case 34:
    case 50:
      return {3, 4, 6, 3};
    case 101:
      return {3, 4, 23, 3};
    case 152:
      return {3, 8, 36, 3};
    default:
      fail("ResNet", cat("depth ", depth, " is none of 18, 34, 50, 101, 152"));
  }
}

}  // namespace

BasicBlock::BasicBlock(std::int64_t in, std::int64_t planes, int stride)
    : conv1(in, planes, 3, {.stride = stride, .padding = 1, .bias = false}),
      bn1(planes),
      conv2(planes, planes, 3, {.padding = 1, .bias = false}),
      bn2(planes),
      downsample(make_downsample(in, planes, stride)) {}

Tensor BasicBlock::forward(const Tensor& x) {
  const Tensor y = bn2(conv2(relu(bn1(conv1(x)))));
  return relu(y + (downsample ? (*downsample)(x) : x));
}

Bottleneck::Bottleneck(std::int64_t in, std::int64_t planes, int stride, std::int64_t width,
                       int groups)
    : conv1(in, width, 1, {.bias = false}),
      bn1(width),
      conv2(width, width, 3, {.stride = stride, .padding = 1, .groups = groups, .bias = false}),
      bn2(width),
      conv3(width, 4 * planes, 1, {.bias = false}),
      bn3(4 * planes),
      downsample(make_downsample(in, 4 * planes, stride)) {}

Tensor Bottleneck::forward(const Tensor& x) {
  const Tensor y = bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x))))))));
  return relu(y + (downsample ? (*downsample)(x) : x));
}

ResNet::ResNet(const ResNetOptions& o) : fc(o.depth < 50 ? 512 : 2048, o.num_classes) {
  const std::array<int, 4> blocks = blocks_of(o.depth);
  const bool basic = o.depth < 50;
  if (basic && (o.groups != 1 || o.width_per_group != 64)) {
    fail("ResNet", cat("groups and width_per_group are of 50 layers and more, not of ", o.depth));
  }
  std::int64_t in = 64;
  Sequential* const stages[] = {&layer1, &layer2, &layer3, &layer4};
  for (std::size_t stage = 0; stage < 4; ++stage) {
    const std::int64_t planes = std::int64_t(64) << stage;
    for (int block = 0; block < blocks[stage]; ++block) {
      const int stride = stage > 0 && block == 0 ? 2 : 1;
      if (basic) {
        stages[stage]->push_back(BasicBlock(in, planes, stride));
        in = planes;
      } else {
        const std::int64_t width = planes * o.width_per_group / 64 * o.groups;
        stages[stage]->push_back(Bottleneck(in, planes, stride, width, o.groups));
        in = 4 * planes;
      }
    }
  }
  for (const auto& entry : named_modules()) {
    if (auto* conv = dynamic_cast<Conv2d*>(entry.second)) {
      init::kaiming_normal(conv->weight, init::Fan::out);
    }
  }
}

Tensor ResNet::forward(const Tensor& x) {
  const Tensor y = maxpool(relu(bn1(conv1(x))));
  return fc(avgpool(layer4(layer3(layer2(layer1(y))))).flatten(1));
}

}  // namespace glassbox::models
