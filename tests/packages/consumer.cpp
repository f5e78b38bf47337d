// What someone's project does with Glassbox: a summary, and a few steps of training.
#include <glassbox/glassbox.h>

#include <iostream>

using namespace glassbox;

struct Tiny : layers::Module<Tiny> {
  layers::Conv2d conv{1, 4, 3, {.padding = 1}};
  layers::Linear fc{4 * 4 * 4, 3};

  Tensor forward(const Tensor& x) {
    return fc(max_pool2d(relu(conv(x)), {.kernel_size = 2}).flatten(1));
  }
  void fields(layers::Fields& f) {
    f("conv", conv);
    f("fc", fc);
  }
};

int main() {
  manual_seed(0);
  Tiny net;
  std::cout << net.summary({1, 8, 8});
  optim::SGD optimizer{net.parameters(), {.lr = 0.1, .momentum = 0.9}};
  layers::CrossEntropyLoss criterion;
  const Tensor images = randn({16, 1, 8, 8}), labels = randint({16}, 0, 3);
  float first = 0, last = 0;
  for (int step = 0; step < 20; ++step) {
    optimizer.zero_grad();
    Tensor loss = criterion(net(images), labels);
    loss.backward();
    optimizer.step();
    last = loss.item<float>();
    if (step == 0) first = last;
  }
  std::cout << "loss " << first << " -> " << last << "\n";
  return last < first ? 0 : 1;
}
