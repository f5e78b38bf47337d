#pragma once
// What two trainings are compared by.
#include <nlohmann/json.hpp>

namespace glassbox::test {

// The epochs of a run's result.json without what depends on the clock.
inline nlohmann::json epochs_of(const nlohmann::json& result) {
  nlohmann::json epochs = result.at("epochs");
  for (nlohmann::json& epoch : epochs) {
    epoch.erase("seconds");
    epoch.erase("images_per_second");
  }
  return epochs;
}

}  // namespace glassbox::test
