// What a model looks like, before anything runs.
#include <glassbox/glassbox.h>

#include <iostream>

using namespace glassbox;

int main() {
  models::Net net;
  std::cout << net.summary({1, 28, 28}, {.style = viz::Style::torchsummary});

  // On the meta device a model takes no memory and is not initialised.
  DeviceScope meta(Device::meta());
  models::VGG vgg = models::vgg11_bn();
  std::cout << vgg.summary();
}
