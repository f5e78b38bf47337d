#include "engine/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "engine/core/error.h"

namespace glassbox::io {

void AtomicFile::failed(std::string_view action) {
  const int error = errno;
  fail(path_, cat("cannot ", action, ": ", std::strerror(error)));
}

AtomicFile::AtomicFile(std::string path)
    : path_(std::move(path)), temporary_(path_ + ".tmp" + std::to_string(::getpid())) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) failed("write");
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      failed("write");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) failed("sync");
  if (::close(std::exchange(descriptor_, -1)) != 0) failed("close");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) failed("rename");
  temporary_.clear();
  // The new name itself is on disk only when its folder is. A folder that may be written but not
  // read cannot be synced: the file is whole all the same.
  sync_folder(std::filesystem::path(path_).parent_path().string());
}

std::error_code sync_folder(const std::string& path) {
  const int fd = ::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return {errno, std::generic_category()};
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  return {error == EINVAL ? 0 : error, std::generic_category()};
}

void write_file(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  // Why not to block: the path may name a pipe, which would wait for a writer.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &info) != 0) {
    const int error = errno;
    if (descriptor_ >= 0) ::close(descriptor_);
    fail(path_, cat("cannot read: ", std::strerror(error)));
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(descriptor_);
    fail(path_, "is not a regular file");
  }
  size_ = static_cast<std::uint64_t>(info.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(std::uint64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t n = ::pread(descriptor_, to.data(), to.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path_, cat("cannot read: ", std::strerror(errno)));
    if (n == 0) fail(path_, cat("ended after ", offset, " of ", size_, " bytes"));
    to = to.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

std::string read_file(const std::string& path, std::size_t limit) {
  const InputFile file(path);
  if (file.size() > limit)
    fail(path, cat("has ", file.size(), " bytes, more than the ", limit, " that are read"));
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace glassbox::io
