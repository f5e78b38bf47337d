#pragma once
// A folder for one test under the system's temporary one, removed with all that is in it.
#include <filesystem>
#include <string>
#include <vector>

namespace glassbox::test {

class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string read_bytes(const std::string& path);
void write_bytes(const std::string& path, const std::string& bytes);
// The names in a folder, sorted.
std::vector<std::string> names_in(const std::string& folder);

// While it lives, this thread may write only what is open to everyone: what a folder of another
// user is to a user. Root gives its rights up for as long; false where that does not work.
class WithoutRights {
 public:
  WithoutRights();
  ~WithoutRights();
  WithoutRights(const WithoutRights&) = delete;
  WithoutRights& operator=(const WithoutRights&) = delete;
  // Whether this thread can now not write into the folder, which is set to be read-only.
  bool works(const std::string& folder) const;

 private:
  bool root_;
};

}  // namespace glassbox::test
