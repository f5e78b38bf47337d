#include "datasets/image_folder.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "engine/core/threads.h"
#include "engine/io/file.h"

namespace glassbox::datasets {

namespace fs = std::filesystem;

namespace {

bool has_image_suffix(const fs::path& path) {
  std::string suffix = path.extension().string();
  for (char& c : suffix) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  // torchvision's list
  for (const char* known :
       {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"})
    if (suffix == known) return true;
  return false;
}

ImageFormat format_of(const std::string& path) {
  const io::InputFile file(path);
  char begin[8];
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), sizeof begin));
  file.read(0, std::as_writable_bytes(std::span(begin, n)));
  return image_format({begin, n});
}

// Why a file that ought to be an image is not one: the decoder knows.
std::string reason_of(const std::string& path, const ImageOptions& options) {
  try {
    read_image(path, options);
  } catch (const Error& error) {
    return error.what();
  }
  return path + ": has changed while it was read";
}

void check_build(const std::string& path, ImageFormat format) {
  const bool png = format == ImageFormat::png;
  if (png ? can_use_png() : can_read_jpeg()) return;
  fail(path,
       cat("is a ", png ? "PNG" : "JPEG", " image, and this build has no ",
           png ? "libpng (package libpng-dev" : "libjpeg (package libjpeg-dev", " turns it on)"));
}

// Without the file's name in front, which stands in the list beside it.
std::string without_path(const std::string& text, const std::string& path) {
  return text.starts_with(path + ": ") ? text.substr(path.size() + 2) : text;
}

}  // namespace

ImageFolder::ImageFolder(const std::string& root, const ImageFolderOptions& options)
    : root_(root), options_(options) {
  if ((options.size.h < 1 || options.size.w < 1) && options.size != Pair(0))
    fail("ImageFolder", cat("size ", to_string(options.size), " must be at least 1"));
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    const std::string name = entry.path().filename().string();
    std::error_code ignored;
    if (entry.is_directory(ignored) && !name.starts_with('.')) classes_.push_back(name);
  }
  if (error) fail(root, "cannot be listed: " + error.message());
  if (classes_.empty()) fail(root, "has no class folders; ImageFolder reads root/CLASS/image.png");
  std::sort(classes_.begin(), classes_.end());
  std::string without;
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    const std::size_t before = paths_.size() + unreadable_.size();
    list_class((fs::path(root) / classes_[i]).string(), static_cast<std::int64_t>(i));
    if (paths_.size() + unreadable_.size() == before)
      without += (without.empty() ? "" : ", ") + classes_[i];
  }
  if (!without.empty()) fail(root, "has class folders without a PNG or JPEG file: " + without);
}

void ImageFolder::list_class(const std::string& folder, std::int64_t label) {
  std::vector<fs::path> files;
  std::error_code error;
  // Why links to folders are not followed: they can lead in a circle.
  fs::recursive_directory_iterator at(folder, error), end;
  for (; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (at->is_regular_file(ignored)) files.push_back(at->path());
    // A link that leads nowhere is an image that is missing.
    else if (at->is_symlink(ignored) && !fs::exists(at->path(), ignored))
      files.push_back(at->path());
  }
  if (error) fail(folder, "cannot be listed: " + error.message());
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    const auto key = [](const fs::path& p) {
      return std::pair(p.parent_path().native(), p.filename().native());
    };
    return key(a) < key(b);
  });
  for (const fs::path& file : files) {
    const std::string path = file.string();
    std::optional<ImageFormat> format;
    try {
      format = format_of(path);
    } catch (const Error& e) {
      if (has_image_suffix(file)) leave_out(path, e.what());
      continue;
    }
    if (format != ImageFormat::unknown) {
      check_build(path, *format);
      paths_.push_back(path);
      labels_.push_back(label);
    } else if (has_image_suffix(file)) {
      leave_out(path, reason_of(path, options_.image));
    }
  }
}

void ImageFolder::leave_out(const std::string& path, const std::string& reason) {
  if (options_.unreadable == Unreadable::fail) throw Error(reason);
  unreadable_.push_back({path, without_path(reason, path)});
}

Tensor ImageFolder::decode(std::int64_t i) const {
  if (i < 0 || i >= size()) fail("ImageFolder", cat("item ", i, " of ", size(), " does not exist"));
  Tensor image = read_image(paths_[static_cast<std::size_t>(i)], options_.image);
  if (options_.size != Pair(0)) {
    image = options_.fit == Fit::crop ? resize_and_crop(image, options_.size)
                                      : resize(image, options_.size);
  }
  return options_.grey ? to_grey(image) : image;
}

ImageFolder ImageFolder::select(std::span<const std::int64_t> items) const {
  ImageFolder part = *this;
  part.paths_.clear();
  part.labels_.clear();
  part.unreadable_.clear();
  for (const std::int64_t i : items) {
    if (i < 0 || i >= size()) {
      fail("ImageFolder", cat("item ", i, " of ", size(), " does not exist"));
    }
    part.paths_.push_back(paths_[static_cast<std::size_t>(i)]);
    part.labels_.push_back(labels_[static_cast<std::size_t>(i)]);
  }
  return part;
}

Batch ImageFolder::batch(std::span<const std::int64_t> indices, const Draw& draw) const {
  const Shape shape{static_cast<std::int64_t>(indices.size())};
  std::vector<std::int64_t> labels, places;
  Tensor images;
  for (const std::int64_t i : indices) {
    const Tensor image = decode(i);
    const auto place = static_cast<std::int64_t>(places.size());
    if (!images.defined()) {
      images =
          empty({shape[0], image.size(0), image.size(1), image.size(2)}, DType::u8, Device::cpu());
    } else if (image.shape() != images[0].shape()) {
      fail(paths_[static_cast<std::size_t>(i)],
           cat("is ", image.shape(), ", others of the batch ", images[0].shape(), "; set size"));
    }
    const std::size_t bytes = image.spec().bytes();
    std::memcpy(images.raw() + static_cast<std::size_t>(place) * bytes, image.raw(), bytes);
    labels.push_back(labels_[static_cast<std::size_t>(i)]);
    places.push_back(place);
  }
  if (!images.defined()) fail("ImageFolder", "a batch of no images has no size");
  const Tensor counter =
      from({static_cast<std::int64_t>(draw.seed), draw.epoch}, {2}, Device::cpu());
  return {augment(images, from(places, shape, Device::cpu()), counter, options_.transform.lower(),
                  from(indices, shape, Device::cpu())),
          from(labels, shape, Device::cpu())};
}

// The size of all images, which is that of the first one that can be read when none is set.
Pair ImageFolder::common_size() const {
  if (options_.size != Pair(0)) return options_.size;
  for (std::int64_t i = 0; i < size(); ++i) {
    try {
      const Tensor image = decode(i);
      return {static_cast<int>(image.size(1)), static_cast<int>(image.size(2))};
    } catch (const Error&) {
      continue;  // will be told below
    }
  }
  return 0;
}

// All images, or nothing when they are not kept. Drops the unreadable ones.
Tensor ImageFolder::decode_all(bool keep) {
  const std::int64_t n = size();
  const Pair common = keep ? common_size() : Pair(0);
  const std::int64_t channels = options_.grey ? 1 : 3;
  const std::int64_t bytes = channels * common.h * common.w;
  Tensor images;
  if (keep) images = empty({n, channels, common.h, common.w}, DType::u8, Device::cpu());
  std::vector<std::string> reasons(static_cast<std::size_t>(n));
  const auto decode_one = [&](std::int64_t i) {
    try {
      const Tensor image = decode(i);
      if (!keep) return;
      if (image.size(1) != common.h || image.size(2) != common.w) {
        fail(paths_[static_cast<std::size_t>(i)],
             cat("is ", image.size(1), "x", image.size(2), ", the first image ", to_string(common),
                 "; set size"));
      }
      std::memcpy(images.raw() + i * bytes, image.raw(), static_cast<std::size_t>(bytes));
    } catch (const std::exception& error) {
      reasons[static_cast<std::size_t>(i)] = error.what();
    }
  };
  std::atomic<std::int64_t> next{0};
  const auto work = [&] {
    for (std::int64_t i = next++; i < n; i = next++) decode_one(i);
  };
  std::vector<std::thread> threads;
  for (int t = 1; t < num_threads(); ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();

  std::int64_t kept = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto from = static_cast<std::size_t>(i), to = static_cast<std::size_t>(kept);
    if (!reasons[from].empty()) {
      leave_out(paths_[from], reasons[from]);
      continue;
    }
    if (kept != i) {
      paths_[to] = std::move(paths_[from]);
      labels_[to] = labels_[from];
      if (keep)
        std::memcpy(images.raw() + kept * bytes, images.raw() + i * bytes,
                    static_cast<std::size_t>(bytes));
    }
    ++kept;
  }
  paths_.resize(static_cast<std::size_t>(kept));
  labels_.resize(static_cast<std::size_t>(kept));
  if (!keep || kept == n) return images;
  // The same memory without the end.
  Spec spec = images.spec();
  spec.shape[0] = kept;
  return Tensor(std::make_shared<TensorImpl>(spec, 0, images.storage()));
}

void ImageFolder::check() {
  decode_all(false);
  print_report();
}

ImageDataset ImageFolder::load() {
  ImageDataset set;
  set.images = decode_all(true);
  print_report();
  if (paths_.empty()) fail(root_, "has no image that can be read\n" + report());
  set.labels = from(labels_, {size()}, Device::cpu());
  set.classes = classes_;
  set.transform = options_.transform;
  return set;
}

void ImageFolder::print_report() const {
  if (!unreadable_.empty() && !options_.quiet) std::fprintf(stderr, "%s\n", report().c_str());
}

std::string ImageFolder::report(std::size_t most) const {
  if (unreadable_.empty()) return {};
  const std::size_t all = unreadable_.size() + paths_.size();
  std::string text = cat(unreadable_.size(), " of ", all, " images in ", root_,
                         " cannot be read and are left out:");
  for (std::size_t i = 0; i < std::min(most, unreadable_.size()); ++i)
    text += cat("\n  ", unreadable_[i].path, ": ", unreadable_[i].reason);
  if (unreadable_.size() > most) text += cat("\n  and ", unreadable_.size() - most, " more");
  return text;
}

}  // namespace glassbox::datasets
