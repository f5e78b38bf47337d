#include "engine/core/error.h"

#include "engine/core/scope.h"

namespace glassbox {

void fail(std::string_view what, std::string_view fact) {
  std::string message = cat(what, ": ", fact);
  if (const std::string path = scope_path(); !path.empty()) message += " in " + path;
  throw Error(message);
}

}  // namespace glassbox
