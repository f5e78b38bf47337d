#include "datasets/cifar_download.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "datasets/archive.h"
#include "datasets/fetch.h"
#include "datasets/md5.h"
#include "engine/io/file.h"

namespace glassbox::datasets {

namespace fs = std::filesystem;

namespace {

constexpr const char* list_name = "checksums.md5";  // in md5sum's format

// Why the error code: a path that cannot be looked at (too long, a loop) is one without the file.
bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::string first_name(const CifarFormat& format) { return format.files.front().name; }

std::string list_head(const std::string& archive, const std::string& md5) {
  return cat("# of ", archive, ", whose md5 is ", md5, "\n");
}

// After extracting: "MD5  NAME" a line, so that `md5sum -c checksums.md5` checks them too.
void write_list(const fs::path& folder, const std::vector<std::string>& files,
                const CifarFormat& format, const std::string& md5) {
  std::string text = list_head(format.archive, md5);
  for (const std::string& file : files)
    text += md5_of_file((folder / file).string()) + "  " + file + "\n";
  io::write_file((folder / list_name).string(), text);
}

// Whether every file is what the archive with this md5 held.
bool is_verified(const fs::path& folder, const CifarFormat& format, const std::string& md5) {
  std::set<std::string> good;
  try {
    const std::string text = io::read_file((folder / list_name).string(), 1 << 16);
    const std::string head = list_head(format.archive, md5);
    if (!text.starts_with(head)) return false;
    std::istringstream lines(text.substr(head.size()));
    for (std::string sum, name; lines >> sum && std::getline(lines >> std::ws, name);) {
      if (md5_of_file((folder / name).string()) != sum) return false;
      good.insert(name);
    }
  } catch (const Error&) {
    return false;  // a file that is not there or cannot be read
  }
  return std::ranges::all_of(format.files,
                             [&](const CifarFile& file) { return good.contains(file.name); });
}

// Extracts beside `folder`, then moves what came into place.
void extract(const fs::path& archive, const fs::path& folder, const CifarFormat& format,
             const std::string& md5) {
  const fs::path fresh = folder.string() + ".new" + std::to_string(::getpid());
  std::error_code error;
  fs::remove_all(fresh, error);
  const struct Cleanup {
    const fs::path& path;
    ~Cleanup() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } cleanup{fresh};
  extract_archive(archive.string(), fresh.string());
  const fs::path inner = fresh / folder.filename();
  if (!is_there(inner / first_name(format))) {
    fail(archive.string(), cat("holds no ", (folder.filename() / first_name(format)).string(),
                               "; is it the binary version?"));
  }
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(inner)) {
    if (entry.is_regular_file())
      files.push_back(entry.path().lexically_relative(inner).generic_string());
  }
  std::sort(files.begin(), files.end());
  write_list(inner, files, format, md5);
  files.push_back(list_name);  // last, so that a list never speaks of files that are not there yet
  if (!is_there(folder)) {
    fs::rename(inner, folder, error);
    if (!error) return;
  }
  // Into a folder that is there: file by file, so that whatever else is in it stays.
  fs::remove(folder / list_name, error);
  for (const std::string& file : files) {
    fs::create_directories((folder / file).parent_path(), error);
    fs::rename(inner / file, folder / file, error);
    if (error) fail((folder / file).string(), "cannot be replaced: " + error.message());
  }
}

}  // namespace

std::string cifar_advice(const CifarFormat& format) {
  return cat("; put ", format.archive, " there or unpack it there, or set download",
             format.what == "CIFAR10" ? ", or use the synthetic set" : "");
}

fs::path find_cifar(const CifarFormat& format, const std::string& root, bool train) {
  std::error_code error;
  if (fs::is_regular_file(root, error)) return root;
  const fs::path inner = fs::path(root) / format.folder;
  const fs::path archive = fs::path(root) / format.archive;
  for (const fs::path& folder : {fs::path(root), inner}) {
    std::string missing;
    bool any = false;
    for (const CifarFile& file : format.files) {
      const bool there = is_there(folder / file.name);
      any |= there;
      if (file.train == train && !there) missing += (missing.empty() ? "" : ", ") + file.name;
    }
    if (!any) continue;
    if (missing.empty()) return folder;
    if (is_there(archive)) return archive;
    fail(format.what, cat(folder.string(), " lacks ", missing, cifar_advice(format)));
  }
  if (is_there(archive)) return archive;
  fail(format.what, cat("no ", first_name(format), " in ", root.empty() ? "." : root, " or ",
                        inner.string(), cifar_advice(format)));
}

fs::path download_cifar(const CifarFormat& format, const std::string& root,
                        const CifarSource& source) {
  const std::string md5 = source.fetch.md5.empty() ? format.md5 : source.fetch.md5;
  std::error_code error;
  const bool is_archive = fs::is_regular_file(root, error);
  const fs::path place = is_archive ? fs::path(root).parent_path() : fs::path(root);
  const fs::path folder = place / format.folder;
  const fs::path archive = is_archive ? fs::path(root) : place / format.archive;
  for (const fs::path& known : {folder, place}) {
    if (is_verified(known, format, md5)) {
      note(source.fetch, "Files already downloaded and verified");
      return known;
    }
  }
  if (!can_read_archives()) {
    fail(format.what,
         "download needs libarchive, which this build lacks (package libarchive-dev "
         "turns it on)" +
             cifar_advice(format));
  }
  const std::vector<std::string> bases =
      base_urls(source.url, "", {"https://www.cs.toronto.edu/~kriz/"});
  if (fetch(bases, archive.parent_path().string(), archive.filename().string(), md5, source.fetch))
    note(source.fetch, "Using downloaded and verified file: " + archive.string());
  extract(archive, folder, format, md5);
  return folder;
}

}  // namespace glassbox::datasets
