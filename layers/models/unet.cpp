#include "layers/models/unet.h"

namespace glassbox::models {

using namespace layers;

namespace {

Sequential block(std::int64_t in, std::int64_t out, const std::string& name) {
  return Sequential{named(name + "conv1", Conv2d{in, out, 3, {.padding = 1, .bias = false}}),
                    named(name + "norm1", BatchNorm2d{out}),
                    named(name + "relu1", ReLU{}),
                    named(name + "conv2", Conv2d{out, out, 3, {.padding = 1, .bias = false}}),
                    named(name + "norm2", BatchNorm2d{out}),
                    named(name + "relu2", ReLU{})};
}

ConvTranspose2d doubling(std::int64_t in) { return ConvTranspose2d{in, in / 2, 2, {.stride = 2}}; }

}  // namespace

UNet::UNet(const UNetOptions& o)
    : encoder1(block(o.in_channels, o.init_features, "enc1")),
      encoder2(block(o.init_features, o.init_features * 2, "enc2")),
      encoder3(block(o.init_features * 2, o.init_features * 4, "enc3")),
      encoder4(block(o.init_features * 4, o.init_features * 8, "enc4")),
      bottleneck(block(o.init_features * 8, o.init_features * 16, "bottleneck")),
      upconv4(doubling(o.init_features * 16)),
      upconv3(doubling(o.init_features * 8)),
      upconv2(doubling(o.init_features * 4)),
      upconv1(doubling(o.init_features * 2)),
      decoder4(block(o.init_features * 16, o.init_features * 8, "dec4")),
      decoder3(block(o.init_features * 8, o.init_features * 4, "dec3")),
      decoder2(block(o.init_features * 4, o.init_features * 2, "dec2")),
      decoder1(block(o.init_features * 2, o.init_features, "dec1")),
      conv(o.init_features, o.out_channels, 1) {}

Tensor UNet::forward(const Tensor& x) {
  if (x.dim() == 4 && (x.size(2) % 16 != 0 || x.size(3) % 16 != 0)) {
    fail("UNet", cat("height and width must be multiples of 16, got ", x.shape()));
  }
  const Tensor enc1 = encoder1(x);
  const Tensor enc2 = encoder2(pool1(enc1));
  const Tensor enc3 = encoder3(pool2(enc2));
  const Tensor enc4 = encoder4(pool3(enc3));
  Tensor y = bottleneck(pool4(enc4));
  y = decoder4(concat({upconv4(y), enc4}, 1));
  y = decoder3(concat({upconv3(y), enc3}, 1));
  y = decoder2(concat({upconv2(y), enc2}, 1));
  y = decoder1(concat({upconv1(y), enc1}, 1));
  return sigmoid(conv(y));
}

void UNet::fields(Fields& f) {
  f("encoder1", encoder1);
  f("pool1", pool1);
  f("encoder2", encoder2);
  f("pool2", pool2);
  f("encoder3", encoder3);
  f("pool3", pool3);
  f("encoder4", encoder4);
  f("pool4", pool4);
  f("bottleneck", bottleneck);
  f("upconv4", upconv4);
  f("decoder4", decoder4);
  f("upconv3", upconv3);
  f("decoder3", decoder3);
  f("upconv2", upconv2);
  f("decoder2", decoder2);
  f("upconv1", upconv1);
  f("decoder1", decoder1);
  f("conv", conv);
}

}  // namespace glassbox::models
