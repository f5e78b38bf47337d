// `glassbox evaluate`: how well a run's model does on the test images.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "glassbox/trained.h"

namespace glassbox {

struct Mistake {
  std::int64_t index = 0;  // in the test set
  std::string path;        // of a folder of images
  std::size_t truth = 0, predicted = 0;
  double loss = 0, probability = 0;  // given to the predicted class
};

struct Evaluation {
  std::string model = {}, data = {}, weights = {};
  std::vector<std::string> classes = {};
  std::int64_t images = 0;
  double loss = 0, accuracy = 0, top5 = 0;
  std::vector<std::vector<std::int64_t>> confusion = {};  // [true][predicted]
  std::vector<Mistake> worst = {};                        // by loss, the largest first

  std::int64_t of_class(std::size_t c) const;         // images that are a c
  std::int64_t taken_for_class(std::size_t c) const;  // images that were predicted to be one
};

// Counts batch by batch: what a pass over the test images leaves behind.
class Evaluator {
 public:
  Evaluator(std::size_t classes, std::size_t worst);
  // Outputs [B, classes or more], labels i64 [B], indices i64 [B] in the set. Throws Error for
  // outputs that are fewer than the classes.
  void add(const Tensor& outputs, const Tensor& labels, const Tensor& indices);
  Evaluation result(const Data& data) const;  // without the model's and the weights' names

 private:
  std::size_t classes_, worst_;
  Evaluation sums_;
  std::int64_t correct_ = 0, among5_ = 0;
};

// Of the data's test images. Throws Error when it has other classes than the training's.
Evaluation evaluate(const Trained& trained, const Data& data, std::size_t worst);
// The data that the run was trained with, of which only the test images are read.
Data load_test_data(const Trained& trained, const std::string& root = "");
// `data` empty: the set that the run was trained with. Keeps the `worst` mistakes.
Evaluation evaluate(const Trained& trained, const std::string& data, std::size_t worst);

std::string to_text(const Evaluation& e);
nlohmann::ordered_json to_json(const Evaluation& e);
// The confusion matrix: a header of predicted classes, then a row for each true class (RFC 4180).
std::string confusion_csv(const Evaluation& e);

}  // namespace glassbox
