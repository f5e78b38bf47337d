#include "glassbox/run_folder.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "glassbox/usage_error.h"

namespace glassbox {

namespace fs = std::filesystem;

RunFolder::RunFolder(const std::string& wanted, const std::string& model_name) : path_(wanted) {
  std::error_code error;
  if (path_.empty()) {
    fs::create_directories("runs", error);
    if (error) fail("runs", "cannot make this folder: " + error.message());
    // Making the folder is the test: two programs started at once get two names.
    for (int n = 1;; ++n) {
      path_ = cat("runs/", model_name, "-", n);
      if (fs::create_directory(path_, error)) return;
      if (error) fail(path_, "cannot make this folder: " + error.message());
    }
  }
  const fs::path parent = fs::path(path_).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  if (error) fail(path_, "cannot make this folder: " + error.message());
  if (!fs::create_directory(path_, error)) {
    if (error) fail(path_, "cannot make this folder: " + error.message());
    throw UsageError(path_ + ": exists already; choose another --run or leave it out");
  }
}

}  // namespace glassbox
