// What a training is told: the options of `glassbox train`, and their form in RUN/config.json.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "engine/core/error.h"

namespace glassbox {

struct TrainOptions {
  std::string model_name;
  // A folder with a data set, "synthetic", or "auto": data/ if it has CIFAR-10, else synthetic.
  std::string data = "auto";
  std::string dataset = "auto";  // cifar10, cifar100, mnist, fashion_mnist, folder; auto: look
  std::vector<int> image_size;   // of a folder of images, h and w; empty: the model's usual one
  bool augment = true;           // random crops and flips of the training images
  bool lazy = false;             // decode a folder of images batch by batch, not all at once
  bool download = false;         // fetch the data set into the folder when it is not there
  int epochs = 10;
  std::int64_t batch_size = 128;
  std::string optimizer = "sgd";  // sgd, adam, adamw, rmsprop
  double lr = 0.01, momentum = 0.9, weight_decay = 0;
  std::string schedule = "none";  // step, multistep, exponential, cosine, onecycle, plateau
  std::vector<int> milestones;    // epochs at which step and multistep multiply lr by gamma
  double gamma = 0.1;             // of step, multistep, exponential, plateau
  int warmup = 0;                 // epochs in which lr rises linearly before the schedule begins
  double clip_norm = 0;           // largest norm of all gradients together; 0: not clipped
  double label_smoothing = 0;
  double ema = 0;                  // decay of the weights' average; 0: none
  std::string precision = "fp32";  // tf32, fp16, bf16: of convolutions and products on a GPU
  std::uint64_t seed = 0;
  std::string device = "auto";
  std::int64_t limit_images = 0;      // of the training set; 0: all
  int workers = 2;                    // loader threads
  std::int64_t checkpoint_every = 0;  // steps between checkpoints within an epoch; 0: none
  std::int64_t log_every = 100;       // batches between what is logged within an epoch; 0: none
  std::vector<std::string> probes;    // into the model, see viz/probe.h
  bool health = false;                // log norms, updates, dead units, and what is not finite
  std::string draw;     // file to draw what is logged into, "-": the terminal; not in config.json
  std::string run;      // folder; empty: the next free runs/MODEL-N
  bool resume = false;  // go on with `run`, whose config.json gave these options
  std::vector<std::string> command_line;
};

// json[key] as a T. Throws Error with the file when it is missing or has another type.
template <class T>
void read_key(const nlohmann::ordered_json& json, const std::string& file, const char* key,
              T& value) {
  const auto it = json.find(key);
  if (it == json.end()) fail(file, cat("has no \"", key, "\""));
  try {
    value = it->template get<T>();
  } catch (const nlohmann::json::exception&) {
    fail(file, cat("\"", key, "\" is ", it->dump(), ", which does not fit"));
  }
}

nlohmann::ordered_json to_json(const TrainOptions& options);
// The options in a run's config. Throws Error with the file and the key that is missing or wrong.
TrainOptions options_from_json(const nlohmann::ordered_json& json, const std::string& file);

}  // namespace glassbox
