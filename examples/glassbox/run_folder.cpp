#include "glassbox/run_folder.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "glassbox/usage_error.h"

namespace glassbox {

namespace fs = std::filesystem;

void RunFolder::refuse_existing(const std::string& wanted) {
  std::error_code error;
  if (!wanted.empty() && fs::exists(fs::symlink_status(wanted, error))) {
    throw UsageError(wanted + ": exists already; choose another --run or leave it out");
  }
}

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
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  refuse_existing(path_);
  const fs::path parent = fs::path(path_).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  if (error) fail(path_, "cannot make this folder: " + error.message());
  if (!fs::create_directory(path_, error) && !error) refuse_existing(path_);
  if (error) fail(path_, "cannot make this folder: " + error.message());
}

}  // namespace glassbox
