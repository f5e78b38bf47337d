#pragma once
// Files under tests/data. With GLASSBOX_UPDATE_GOLDEN set a golden file is written, not compared.
#include <string>

namespace glassbox::test {

std::string read_data(const std::string& file);
void check_golden(const std::string& file, const std::string& text);

}  // namespace glassbox::test
