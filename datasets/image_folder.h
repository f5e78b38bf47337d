// ImageFolder: labelled PNG and JPEG files, one folder for each class:
//   root/cat/1.png  root/cat/more/2.jpg  root/dog/3.jpeg
// Classes are the folders' names in order. Files are known by their content: a suffix is neither
// needed nor believed. A DataLoader takes the folder itself, and decodes batch by batch in its
// workers, or load()'s images in memory: the batches are the same bits.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/image.h"

namespace glassbox::datasets {

enum class Fit {
  crop,     // the shorter side to size, then the middle: torchvision's Resize and CenterCrop
  stretch,  // both sides to size
};
enum class Unreadable { skip, fail };

struct ImageFolderOptions {
  Pair size = 0;  // of every image; 0: as the files are, which must then be of one size for load()
  Fit fit = Fit::crop;
  bool grey = false;  // one channel, by to_grey
  Unreadable unreadable = Unreadable::skip;
  bool quiet = false;  // check() and load() do not print what they leave out
  transforms::Compose transform = {};
  ImageOptions image = {};
};

struct UnreadableFile {
  std::string path, reason;
};

class ImageFolder {
 public:
  // Lists the files and looks at the first bytes of each. Files without an image's content are left
  // out silently, unless their suffix says that they are images: those are unreadable. Throws Error
  // when there are no class folders or one of them has no image; for PNG or JPEG files when this
  // build cannot read such; for the first unreadable file when they are to fail.
  explicit ImageFolder(const std::string& root, const ImageFolderOptions& options = {});

  std::int64_t size() const { return static_cast<std::int64_t>(paths_.size()); }
  const std::vector<std::string>& classes() const { return classes_; }
  // Item i's file and label. Sorted by class, folder and name. check() and load() drop items.
  const std::vector<std::string>& paths() const { return paths_; }
  const std::vector<std::int64_t>& labels() const { return labels_; }
  const transforms::Compose& transform() const { return options_.transform; }
  void set_transform(transforms::Compose transform) { options_.transform = std::move(transform); }

  // These items as a folder of their own, in this order. Throws Error for one that does not exist.
  ImageFolder select(std::span<const std::int64_t> items) const;

  // Item i as u8 [C,h,w], C being 3, or 1 when they are grey, read now. May be called from several
  // threads. Throws Error when the file cannot be read.
  Tensor decode(std::int64_t i) const;

  // The transformed images, read now, and their labels. Throws Error for a file that cannot be
  // read, and for images of different sizes.
  Batch batch(std::span<const std::int64_t> indices, const Draw& draw) const;

  // Decodes every image, and drops what is unreadable, so that decode() then has no surprises.
  // Prints report() to standard error.
  void check();
  // check(), and keeps the images: u8 [N,C,h,w], which take N*C*h*w bytes of memory. Decodes on
  // num_threads() threads; the result does not depend on their number.
  ImageDataset load();

  // What was left out so far, in order, and why.
  const std::vector<UnreadableFile>& unreadable() const { return unreadable_; }
  // "3 of 300 images cannot be read:" and the first few, a line each; empty when all can.
  std::string report(std::size_t most = 5) const;

 private:
  void list_class(const std::string& folder, std::int64_t label);
  void leave_out(const std::string& path, const std::string& reason);
  Pair common_size() const;
  Tensor decode_all(bool keep);
  void print_report() const;

  std::string root_;
  ImageFolderOptions options_;
  std::vector<std::string> classes_, paths_;
  std::vector<std::int64_t> labels_;
  std::vector<UnreadableFile> unreadable_;
};

}  // namespace glassbox::datasets
