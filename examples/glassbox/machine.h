// What RUN/config.json says about the program and the machine that trained.
#pragma once
#include <nlohmann/json.hpp>

namespace glassbox {

nlohmann::ordered_json build_json();
nlohmann::ordered_json machine_json();

}  // namespace glassbox
