// An error that is the user's wording, not the work's: exit code 2 instead of 1.
#pragma once
#include "engine/core/error.h"

namespace glassbox {

class UsageError : public Error {
 public:
  using Error::Error;
};

// Ends the command with that exit code; what there is to say has been said.
struct ExitWith {
  int code;
};

}  // namespace glassbox
