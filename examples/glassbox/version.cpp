#include "glassbox/version.h"

#include <fmt/format.h>

#include "build_facts.h"

namespace glassbox {

std::string version_text() {
  std::string text = fmt::format("glassbox {}", build::version);
  for (const build::Fact& fact : build::facts)
    text += fmt::format("\n  {:<13} {}", fact.name, fact.text);
  return text;
}

}  // namespace glassbox
