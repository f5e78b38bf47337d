#include "datasets/synthetic.h"

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "datasets/cifar10.h"
#include "datasets/synthetic_image.h"
#include "engine/core/threads.h"
#include "engine/io/file.h"

namespace glassbox::datasets {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t per_file = CIFAR10::records_per_file, record = CIFAR10::record_bytes;
constexpr int files = 6, version = 1;  // the version rises when the images change

std::string file_name(int i) {
  return i < 5 ? cat("data_batch_", i + 1, ".bin") : "test_batch.bin";
}

// Names what is in the folder; written last, so a folder with it is whole.
std::string manifest(std::uint64_t seed) {
  return cat("Glassbox synthetic stand-in for CIFAR-10, version ", version, ", seed ", seed, "\n");
}

bool is_complete(const fs::path& folder, std::uint64_t seed) {
  std::ifstream file(folder / "synthetic.txt");
  std::string line;
  if (!std::getline(file, line) || line + "\n" != manifest(seed)) return false;
  for (int i = 0; i < files; ++i) {
    std::error_code error;
    if (fs::file_size(folder / file_name(i), error) != per_file * record || error) return false;
  }
  return true;
}

// One file's records, cut over the threads; each image is a function of (seed, index) alone.
std::string make_records(std::uint64_t seed, int file) {
  std::string data(static_cast<std::size_t>(per_file * record), '\0');
  const int workers = num_threads();
  std::vector<std::thread> threads;
  const auto work = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      auto* to = reinterpret_cast<std::uint8_t*>(data.data()) + i * record;
      const auto index = static_cast<std::uint64_t>(file * per_file + i);
      to[0] = synthetic_label(seed, index);
      synthetic_image(seed, index, to[0], to + 1);
    }
  };
  for (int t = 1; t < workers; ++t) {
    threads.emplace_back(work, per_file * t / workers, per_file * (t + 1) / workers);
  }
  work(0, per_file / workers);
  for (std::thread& thread : threads) thread.join();
  return data;
}

}  // namespace

std::string make_synthetic_cifar10(const SyntheticOptions& options) {
  const fs::path folder(options.folder);
  if (is_complete(folder, options.seed)) return options.folder;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(options.folder, "cannot make this folder: " + error.message());
  fs::remove(folder / "synthetic.txt", error);
  for (int i = 0; i < files; ++i) {
    if (options.progress) options.progress(i * per_file, files * per_file);
    io::write_file((folder / file_name(i)).string(), make_records(options.seed, i));
  }
  std::string names;
  for (const std::string_view name : synthetic_class_names()) names += std::string(name) + "\n";
  io::write_file((folder / "batches.meta.txt").string(), names);
  io::write_file((folder / "synthetic.txt").string(), manifest(options.seed));
  if (options.progress) options.progress(files * per_file, files * per_file);
  return options.folder;
}

}  // namespace glassbox::datasets
