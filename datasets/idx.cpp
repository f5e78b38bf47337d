#include "datasets/idx.h"

#include <array>
#include <filesystem>
#include <memory>
#include <span>

#include "datasets/archive.h"
#include "datasets/fetch.h"
#include "engine/io/file.h"

namespace glassbox::datasets {

namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t images_magic = 0x803, labels_magic = 0x801;  // bytes in 3 and 1 dimensions
constexpr std::int64_t side = 28, classes = 10, most_images = 10'000'000;

// A file from its beginning, packed or not.
class Source {
 public:
  explicit Source(const std::string& path) : path_(path) {
    if (path.ends_with(".gz")) {
      packed_ = std::make_unique<GzipFile>(path);
    } else {
      plain_ = std::make_unique<io::InputFile>(path);
    }
  }
  const std::string& path() const { return path_; }
  // The file has or can hold at most so many bytes.
  std::int64_t most() const {
    return packed_ ? packed_->most() : static_cast<std::int64_t>(plain_->size());
  }
  void read(std::span<std::byte> to) {
    if (packed_) return packed_->read(to);
    plain_->read(at_, to);
    at_ += to.size();
  }
  void expect_end() {
    if (packed_) return packed_->expect_end();
    if (at_ != plain_->size())
      fail(path_, cat("has ", plain_->size(), " bytes; its header says ", at_));
  }

 private:
  std::string path_;
  std::unique_ptr<GzipFile> packed_;
  std::unique_ptr<io::InputFile> plain_;
  std::uint64_t at_ = 0;
};

// The sizes, after a magic number that must be this one.
template <std::size_t n>
std::array<std::int64_t, n> read_header(Source& file, std::uint32_t magic) {
  std::array<std::byte, 4 * (n + 1)> bytes;
  if (file.most() < std::ssize(bytes)) fail(file.path(), "is too short for an IDX file");
  file.read(bytes);
  const auto number = [&](std::size_t i) {
    std::uint32_t value = 0;
    for (std::size_t k = 0; k < 4; ++k)
      value = value << 8 | std::to_integer<std::uint32_t>(bytes[4 * i + k]);
    return value;
  };
  if (number(0) != magic) {
    fail(file.path(), cat("begins with the number ", number(0), "; an IDX file of ",
                          n == 3 ? "images" : "labels", " begins with ", magic));
  }
  std::array<std::int64_t, n> sizes;
  for (std::size_t i = 0; i < n; ++i) sizes[i] = number(i + 1);
  return sizes;
}

// Before memory is taken.
void check_room(const Source& file, std::int64_t count, std::int64_t each, std::size_t header) {
  if (count > most_images)
    fail(file.path(), cat("says that it has ", count, " items; at most ", most_images));
  const std::int64_t bytes = static_cast<std::int64_t>(header) + count * each;
  if (bytes > file.most()) {
    fail(file.path(), cat("says that it has ", count, " items, which are ", bytes,
                          " bytes; it can hold ", file.most(), " at most (truncated?)"));
  }
}

Tensor read_images(const std::string& path) {
  Source file(path);
  const std::array<std::int64_t, 3> sizes = read_header<3>(file, images_magic);
  if (sizes[1] != side || sizes[2] != side)
    fail(path, cat("has images of ", sizes[1], "x", sizes[2], "; MNIST's are 28x28"));
  check_room(file, sizes[0], side * side, 16);
  Tensor images = empty({sizes[0], 1, side, side}, DType::u8, Device::cpu());
  file.read(std::as_writable_bytes(images.mutable_data<std::uint8_t>()));
  file.expect_end();
  return images;
}

Tensor read_labels(const std::string& path) {
  Source file(path);
  const std::int64_t n = read_header<1>(file, labels_magic)[0];
  check_room(file, n, 1, 8);
  std::vector<std::byte> bytes(static_cast<std::size_t>(n));
  file.read(bytes);
  file.expect_end();
  Tensor labels = empty({n}, DType::i64, Device::cpu());
  const auto to = labels.mutable_data<std::int64_t>();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    to[i] = std::to_integer<std::int64_t>(bytes[i]);
    if (to[i] >= classes)
      fail(path, cat("item ", i, " has the label ", to[i], "; labels are 0 to 9"));
  }
  return labels;
}

// The file where it is, unpacked or packed; `packed_only`: the one that was verified.
std::string find(const IdxFormat& format, const std::string& root, const std::string& name,
                 bool packed_only) {
  std::string places;
  for (const std::string& place : format.places) {
    const fs::path folder = fs::path(root) / place;
    std::error_code error;
    if (!packed_only && fs::is_regular_file(folder / name, error)) return (folder / name).string();
    if (fs::is_regular_file(folder / (name + ".gz"), error))
      return (folder / (name + ".gz")).string();
    const std::string shown = folder.lexically_normal().string();
    places += (places.empty() ? "" : " or ") + (shown.empty() ? "." : shown);
  }
  fail(format.what,
       cat("no ", name, " or ", name, ".gz in ", places, "; put it there, or set download"));
}

void download_idx(const IdxFormat& format, const std::string& folder, const MNISTOptions& options) {
  if (!can_read_gzip()) {
    fail(format.what,
         "download needs zlib, which this build lacks (package zlib1g-dev turns it on)");
  }
  const std::vector<std::string> bases = base_urls(options.url, format.mirror, format.official);
  bool all_here = true;
  for (const IdxFile* file :
       {&format.train_images, &format.train_labels, &format.test_images, &format.test_labels}) {
    all_here &= fetch(bases, folder, file->name + ".gz", file->md5, options.fetch);
  }
  if (all_here) note(options.fetch, "Files already downloaded and verified");
}

}  // namespace

void load_idx(const IdxFormat& format, const std::string& root, const MNISTOptions& options,
              ImageDataset& set) {
  std::string from = root;
  IdxFormat where = format;
  if (options.download) {
    from = (fs::path(root) / format.places.back()).string();
    where.places = {""};
    download_idx(format, from, options);
  }
  const auto path = [&](const IdxFile& file) {
    return find(where, from, file.name, options.download);
  };
  const std::string images = path(options.train ? format.train_images : format.test_images);
  const std::string labels = path(options.train ? format.train_labels : format.test_labels);
  set.images = read_images(images);
  set.labels = read_labels(labels);
  if (set.images.size(0) != set.labels.size(0)) {
    fail(labels, cat("has ", set.labels.size(0), " labels for the ", set.images.size(0),
                     " images of ", images));
  }
  set.classes = format.classes;
  set.transform = options.transform;
}

}  // namespace glassbox::datasets
