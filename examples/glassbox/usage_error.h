// An error that is the user's wording, not the work's: exit code 2 instead of 1.
#pragma once
#include <string>
#include <string_view>

#include "engine/core/error.h"

namespace glassbox {

class UsageError : public Error {
 public:
  using Error::Error;
};

// f(), an Error of which is the user's mistake in that option.
template <class F>
auto from_user(std::string_view option, const F& f) {
  try {
    return f();
  } catch (const UsageError&) {
    throw;
  } catch (const Error& e) {
    throw UsageError(std::string(option) + ": " + e.what());
  }
}

// Ends the command with that exit code; what there is to say has been said.
struct ExitWith {
  int code;
};

}  // namespace glassbox
