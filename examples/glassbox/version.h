// What `glassbox --version` prints: the version and what the build has and lacks.
#pragma once
#include <string>

namespace glassbox {

std::string version_text();

}  // namespace glassbox
