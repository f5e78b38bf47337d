#include <algorithm>
#include <limits>

#include "datasets/archive.h"
#include "engine/core/error.h"
#include "engine/io/file.h"

#ifdef GLASSBOX_HAS_ZLIB
#include <zlib.h>
#endif

namespace glassbox::datasets {

#ifndef GLASSBOX_HAS_ZLIB

bool can_read_gzip() { return false; }

GzipFile::GzipFile(std::string path) : path_(std::move(path)) {
  fail(path_, "this build has no zlib (package zlib1g-dev turns it on); unpack it by hand: gunzip");
}
GzipFile::~GzipFile() = default;
std::size_t GzipFile::take(std::span<std::byte>) { return 0; }
void GzipFile::read(std::span<std::byte>) {}
void GzipFile::expect_end() {}

#else

bool can_read_gzip() { return true; }

GzipFile::GzipFile(std::string path) : path_(std::move(path)) {
  const io::InputFile file(path_);
  std::byte magic[2] = {};
  if (file.size() >= 2) file.read(0, magic);
  // Why: zlib hands a file without this through as it is.
  if (magic[0] != std::byte(0x1f) || magic[1] != std::byte(0x8b))
    fail(path_, "is no gzip file; delete it and download it again");
  constexpr std::uint64_t ratio = 1032, largest = std::numeric_limits<std::int64_t>::max() / ratio;
  most_ = static_cast<std::int64_t>(std::min(file.size(), largest) * ratio);
  handle_ = gzopen(path_.c_str(), "rb");
  if (!handle_) fail(path_, "cannot read");
}

GzipFile::~GzipFile() {
  if (handle_) gzclose(static_cast<gzFile>(handle_));
}

std::size_t GzipFile::take(std::span<std::byte> to) {
  const auto file = static_cast<gzFile>(handle_);
  const std::size_t piece = std::min<std::size_t>(to.size(), std::size_t(1) << 30);
  const int n = gzread(file, to.data(), static_cast<unsigned>(piece));
  int code = Z_OK;
  const char* reason = gzerror(file, &code);
  // Z_BUF_ERROR: the file ends in the middle of the stream, and gzread gave what there was.
  if (n < 0 || code == Z_BUF_ERROR)
    fail(path_, cat("is damaged or cut off: ", reason, "; delete it and download it again"));
  done_ += n;
  return static_cast<std::size_t>(n);
}

void GzipFile::read(std::span<std::byte> to) {
  while (!to.empty()) {
    const std::size_t n = take(to);
    if (n == 0) fail(path_, cat("ends after ", done_, " bytes"));
    to = to.subspan(n);
  }
}

void GzipFile::expect_end() {
  std::byte more[1];
  if (take(more) != 0)
    fail(path_, cat("has more than the ", done_ - 1, " bytes that belong in it"));
}

#endif

}  // namespace glassbox::datasets
