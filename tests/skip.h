#pragma once
// A test that cannot run here says so: `if (!have_it) return skip("needs it");`. The case counts as
// skipped, not as passed, and the reason stands in the suite's last lines.

#include <string>

namespace glassbox::test {

void skip(const std::string& reason);  // the case that is running

}  // namespace glassbox::test
