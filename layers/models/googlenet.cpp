#include "layers/models/googlenet.h"

namespace glassbox::models {

using namespace layers;

namespace {
MaxPool2d halving(int kernel) { return MaxPool2d{kernel, {.stride = 2, .ceil_mode = true}}; }
}  // namespace

BasicConv2d::BasicConv2d(std::int64_t in, std::int64_t out, int kernel, int stride, int padding)
    : conv(in, out, kernel, {.stride = stride, .padding = padding, .bias = false}),
      bn(out, {.eps = 0.001}) {}

Inception::Inception(std::int64_t in, std::int64_t c1, std::int64_t c3_reduce, std::int64_t c3,
                     std::int64_t c5_reduce, std::int64_t c5, std::int64_t pool)
    : branch1(in, c1, 1),
      branch2{BasicConv2d{in, c3_reduce, 1}, BasicConv2d{c3_reduce, c3, 3, 1, 1}},
      branch3{BasicConv2d{in, c5_reduce, 1}, BasicConv2d{c5_reduce, c5, 3, 1, 1}},
      branch4{MaxPool2d{3, {.stride = 1, .padding = 1, .ceil_mode = true}},
              BasicConv2d{in, pool, 1}} {}

Tensor Inception::forward(const Tensor& x) {
  return concat({branch1(x), branch2(x), branch3(x), branch4(x)}, 1);
}

InceptionAux::InceptionAux(std::int64_t in, int num_classes)
    : conv(in, 128, 1), fc2(1024, num_classes) {}

Tensor InceptionAux::forward(const Tensor& x) {
  const Tensor y = conv(adaptive_avg_pool2d(x, {4})).flatten(1);
  return fc2(dropout(relu(fc1(y))));
}

GoogLeNet::GoogLeNet(int num_classes)
    : conv1(3, 64, 7, 2, 3),
      conv2(64, 64, 1),
      conv3(64, 192, 3, 1, 1),
      maxpool1(halving(3)),
      maxpool2(halving(3)),
      maxpool3(halving(3)),
      maxpool4(halving(2)),
      inception3a(192, 64, 96, 128, 16, 32, 32),
      inception3b(256, 128, 128, 192, 32, 96, 64),
      inception4a(480, 192, 96, 208, 16, 48, 64),
      inception4b(512, 160, 112, 224, 24, 64, 64),
      inception4c(512, 128, 128, 256, 24, 64, 64),
      inception4d(512, 112, 144, 288, 32, 64, 64),
      inception4e(528, 256, 160, 320, 32, 128, 128),
      inception5a(832, 256, 160, 320, 32, 128, 128),
      inception5b(832, 384, 192, 384, 48, 128, 128),
      aux1(512, num_classes),
      aux2(528, num_classes),
      fc(1024, num_classes) {
  // torchvision draws from a normal that is cut at 200 deviations: one that is not cut.
  for (const auto& entry : named_modules()) {
    if (auto* conv = dynamic_cast<Conv2d*>(entry.second)) init::normal(conv->weight, 0, 0.01);
    if (auto* linear = dynamic_cast<Linear*>(entry.second)) init::normal(linear->weight, 0, 0.01);
  }
}

Tensors GoogLeNet::forward(const Tensor& x) {
  Tensor y = maxpool2(conv3(conv2(maxpool1(conv1(x)))));
  y = inception4a(maxpool3(inception3b(inception3a(y))));
  Tensor first, second;
  if (is_training()) first = aux1(y);
  y = inception4d(inception4c(inception4b(y)));
  if (is_training()) second = aux2(y);
  y = inception5b(inception5a(maxpool4(inception4e(y))));
  const Tensor logits = fc(dropout(avgpool(y).flatten(1)));
  return is_training() ? Tensors{logits, second, first} : Tensors{logits};
}

void GoogLeNet::fields(Fields& f) {
  f("conv1", conv1);
  f("maxpool1", maxpool1);
  f("conv2", conv2);
  f("conv3", conv3);
  f("maxpool2", maxpool2);
  f("inception3a", inception3a);
  f("inception3b", inception3b);
  f("maxpool3", maxpool3);
  f("inception4a", inception4a);
  f("inception4b", inception4b);
  f("inception4c", inception4c);
  f("inception4d", inception4d);
  f("inception4e", inception4e);
  f("maxpool4", maxpool4);
  f("inception5a", inception5a);
  f("inception5b", inception5b);
  f("aux1", aux1);
  f("aux2", aux2);
  f("avgpool", avgpool);
  f("dropout", dropout);
  f("fc", fc);
}

}  // namespace glassbox::models
