// The training loop behind `glassbox train`, on the public API alone: an image classifier trained
// by SGD with cross entropy, as in the article.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "layers/module.h"

namespace glassbox {

struct TrainOptions {
  std::string model_name;
  std::string data = "auto";  // a folder, "synthetic", or "auto": data/ if it has CIFAR-10
  int epochs = 10;
  std::int64_t batch_size = 128;
  double lr = 0.01, momentum = 0.9, weight_decay = 0;
  std::uint64_t seed = 0;
  std::string device = "auto";
  std::int64_t limit_images = 0;  // of the training set; 0: all
  std::string run;                // folder; empty: the next free runs/MODEL-N
};

struct EpochResult {
  int epoch = 0;  // from 1
  double loss = 0, train_accuracy = 0, test_accuracy = 0, images_per_second = 0, seconds = 0;
};

struct TrainResult {
  std::string run;  // the folder
  std::vector<EpochResult> epochs;
};

// Trains, printing progress, and writes RUN/result.json and RUN/model.safetensors. Throws Error: a
// run folder that exists or cannot be written, missing data, a loss that is not finite (with the
// step and the first module that produced it).
TrainResult train(layers::ModuleBase& model, TrainOptions options);

// The test accuracy of a linear classifier trained on the same images for one epoch.
double linear_baseline(const TrainOptions& options);

// `train` for someone who sees Glassbox for the first time: shows the model's summary, trains,
// writes the graph beside the result, and says what a linear model reaches.
void demo(layers::ModuleBase& model, TrainOptions options);

}  // namespace glassbox
