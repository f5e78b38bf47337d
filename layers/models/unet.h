// U-Net (Ronneberger et al. 2015, arXiv:1505.04597) with batch norm, as it was trained to segment
// brain images (Buda et al. 2019): four levels down, four up, each joined to its equal on the way
// down; 7,763,041 parameters. Names are those of torch.hub's
// mateuszbuda/brain-segmentation-pytorch.
#pragma once
#include "layers/layers.h"

namespace glassbox::models {

struct UNetOptions {
  int in_channels = 3, out_channels = 1;
  int init_features = 32;  // channels of the first level; each level down has twice as many
};

struct UNet : layers::Module<UNet> {
  layers::Sequential encoder1, encoder2, encoder3, encoder4, bottleneck;
  layers::MaxPool2d pool1{2, {.stride = 2}}, pool2{2, {.stride = 2}}, pool3{2, {.stride = 2}},
      pool4{2, {.stride = 2}};
  layers::ConvTranspose2d upconv4, upconv3, upconv2, upconv1;
  layers::Sequential decoder4, decoder3, decoder2, decoder1;
  layers::Conv2d conv;

  explicit UNet(const UNetOptions& options = {});
  // x [N, in_channels, H, W], H and W multiples of 16 -> probabilities [N, out_channels, H, W]
  Tensor forward(const Tensor& x);
  void fields(layers::Fields& f);
  static Shape input_shape() { return {3, 256, 256}; }
};

}  // namespace glassbox::models
