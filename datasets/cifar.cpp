#include "datasets/cifar.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <sstream>

#include "datasets/archive.h"
#include "datasets/cifar_download.h"
#include "engine/io/file.h"

namespace glassbox::datasets {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t image_bytes = 3072;
constexpr std::size_t names_limit = std::size_t(1) << 16;  // bytes of the class names' file

using Read = std::function<void(std::span<std::byte>)>;

// Takes files one by one, in any order, and puts their records where they belong.
class Loader {
 public:
  Loader(const CifarFormat& format, bool train, ImageDataset& set) : format_(format), set_(set) {
    std::int64_t n = 0;
    for (const CifarFile& file : format.files) {
      if (file.train != train) continue;
      wanted_.push_back({file, n});
      n += file.records;
    }
    set.images = empty({n, 3, 32, 32}, DType::u8, Device::cpu());
    set.labels = empty({n}, DType::i64, Device::cpu());
  }

  // `where` is what errors call the file.
  void take(const std::string& name, const std::string& where, std::uint64_t size,
            const Read& read) {
    if (name == format_.class_names) return take_names(size, read);
    for (Wanted& wanted : wanted_) {
      if (wanted.file.name != name || wanted.done) continue;
      const auto expected =
          static_cast<std::uint64_t>(wanted.file.records * format_.record_bytes());
      if (size != expected) {
        fail(where, cat("has ", size, " bytes; ", format_.noun, " has ", expected,
                        size < expected ? " (truncated?)" : ""));
      }
      take_records(wanted, where, read);
      wanted.done = true;
    }
  }

  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const Wanted& wanted : wanted_) result.push_back(wanted.file.name);
    return result;
  }
  std::string missing() const {
    std::string result;
    for (const Wanted& wanted : wanted_)
      if (!wanted.done) result += (result.empty() ? "" : ", ") + wanted.file.name;
    return result;
  }

 private:
  struct Wanted {
    CifarFile file;
    std::int64_t first;  // the set's index of its first image
    bool done = false;
  };

  void take_records(const Wanted& wanted, const std::string& where, const Read& read) {
    const std::int64_t bytes = format_.record_bytes();
    const auto skip = static_cast<std::int64_t>(format_.labels.size());
    std::byte* image = set_.images.raw() + wanted.first * image_bytes;
    std::int64_t* label = set_.labels.mutable_data<std::int64_t>().data() + wanted.first;
    const std::int64_t piece = std::min<std::int64_t>(wanted.file.records, 1000);
    buffer_.resize(static_cast<std::size_t>(piece * bytes));
    for (std::int64_t i = 0; i < wanted.file.records; ++i) {
      const std::int64_t at = i % piece;
      if (at == 0) {
        const std::int64_t left = std::min(piece, wanted.file.records - i);
        read(std::span(buffer_).first(static_cast<std::size_t>(left * bytes)));
      }
      const std::byte* record = buffer_.data() + at * bytes;
      for (std::int64_t k = 0; k < skip; ++k) {
        const int classes = format_.labels[static_cast<std::size_t>(k)];
        if (const int value = std::to_integer<int>(record[k]); value >= classes) {
          fail(where, cat("record ", i, " has the ", k + 1 < skip ? "coarse " : "", "label ", value,
                          "; labels are 0 to ", classes - 1));
        }
      }
      label[i] = std::to_integer<std::int64_t>(record[skip - 1]);
      std::memcpy(image + i * image_bytes, record + skip, static_cast<std::size_t>(image_bytes));
    }
  }

  void take_names(std::uint64_t size, const Read& read) {
    if (size > names_limit) return;  // no list of names; what is built in will do
    std::string text(static_cast<std::size_t>(size), '\0');
    read(std::as_writable_bytes(std::span(text)));
    std::istringstream lines(text);
    set_.classes.clear();
    for (std::string line; std::getline(lines, line);) {
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) set_.classes.push_back(line.substr(0, 64));
    }
  }

  const CifarFormat& format_;
  ImageDataset& set_;
  std::vector<Wanted> wanted_;
  std::vector<std::byte> buffer_;
};

void load_folder(const fs::path& folder, Loader& loader, const std::string& names) {
  const auto take = [&](const std::string& name) {
    const io::InputFile file((folder / name).string());
    std::uint64_t at = 0;
    loader.take(name, (folder / name).string(), file.size(), [&](std::span<std::byte> to) {
      file.read(at, to);
      at += to.size();
    });
  };
  for (const std::string& name : loader.names()) take(name);
  std::error_code error;
  if (fs::is_regular_file(folder / names, error)) take(names);
}

void load_archive(const fs::path& archive, Loader& loader) {
  const std::string path = archive.string();
  read_archive(path, [&](ArchiveFile& file) {
    const std::string name = fs::path(file.path).filename().string();
    loader.take(name, path + ": " + name, static_cast<std::uint64_t>(file.size), file.read);
  });
}

}  // namespace

void load_cifar(const CifarFormat& format, const std::string& root, const CifarSource& source,
                ImageDataset& set) {
  const fs::path place = source.download ? download_cifar(format, root, source)
                                         : find_cifar(format, root, source.train);
  Loader loader(format, source.train, set);
  std::error_code error;
  if (fs::is_directory(place, error)) {
    load_folder(place, loader, format.class_names);
  } else {
    load_archive(place, loader);
  }
  if (const std::string missing = loader.missing(); !missing.empty())
    fail(format.what, cat(place.string(), " lacks ", missing, cifar_advice(format)));
}

}  // namespace glassbox::datasets
