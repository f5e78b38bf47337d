// The article's training of a small CNN on CIFAR-10, step by step.
//   train_cifar10 [FOLDER with the .bin files of CIFAR-10] [EPOCHS]
// Without a folder it trains on the synthetic stand-in.
#include <glassbox/glassbox.h>

#include <cstdio>
#include <iostream>

using namespace glassbox;
using namespace glassbox::layers;
using namespace glassbox::datasets;

struct CifarModel : Module<CifarModel> {
  Conv2d c2d{3, 16, 3, {.padding = 1}};
  Sequential features{BatchNorm2d{16},
                      ReLU{},
                      Conv2d{16, 16, 3, {.padding = 1}},
                      BatchNorm2d{16},
                      ReLU{},
                      MaxPool2d{2},
                      Conv2d{16, 32, 3, {.padding = 1}},
                      BatchNorm2d{32},
                      ReLU{},
                      Conv2d{32, 32, 3, {.padding = 1}},
                      BatchNorm2d{32},
                      ReLU{},
                      MaxPool2d{2},
                      Conv2d{32, 32, 3, {.padding = 1}},
                      BatchNorm2d{32},
                      ReLU{},
                      Conv2d{32, 32, 3, {.padding = 1}},
                      BatchNorm2d{32},
                      ReLU{},
                      AdaptiveMaxPool2d{1}};
  Sequential classifier{Linear{32, 32}, ReLU{}, Linear{32, 10}};
  Tensor feature_map;

  Tensor forward(const Tensor& x) {
    Tensor x0 = c2d(x);
    Tensor x1 = features(x0);
    feature_map = x0;
    Tensor x2 = x1.reshape({x1.size(0), -1});
    return classifier(x2);
  }
  void fields(Fields& f) {
    f("c2d", c2d);
    f("features", features);
    f("classifier", classifier);
  }
};

static double accuracy(const Tensor& outputs, const Tensor& labels) {
  return eq(argmax(outputs, 1), labels).to(DType::f32).mean().item<double>();
}

int main(int argc, char** argv) {
  manual_seed(0);
  CifarModel model;
  CrossEntropyLoss criterion;
  optim::SGD optimizer{model.parameters(), {.lr = 0.01, .momentum = 0.9}};
  std::cout << model.summary({3, 32, 32});

  using namespace transforms;
  const Normalize normalize{{0.4914, 0.4822, 0.4465}, {0.2023, 0.1994, 0.2010}};
  Compose transform_train{RandomCrop{32, {.padding = 4}}, RandomHorizontalFlip{}, ToTensor{},
                          normalize};
  Compose transform_test{ToTensor{}, normalize};
  const std::string root = argc > 1 ? argv[1] : make_synthetic_cifar10();
  CIFAR10 trainset{root, {.train = true, .transform = transform_train}};
  CIFAR10 testset{root, {.train = false, .transform = transform_test}};
  DataLoader trainloader{trainset, {.batch_size = 128, .shuffle = true, .num_workers = 2}};
  DataLoader testloader{testset, {.batch_size = 100, .num_workers = 2}};
  std::cout << describe("train_dataset", trainset) << "\n";

  const int epochs = argc > 2 ? std::stoi(argv[2]) : 10;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    model.train();
    int batch = 0;
    for (auto& [inputs, labels] : trainloader) {
      optimizer.zero_grad();
      Tensor outputs = model(inputs);
      Tensor loss = criterion(outputs, labels);
      loss.backward();
      optimizer.step();
      if (batch && batch % 100 == 0) {
        std::printf("epoch %d batch %d loss %.4f accuracy %.4f\n", epoch + 1, batch,
                    loss.item<double>(), accuracy(outputs, labels));
      }
      ++batch;
    }
    model.eval();
    NoGrad no_grad;
    double correct = 0;
    for (auto& [inputs, labels] : testloader)
      correct += accuracy(model(inputs), labels) * static_cast<double>(labels.size(0));
    std::printf("epoch %d test accuracy %.4f\n", epoch + 1,
                correct / static_cast<double>(testset.size()));
  }
}
