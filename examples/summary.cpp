// What a model looks like before anything runs: the tables that the article prints, and any
// model's tree.
#include <glassbox/glassbox.h>

#include <iostream>

using namespace glassbox;
using namespace glassbox::layers;

// CNN for MNIST
struct Net : Module<Net> {
  Conv2d conv1{1, 10, 5};
  Conv2d conv2{10, 20, 5};
  Dropout2d conv2_drop;
  Linear fc1{320, 50};
  Linear fc2{50, 10};

  Tensor forward(const Tensor& in) {
    Tensor x = relu(max_pool2d(conv1(in), {.kernel_size = 2}));
    x = relu(max_pool2d(conv2_drop(conv2(x)), {.kernel_size = 2}));
    x = x.reshape({-1, 320});
    x = relu(fc1(x));
    x = dropout(x, {.training = is_training()});
    x = fc2(x);
    return log_softmax(x, 1);
  }
  void fields(Fields& f) {  // the names, in the order of Python's constructor
    f("conv1", conv1);
    f("conv2", conv2);
    f("conv2_drop", conv2_drop);
    f("fc1", fc1);
    f("fc2", fc2);
  }
};

static void show(ModuleBase& your_model, int channels, int H, int W) {
  std::cout << your_model.summary({channels, H, W});
}

int main() {
  Net model;
  std::cout << model.summary({1, 28, 28}, {.style = viz::Style::torchsummary});
  show(model, 1, 28, 28);

  // On the meta device a model takes no memory and is not initialised.
  const DeviceScope meta(Device::meta());
  models::VGG vgg = models::vgg11_bn_2019();
  std::cout << vgg.summary({3, 224, 224}, {.style = viz::Style::torchsummary});
}
