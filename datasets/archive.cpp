#include "datasets/archive.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "engine/core/error.h"
#include "engine/io/file.h"

#ifdef GLASSBOX_HAS_LIBARCHIVE
#include <archive.h>
#include <archive_entry.h>
#endif

namespace glassbox::datasets {

namespace fs = std::filesystem;

#ifndef GLASSBOX_HAS_LIBARCHIVE

bool can_read_archives() { return false; }

void read_archive(const std::string& archive, const std::function<void(ArchiveFile&)>&,
                  const ArchiveLimits&) {
  fail(archive,
       "this build has no libarchive (package libarchive-dev turns it on); unpack it by "
       "hand: tar -xzf");
}

#else

namespace {

struct Free {
  void operator()(::archive* a) const { archive_read_free(a); }
};

// Without "./" and doubled slashes; nothing for a path that leads out of the folder.
std::optional<std::string> clean_path(const char* name) {
  if (!name || !*name || *name == '/') return std::nullopt;
  fs::path clean;
  for (const fs::path& part : fs::path(name)) {
    if (part == "..") return std::nullopt;
    if (!part.empty() && part != ".") clean /= part;
  }
  return clean.string();
}

class Reader {
 public:
  Reader(const std::string& path, const ArchiveLimits& limits) : path_(path), limits_(limits) {
    const io::InputFile regular(path);  // why: its errors, and a pipe would block
    archive_.reset(archive_read_new());
    if (!archive_) fail(path_, "libarchive cannot be started");
    archive_read_support_format_tar(archive_.get());
    archive_read_support_filter_gzip(archive_.get());
    if (archive_read_open_filename(archive_.get(), path.c_str(), 1 << 16) != ARCHIVE_OK) broken();
  }

  void run(const std::function<void(ArchiveFile&)>& use) {
    std::int64_t files = 0;
    std::set<std::string> seen;
    for (archive_entry* entry = nullptr;;) {
      const int code = archive_read_next_header(archive_.get(), &entry);
      if (code == ARCHIVE_EOF) break;
      if (code == ARCHIVE_RETRY) continue;
      // A warning is about times, owners and names, which are not used or checked below.
      if (code != ARCHIVE_OK && code != ARCHIVE_WARN) broken();
      const char* name = archive_entry_pathname(entry);
      const std::optional<std::string> path = clean_path(name);
      if (!path) refuse(name, "its path leads out of the folder");
      if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) == AE_IFLNK)
        refuse(name, "it is a link");
      if (archive_entry_filetype(entry) == AE_IFDIR) continue;
      if (archive_entry_filetype(entry) != AE_IFREG) refuse(name, "it is no regular file");
      if (++files > limits_.files) refuse(name, cat("more than ", limits_.files, " files"));
      if (path->empty() || !seen.insert(*path).second)
        refuse(name, "it comes twice or has no name");
      use_file(*path, archive_entry_size(entry), use);
    }
    if (files == 0) fail(path_, "holds no files; is it a .tar.gz archive?");
  }

 private:
  void use_file(const std::string& path, std::int64_t size,
                const std::function<void(ArchiveFile&)>& use) {
    if (size < 0 || size > limits_.file_bytes)
      refuse(path.c_str(), cat("it has ", size, " bytes; at most ", limits_.file_bytes));
    if (size > limits_.total_bytes - total_)
      refuse(path.c_str(), cat("all files have more than ", limits_.total_bytes, " bytes"));
    total_ += size;
    std::int64_t left = size;
    ArchiveFile file{path, size, [&](std::span<std::byte> to) {
                       while (!to.empty()) {
                         const la_ssize_t n =
                             archive_read_data(archive_.get(), to.data(), to.size());
                         if (n < 0) broken();
                         if (n == 0 || n > left) fail(path_, cat("ends within ", path));
                         left -= n;
                         to = to.subspan(static_cast<std::size_t>(n));
                       }
                     }};
    use(file);
  }

  [[noreturn]] void refuse(const char* name, const std::string& fact) const {
    fail(path_, cat("holds \"", std::string(name ? name : "").substr(0, 200),
                    "\", which is not "
                    "taken: ",
                    fact));
  }
  [[noreturn]] void broken() const {
    const char* reason = archive_error_string(archive_.get());
    fail(path_, cat("cannot be read as .tar.gz: ", reason ? reason : "damaged",
                    "; delete it and download it again"));
  }

  const std::string& path_;
  const ArchiveLimits& limits_;
  std::unique_ptr<::archive, Free> archive_;
  std::int64_t total_ = 0;
};

}  // namespace

bool can_read_archives() { return true; }

void read_archive(const std::string& archive, const std::function<void(ArchiveFile&)>& use,
                  const ArchiveLimits& limits) {
  Reader(archive, limits).run(use);
}

#endif

namespace {

// A folder that is removed unless it was renamed.
struct Temporary {
  fs::path path;
  ~Temporary() {
    std::error_code error;
    if (!path.empty()) fs::remove_all(path, error);
  }
};

void make_folder(const fs::path& path) {
  std::error_code error;
  if (!path.empty()) fs::create_directories(path, error);
  if (error) fail(path.string(), "cannot make this folder: " + error.message());
}

}  // namespace

std::vector<std::string> extract_archive(const std::string& archive, const std::string& folder,
                                         const ArchiveLimits& limits) {
  std::error_code error;
  if (fs::exists(folder, error)) fail(folder, "is there already, and is not written over");
  const fs::path target = fs::path(folder).lexically_normal();
  make_folder(target.parent_path());
  Temporary temporary{target.string() + ".tmp" + std::to_string(::getpid())};
  fs::remove_all(temporary.path, error);
  if (!fs::create_directory(temporary.path, error))
    fail(temporary.path.string(), "cannot make this folder: " + error.message());

  std::vector<std::string> paths;
  std::vector<std::byte> buffer(std::size_t(1) << 20);
  read_archive(
      archive,
      [&](ArchiveFile& file) {
        const fs::path to = temporary.path / file.path;
        make_folder(to.parent_path());
        io::AtomicFile out(to.string());
        for (std::int64_t left = file.size; left > 0;) {
          const auto piece = std::span(buffer).first(
              static_cast<std::size_t>(std::min<std::int64_t>(left, std::ssize(buffer))));
          file.read(piece);
          out.write(piece);
          left -= std::ssize(piece);
        }
        out.commit();
        paths.push_back(file.path);
      },
      limits);
  fs::rename(temporary.path, target, error);
  if (error) fail(folder, "cannot rename the extracted folder to it: " + error.message());
  temporary.path.clear();
  return paths;
}

}  // namespace glassbox::datasets
