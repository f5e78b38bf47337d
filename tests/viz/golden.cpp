#include "tests/viz/golden.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace glassbox::test {
namespace {

std::string path_of(const std::string& file) {
  return std::string(GLASSBOX_TEST_DATA) + "/" + file;
}

}  // namespace

std::string read_data(const std::string& file) {
  std::ifstream in(path_of(file), std::ios::binary);
  REQUIRE_MESSAGE(in.good(), "no file ", file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void check_golden(const std::string& file, const std::string& text) {
  const std::string name = "golden/" + file;
  if (std::getenv("GLASSBOX_UPDATE_GOLDEN")) {
    std::ofstream out(path_of(name), std::ios::binary);
    out << text;
    REQUIRE(out.good());
    return;
  }
  CAPTURE(name);
  CHECK(text == read_data(name));
}

}  // namespace glassbox::test
