// Reading .tar.gz archives and .gz files, which may hold anything: paths that lead elsewhere,
// links, sizes that fill the disk. Archives need libarchive at build time, .gz files zlib.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace glassbox::datasets {

struct ArchiveLimits {
  std::int64_t file_bytes = std::int64_t(4) << 30;
  std::int64_t total_bytes = std::int64_t(16) << 30;
  std::int64_t files = 1'000'000;
};

// A regular file of an archive while it is being read.
struct ArchiveFile {
  std::string path;  // relative, without ".." and "."
  std::int64_t size = 0;
  // Fills the span with the bytes that come next. Throws Error when there are fewer.
  std::function<void(std::span<std::byte>)> read;
};

// Calls `use` with each regular file of the archive, in its order. Throws Error, which names the
// archive and the entry, for what is no .tar.gz, is cut off or damaged, for a path that is absolute
// or has "..", for links and devices, and above the limits.
void read_archive(const std::string& archive, const std::function<void(ArchiveFile&)>& use,
                  const ArchiveLimits& limits = {});

// Extracts the archive into `folder`, which must not exist yet: all of it or nothing, through a
// temporary folder beside it. Returns the files' paths, relative to `folder`.
std::vector<std::string> extract_archive(const std::string& archive, const std::string& folder,
                                         const ArchiveLimits& limits = {});

// A .gz file from its beginning to its end.
class GzipFile {
 public:
  explicit GzipFile(std::string path);
  ~GzipFile();
  GzipFile(const GzipFile&) = delete;
  GzipFile& operator=(const GzipFile&) = delete;
  const std::string& path() const { return path_; }
  // No more than this can come out: deflate packs at most 1032 to 1.
  std::int64_t most() const { return most_; }
  // Throws Error when there are fewer bytes or they are damaged.
  void read(std::span<std::byte> to);
  // Throws Error when there is more, or the file's own checksum is wrong.
  void expect_end();

 private:
  std::size_t take(std::span<std::byte> to);
  std::string path_;
  [[maybe_unused]] void* handle_ = nullptr;
  [[maybe_unused]] std::int64_t most_ = 0, done_ = 0;
};

// Whether this build can.
bool can_read_archives();
bool can_read_gzip();

}  // namespace glassbox::datasets
