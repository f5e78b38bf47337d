#include "datasets/cifar10.h"

#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/io/file.h"

namespace glassbox::datasets {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view advice =
    "; unpack cifar-10-binary.tar.gz there, or use the synthetic set";

// Why the error code: a path that cannot be looked at (too long, a loop) is one without the file.
bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

fs::path find_folder(const std::string& root) {
  const fs::path inner = fs::path(root) / "cifar-10-batches-bin";
  for (const fs::path& folder : {fs::path(root), inner}) {
    if (is_there(folder / "data_batch_1.bin") || is_there(folder / "test_batch.bin")) return folder;
  }
  fail("CIFAR10",
       cat("no data_batch_1.bin in ", root.empty() ? "." : root, " or ", inner.string(), advice));
}

// Checks the size before any memory is taken, then reads records [0, 10,000) into place.
void read_batch(const fs::path& path, std::uint8_t* images, std::int64_t* labels) {
  constexpr std::int64_t n = CIFAR10::records_per_file, bytes = CIFAR10::record_bytes;
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) fail(path.string(), "cannot read: " + error.message());
  if (size != static_cast<std::uintmax_t>(n * bytes)) {
    fail(path.string(), cat("has ", size, " bytes; a CIFAR-10 batch has ", n * bytes,
                            size < static_cast<std::uintmax_t>(n * bytes) ? " (truncated?)" : ""));
  }
  const std::string data = io::read_file(path.string(), static_cast<std::size_t>(n * bytes));
  for (std::int64_t i = 0; i < n; ++i) {
    const char* record = data.data() + i * bytes;
    const auto label = static_cast<std::uint8_t>(record[0]);
    if (label >= 10)
      fail(path.string(), cat("record ", i, " has the label ", int(label), "; labels are 0 to 9"));
    labels[i] = label;
    std::memcpy(images + i * (bytes - 1), record + 1, static_cast<std::size_t>(bytes - 1));
  }
}

std::vector<std::string> read_classes(const fs::path& folder) {
  static const std::vector<std::string> article{"plane", "car",  "bird",  "cat",  "deer",
                                                "dog",   "frog", "horse", "ship", "truck"};
  std::ifstream file(folder / "batches.meta.txt");
  std::vector<std::string> classes;
  for (std::string line; classes.size() < 10 && std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) classes.push_back(line.substr(0, 64));
  }
  const bool official = classes.empty() || classes.front() == "airplane";
  return official || classes.size() != 10 ? article : classes;
}

}  // namespace

CIFAR10::CIFAR10(const std::string& root, const CIFAR10Options& options) {
  const fs::path folder = find_folder(root);
  std::vector<std::string> files{"test_batch.bin"};
  if (options.train) {
    files.clear();
    for (int i = 1; i <= 5; ++i) files.push_back(cat("data_batch_", i, ".bin"));
  }
  std::string missing;
  for (const std::string& file : files) {
    if (!is_there(folder / file)) missing += (missing.empty() ? "" : ", ") + file;
  }
  if (!missing.empty()) fail("CIFAR10", cat(folder.string(), " lacks ", missing, advice));

  const std::int64_t n = static_cast<std::int64_t>(files.size()) * records_per_file;
  images = empty({n, 3, 32, 32}, DType::u8, Device::cpu());
  labels = empty({n}, DType::i64, Device::cpu());
  std::uint8_t* image = images.mutable_data<std::uint8_t>().data();
  std::int64_t* label = labels.mutable_data<std::int64_t>().data();
  for (const std::string& file : files) {
    read_batch(folder / file, image, label);
    image += records_per_file * (record_bytes - 1);
    label += records_per_file;
  }
  classes = read_classes(folder);
  transform = options.transform;
}

}  // namespace glassbox::datasets
