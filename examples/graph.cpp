// The graphs that the article draws with HiddenLayer: graph [FOLDER to write to]
//
//   hl.build_graph(torchvision.models.vgg16(), torch.zeros([1, 3, 224, 224]))
//   hl.build_graph(resnet152, ..., transforms=transforms).save("resnet152")
//   hl.build_graph(CifarModel(), torch.zeros([1, 3, 32, 32]))
#include <glassbox/glassbox.h>

#include <iostream>
#include <string>

using namespace glassbox;

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? std::string(argv[1]) + "/" : "";
  // Only looked at: no parameter takes memory.
  const DeviceScope meta(Device::meta());

  // VGG16, without BatchNorm
  models::VGG vgg16({.depth = 16});

  // A notebook with a C++ kernel renders the diagram by itself
  viz::build_graph(vgg16, {{3, 224, 224}}).save(folder + "vgg16.svg");

  models::ResNet model({.depth = 152});

  // Rather than using the default transforms, build custom ones to group
  // nodes of residual and bottleneck blocks.
  const std::vector<viz::Transform> transforms = {
      // Fold Conv, BN, RELU layers into one
      viz::Fold("Conv > BatchNorm > Relu", "ConvBnRelu"),
      // Fold Conv, BN layers together
      viz::Fold("Conv > BatchNorm", "ConvBn"),
      // Fold bottleneck blocks
      viz::Fold(R"(
        ((ConvBnRelu > ConvBnRelu > ConvBn) | ConvBn) > Add > Relu
        )",
                "BottleneckBlock", "Bottleneck Block"),
      // Fold residual blocks
      viz::Fold("ConvBnRelu > ConvBnRelu > ConvBn > Add > Relu", "ResBlock", "Residual Block"),
      // Fold repeated blocks
      viz::FoldDuplicates(),
  };

  // Build the graph using the transforms above
  const viz::Diagram resnet152 = viz::build_graph(model, {{3, 224, 224}}, transforms);

  resnet152.save(folder + "resnet152");  // a PDF, where librsvg is installed
  resnet152.save(folder + "resnet152.svg");
  viz::save(resnet152, folder + "resnet152_dark.svg", {.theme = viz::theme_named("dark")});

  models::CifarModel cifar;
  viz::build_graph(cifar, {{3, 32, 32}}).save(folder + "cifar.html");

  std::cout << viz::to_text(resnet152);
}
