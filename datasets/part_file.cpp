#include "datasets/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <utility>

#include "engine/core/error.h"
#include "engine/io/file.h"

namespace glassbox::datasets {

namespace fs = std::filesystem;

PartFile::PartFile(std::string file) : file_(std::move(file)), path_(file_ + ".part") {
  std::error_code error;
  const fs::path folder = fs::path(file_).parent_path();
  if (!folder.empty()) fs::create_directories(folder, error);
  if (error) fail(folder.string(), "cannot make this folder: " + error.message());
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  struct stat info {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &info) != 0) {
    const std::string reason = std::strerror(errno);
    if (descriptor_ >= 0) ::close(descriptor_);
    fail(path_, "cannot write: " + reason);
  }
  const bool regular = S_ISREG(info.st_mode);
  if (!regular || ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    fail(path_, regular ? "another process is fetching this file; wait for it"
                        : "is not a regular file; remove it");
  }
  size_ = ::lseek(descriptor_, 0, SEEK_END);
}

PartFile::~PartFile() {
  if (descriptor_ < 0) return;
  if (size_ == 0) ::unlink(path_.c_str());  // nothing that is worth going on from
  ::close(descriptor_);
}

bool PartFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      error_ = std::strerror(errno);
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
    size_ += n;
  }
  return true;
}

void PartFile::truncate() {
  if (size_ == 0) return;
  if (::ftruncate(descriptor_, 0) != 0 || ::lseek(descriptor_, 0, SEEK_SET) != 0)
    fail(path_, cat("cannot cut to nothing: ", std::strerror(errno)));
  size_ = 0;
}

std::int64_t PartFile::room() const {
  std::error_code error;
  const fs::space_info space = fs::space(path_, error);
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  if (error || space.available > static_cast<std::uintmax_t>(most)) return most;
  return static_cast<std::int64_t>(space.available);
}

void PartFile::remove() {
  ::unlink(path_.c_str());
  ::close(std::exchange(descriptor_, -1));
}

void PartFile::publish() {
  if (::fsync(descriptor_) != 0) fail(path_, cat("cannot sync: ", std::strerror(errno)));
  if (::rename(path_.c_str(), file_.c_str()) != 0)
    fail(file_, cat("cannot rename ", path_, " to it: ", std::strerror(errno)));
  ::close(std::exchange(descriptor_, -1));
  io::sync_folder(fs::path(file_).parent_path().string());  // the new name too
}

}  // namespace glassbox::datasets
