// The data of a run: which set it is, how its images become the model's input, and loaders of it.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "datasets/datasets.h"
#include "glassbox/train_options.h"

namespace glassbox {

// What RUN/config.json says about the data, so that evaluate and predict treat images alike.
struct DataInfo {
  std::string kind, root, note;  // "cifar10", "data", "CIFAR-10 in data"
  std::vector<std::string> classes;
  std::int64_t channels = 3, height = 32, width = 32;  // of the model's input
  std::vector<double> mean, std;                       // by channel, of values in [0, 1]

  datasets::transforms::Compose for_training(bool augment) const;
  datasets::transforms::Compose for_testing() const;
};
nlohmann::ordered_json to_json(const DataInfo& info);
// Throws Error with the file and the key that is missing or wrong.
DataInfo data_info_from_json(const nlohmann::ordered_json& json, const std::string& file);

struct Data {
  DataInfo info;
  std::int64_t train_images = 0, test_images = 0;
  std::vector<std::string> test_paths;  // of the test images, for a folder of images
  // The training images with their random transforms, and the test images.
  std::function<datasets::DataLoader(const datasets::DataLoaderOptions&)> train, test;
};

// Whoever only evaluates need not read the training images: `train` is then empty.
enum class Halves { both, test };

// Finds and reads the set that the options name. `usual_input` is the model's, which says how large
// the images of a folder become; undefined sizes are an error that says what to give. Throws Error
// or UsageError when there is no such set.
Data load_data(const TrainOptions& options, const std::vector<Shape>& usual_inputs,
               Halves halves = Halves::both);

// An image file as the model wants it: u8 [1,C,H,W].
Tensor load_image(const std::string& path, const DataInfo& info);

}  // namespace glassbox
