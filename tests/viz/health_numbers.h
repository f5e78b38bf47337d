#pragma once
// What tests of a model's health read and ignore.
#include <doctest/doctest.h>

#include <string>

#include "viz/health.h"

namespace glassbox::test {

inline double number(const viz::Health& health, const std::string& name) {
  for (const auto& [n, value] : health.numbers())
    if (n == name) return value;
  FAIL("there is no number " << name);
  return 0;
}

inline void quiet(const viz::HealthWarning&) {}

}  // namespace glassbox::test
