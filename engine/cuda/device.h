// The devices of this machine: streams, memory, copies, faults.
#pragma once
#include <string>

#include "engine/core/backend.h"

namespace glassbox::cuda {

// Null when there is no GPU that this build can use; then `why` says why.
Backend* make_backend(std::string& why);

// What is said of cudaGetDeviceCount's error, given what cudaDriverGetVersion says (0: no driver).
std::string explain_no_device(int error, const char* text, int driver, int runtime);

}  // namespace glassbox::cuda
