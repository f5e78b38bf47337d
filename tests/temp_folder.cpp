#include "tests/temp_folder.h"

#include <doctest/doctest.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace fs = std::filesystem;

namespace glassbox::test {

TempFolder::TempFolder() {
  std::string name = (fs::temp_directory_path() / "glassbox-test-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
  // mkdtemp's folders are closed to others, so that WithoutRights could not even look inside.
  fs::permissions(path_, fs::perms(0755));
}

TempFolder::~TempFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
}

std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), "no file ", path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  out.close();
  REQUIRE_MESSAGE(out.good(), "cannot write ", path);
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

namespace {
constexpr uid_t nobody = 65534;
}

WithoutRights::WithoutRights() : root_(::geteuid() == 0) {
  if (root_) ::setfsuid(nobody);
}

WithoutRights::~WithoutRights() {
  if (root_) ::setfsuid(0);
}

bool WithoutRights::works(const std::string& folder) const {
  const std::string probe = folder + "/probe";
  std::error_code error;
  const bool written = std::ofstream(probe).good();
  fs::remove(probe, error);
  return !written;
}

}  // namespace glassbox::test
