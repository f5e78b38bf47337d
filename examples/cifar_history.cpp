// The article's training loop, watched: what HiddenLayer's History and Canvas show of it.
//   cifar_history [FOLDER with the .bin files of CIFAR-10] [EPOCHS] [EVERY] [FILE.svg]
// Without a folder it trains on the synthetic stand-in. EVERY so many batches it draws into the
// file.
#include <glassbox/glassbox.h>

#include <cstdio>
#include <string>

using namespace glassbox;
using namespace glassbox::datasets;

int main(int argc, char** argv) {
  const std::string root = argc > 1 ? argv[1] : make_synthetic_cifar10();
  const int epochs = argc > 2 ? std::stoi(argv[2]) : 10;
  const int every = argc > 3 ? std::stoi(argv[3]) : 100;

  manual_seed(0);
  models::CifarModel model;
  layers::CrossEntropyLoss criterion;
  optim::SGD optimizer{model.parameters(), {.lr = 0.01, .momentum = 0.9}};
  const transforms::Compose transform{
      transforms::RandomCrop{32, {.padding = 4}}, transforms::RandomHorizontalFlip{},
      transforms::ToTensor{},
      transforms::Normalize{{0.4914, 0.4822, 0.4465}, {0.2023, 0.1994, 0.2010}}};
  CIFAR10 trainset{root, {.train = true, .transform = transform}};
  DataLoader trainloader{trainset, {.batch_size = 128, .shuffle = true, .num_workers = 2}};

  viz::History cifar_history;
  viz::Canvas cifar_canvas(argc > 4 ? argv[4] : "cifar_history.svg");

  for (int epoch = 0; epoch < epochs; ++epoch) {
    int batch_ix = 0;
    for (auto& [inputs, labels] : trainloader) {
      optimizer.zero_grad();
      // forward + backward + optimize
      const Tensor outputs = model(inputs);
      const Tensor loss = criterion(outputs, labels);
      loss.backward();
      optimizer.step();

      if (batch_ix && batch_ix % every == 0) {
        const double accuracy = eq(argmax(outputs, 1), labels).to(DType::f32).mean().item<double>();
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
    if (cifar_history.step()) cifar_history.progress();
  }
  cifar_canvas.wait();
  std::printf("drew %d frames\n", static_cast<int>(cifar_canvas.frames()));
}
