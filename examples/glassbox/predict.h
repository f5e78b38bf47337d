// `glassbox predict`: what a run's model sees in an image, treated as in the training.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "glassbox/trained.h"

namespace glassbox {

struct Prediction {
  std::string path, error;                           // error: why there is none
  std::vector<std::pair<std::string, double>> best;  // classes and probabilities, best first
};

// An image that cannot be read gives its error and leaves the others be.
std::vector<Prediction> predict(const Trained& trained, const std::vector<std::string>& images,
                                std::size_t count);

// A title and a line with a bar for each class.
std::string to_text(const Prediction& prediction);
nlohmann::ordered_json to_json(const std::vector<Prediction>& predictions);

}  // namespace glassbox
