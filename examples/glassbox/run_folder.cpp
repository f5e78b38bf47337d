#include "glassbox/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "engine/io/file.h"
#include "glassbox/usage_error.h"

namespace glassbox {

namespace fs = std::filesystem;

namespace {

void trim_slashes(std::string& path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
}

}  // namespace

void RunFolder::refuse_existing(const std::string& wanted) {
  std::error_code error;
  if (!wanted.empty() && fs::exists(fs::symlink_status(wanted, error))) {
    throw UsageError(wanted + ": exists already; choose another --run or leave it out" +
                     (fs::exists(wanted + "/config.json", error)
                          ? " (train --resume " + wanted + " goes on with it)"
                          : ""));
  }
}

RunFolder RunFolder::make(const std::string& wanted, const std::string& model_name) {
  std::string path = wanted;
  std::error_code error;
  if (path.empty()) {
    fs::create_directories("runs", error);
    if (error) fail("runs", "cannot make this folder: " + error.message());
    // Making the folder is the test: two programs started at once get two names.
    for (int n = 1;; ++n) {
      path = cat("runs/", model_name, "-", n);
      if (fs::create_directory(path, error)) break;
      if (error) fail(path, "cannot make this folder: " + error.message());
    }
  } else {
    trim_slashes(path);
    refuse_existing(path);
    const fs::path parent = fs::path(path).parent_path();
    if (!parent.empty()) fs::create_directories(parent, error);
    if (error) fail(path, "cannot make this folder: " + error.message());
    if (!fs::create_directory(path, error) && !error) refuse_existing(path);
    if (error) fail(path, "cannot make this folder: " + error.message());
  }
  RunFolder folder(path);
  folder.lock();
  return folder;
}

RunFolder RunFolder::open(const std::string& path) {
  RunFolder folder(path);
  trim_slashes(folder.path_);
  std::error_code error;
  if (!fs::exists(folder.file("config.json"), error)) {
    throw UsageError(folder.path_ + ": is no run's folder: it has no config.json");
  }
  folder.lock();
  return folder;
}

void RunFolder::lock() {
  // The lock goes with the process, however it ends.
  lock_ = ::open(file(".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) fail(path_, cat("cannot write in this folder: ", std::strerror(errno)));
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    fail(path_, "another process is training in this folder");
  }
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

nlohmann::ordered_json read_config(const std::string& run) {
  const std::string file = run + "/config.json";
  std::error_code error;
  if (!fs::exists(file, error)) {
    throw UsageError(run + ": is no run's folder: it has no config.json");
  }
  try {
    return nlohmann::ordered_json::parse(io::read_file(file, 16 << 20));
  } catch (const nlohmann::json::exception& e) {
    fail(file, cat("is not valid JSON: ", e.what()));
  }
}

}  // namespace glassbox
