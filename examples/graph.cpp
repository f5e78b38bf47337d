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

  models::VGG vgg16({.depth = 16});
  viz::build_graph(vgg16, {{3, 224, 224}}).save(folder + "vgg16.svg");

  // Rather than the default transforms, ones that group the nodes of bottleneck blocks.
  const std::vector<viz::Transform> transforms = {
      viz::Fold("Conv > BatchNorm > Relu", "ConvBnRelu"),
      viz::Fold("Conv > BatchNorm", "ConvBn"),
      viz::Fold(R"(
        ((ConvBnRelu > ConvBnRelu > ConvBn) | ConvBn) > Add > Relu
        )",
                "BottleneckBlock", "Bottleneck Block"),
      viz::Fold("ConvBnRelu > ConvBnRelu > ConvBn > Add > Relu", "ResBlock", "Residual Block"),
      viz::FoldDuplicates(),
  };
  models::ResNet resnet152({.depth = 152});
  const viz::Diagram diagram = viz::build_graph(resnet152, {{3, 224, 224}}, transforms);
  diagram.save(folder + "resnet152");  // a PDF, where librsvg is installed
  viz::save(diagram, folder + "resnet152_dark.svg", {.theme = viz::theme_named("dark")});

  models::CifarModel cifar;
  viz::build_graph(cifar, {{3, 32, 32}}).save(folder + "cifar.html");

  std::cout << viz::to_text(diagram);
}
