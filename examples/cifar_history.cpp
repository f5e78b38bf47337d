// The article's CIFAR-10 network: its summary, its graph, and its training, watched.
//   cifar_history [FILE.svg [EPOCHS [EVERY [IMAGES [FOLDER]]]]]
// EVERY so many batches it draws into the file, and on a terminal. IMAGES is how many of the
// 50,000 an epoch has; 0: all. FOLDER has CIFAR-10's .bin files or its archive; without one the
// synthetic stand-in is made.
#include <glassbox/glassbox.h>

#include <iostream>
#include <string>

using namespace glassbox;
using namespace glassbox::layers;
using namespace glassbox::datasets;

// Simple Convolutional Network
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
    const Tensor x0 = c2d(x);
    const Tensor x1 = features(x0);
    feature_map = x0;
    const Tensor x2 = x1.reshape({x1.size(0), -1});
    return classifier(x2);
  }
  void fields(Fields& f) {
    f("c2d", c2d);
    f("features", features);
    f("classifier", classifier);
  }
};

int main(int argc, char** argv) {
  const std::string file = argc > 1 ? argv[1] : "cifar_history.svg";
  const int epochs = argc > 2 ? std::stoi(argv[2]) : 10;
  const int every = argc > 3 ? std::stoi(argv[3]) : 100;
  const int images = argc > 4 ? std::stoi(argv[4]) : 0;
  const std::string root = argc > 5 ? argv[5] : make_synthetic_cifar10();

  manual_seed(0);
  CifarModel model;
  CrossEntropyLoss criterion;
  optim::SGD optimizer{model.parameters(), {.lr = 0.01, .momentum = 0.9}};

  // show parameter
  std::cout << model.summary({3, 32, 32}, {.style = viz::Style::torchsummary});

  viz::build_graph(model, {{3, 32, 32}}).save("cifar_graph.svg");

  // Data
  std::cout << "==> Preparing data..\n";
  const transforms::Compose transform_train{
      transforms::RandomCrop{32, {.padding = 4}}, transforms::RandomHorizontalFlip{},
      transforms::ToTensor{},
      transforms::Normalize{{0.4914, 0.4822, 0.4465}, {0.2023, 0.1994, 0.2010}}};
  const transforms::Compose transform_test{
      transforms::ToTensor{},
      transforms::Normalize{{0.4914, 0.4822, 0.4465}, {0.2023, 0.1994, 0.2010}}};

  const CIFAR10 trainset{root, {.train = true, .transform = transform_train}};
  DataLoader trainloader{trainset,
                         {.batch_size = 128, .shuffle = true, .limit = images, .num_workers = 2}};

  const CIFAR10 testset{root, {.train = false, .transform = transform_test}};
  DataLoader testloader{testset, {.batch_size = 100, .shuffle = false, .num_workers = 2}};

  std::cout << describe("train_dataset", trainset) << "\n";
  std::cout << describe("test_dataset", testset) << "\n";
  std::cout << describe("classes", trainset.classes) << "\n";

  viz::History cifar_history;
  viz::Canvas cifar_canvas({.path = file, .theme = viz::ThemeMode::automatic});

  // Training loop
  for (int epoch = 0; epoch < epochs; ++epoch) {
    int batch_ix = 0;
    for (auto& [inputs, labels] : trainloader) {
      optimizer.zero_grad();

      // forward + backward + optimize
      const Tensor outputs = model(inputs);
      const Tensor loss = criterion(outputs, labels);
      loss.backward();
      optimizer.step();

      // Print statistics
      if (batch_ix && batch_ix % every == 0) {
        // Compute accuracy
        const Tensor pred_labels = argmax(outputs, 1);
        const Tensor accuracy = eq(pred_labels, labels).to(DType::f32).mean();
        // Log metrics to history
        cifar_history.log({epoch, batch_ix}, {{"loss", loss},
                                              {"accuracy", accuracy},
                                              {"conv1_weight", model.c2d.weight},
                                              {"feature_map", model.feature_map[0][1]}});
        // Visualize metrics
        const auto frame = cifar_canvas.frame();
        cifar_canvas.draw_plot({cifar_history["loss"], cifar_history["accuracy"]});
        cifar_canvas.draw_image(cifar_history["feature_map"]);
        cifar_canvas.draw_hist(cifar_history["conv1_weight"]);
      }
      ++batch_ix;
    }
  }
  cifar_canvas.wait();
  cifar_history.progress();

  // Any layer's output at any call, by a hook
  const Capture pooled = capture(model, "features.5");
  model.eval();
  model((*testloader.begin()).inputs);
  cifar_history.log({epochs, 0}, {{"features.5", pooled.value()[0]}});

  viz::Canvas features_canvas({.path = "cifar_features.svg", .theme = viz::ThemeMode::automatic});
  features_canvas.draw_image(cifar_history["features.5"]);
}
