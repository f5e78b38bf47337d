// The synthetic images, pinned to the byte, and the files that are made of them.
#include "datasets/synthetic.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "datasets/cifar10.h"
#include "datasets/synthetic_image.h"
#include "engine/core/threads.h"
#include "tests/temp_folder.h"

namespace glassbox::datasets {
namespace {

namespace fs = std::filesystem;
using test::read_bytes;
using test::TempFolder;
using test::write_bytes;

using Image = std::array<std::uint8_t, 3072>;

Image image_of(std::uint64_t seed, std::uint64_t index, std::uint8_t label) {
  Image image{};
  synthetic_image(seed, index, label, image.data());
  return image;
}

// FNV-1a of the records of indices 0 to 99, as the files hold them.
std::uint64_t hash_of(std::uint64_t seed) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (std::uint64_t index = 0; index < 100; ++index) {
    const std::uint8_t label = synthetic_label(seed, index);
    add(label);
    for (const std::uint8_t byte : image_of(seed, index, label)) add(byte);
  }
  return hash;
}

std::vector<int> first_labels(std::uint64_t seed) {
  std::vector<int> labels;
  for (std::uint64_t index = 0; index < 10; ++index) labels.push_back(synthetic_label(seed, index));
  return labels;
}

// If these change, every accuracy that was ever reported on the set is of another set: raise the
// version in synthetic.cpp.
TEST_CASE("synthetic images are the same bytes everywhere") {
  CHECK(hash_of(0) == 0x5daf1086fb7b2291);
  CHECK(first_labels(0) == std::vector<int>{6, 0, 2, 8, 9, 4, 5, 1, 7, 3});
  CHECK(hash_of(7) == 0x68f2e9447533342e);
  CHECK(first_labels(7) == std::vector<int>{0, 7, 3, 8, 1, 5, 9, 2, 4, 6});
}

TEST_CASE("every ten synthetic images from a multiple of ten hold each class once") {
  for (const std::uint64_t seed : {std::uint64_t(0), std::uint64_t(1), ~std::uint64_t(0)}) {
    for (std::uint64_t ten = 0; ten < 6000; ++ten) {
      int seen = 0;
      for (std::uint64_t i = 0; i < 10; ++i) seen |= 1 << synthetic_label(seed, 10 * ten + i);
      REQUIRE(seen == 1023);
    }
  }
}

TEST_CASE("a synthetic image depends on its seed, index and label, and on nothing else") {
  const Image image = image_of(3, 5, 2);
  CHECK(image_of(3, 6, 2) != image);
  CHECK(image_of(4, 5, 2) != image);
  CHECK(image_of(3, 5, 1) != image);
  CHECK(image_of(3, 5, 2) == image);
}

TEST_CASE("synthetic classes have ten names, and no eleventh") {
  const auto& names = synthetic_class_names();
  CHECK(std::set<std::string_view>(names.begin(), names.end()).size() == 10);
  CHECK_THROWS_WITH_AS(image_of(0, 0, 10),
                       "synthetic_image: label 10 is above 9: there are 10 classes", Error);
}

struct Stop {};  // what a progress callback throws to interrupt the making

constexpr const char* manifest0 = "Glassbox synthetic stand-in for CIFAR-10, version 1, seed 0\n";
std::string batch_name(int i) {
  return i < 5 ? "data_batch_" + std::to_string(i + 1) + ".bin" : "test_batch.bin";
}

// A folder as if made with seed 0; the files are holes that take no room on disk.
void make_stub(const TempFolder& folder) {
  for (int i = 0; i < 6; ++i) {
    write_bytes(folder / batch_name(i), "");
    fs::resize_file(folder / batch_name(i), CIFAR10::records_per_file * CIFAR10::record_bytes);
  }
  write_bytes(folder / "synthetic.txt", manifest0);
}

// Whether files would be made; they are not.
bool is_remade(const TempFolder& folder, std::uint64_t seed = 0) {
  try {
    make_synthetic_cifar10({folder.path(), seed, [](std::int64_t, std::int64_t) { throw Stop(); }});
  } catch (const Stop&) {
    return true;
  }
  return false;
}

TEST_CASE("a synthetic set is made again exactly when it is not whole or of another seed") {
  const TempFolder folder;
  make_stub(folder);
  CHECK_FALSE(is_remade(folder));
  SUBCASE("another seed") { CHECK(is_remade(folder, 1)); }
  SUBCASE("a truncated file") {
    fs::resize_file(folder / "test_batch.bin", 30'729'999);
    CHECK(is_remade(folder));
  }
  SUBCASE("a file that is too long") {
    fs::resize_file(folder / "data_batch_3.bin", 30'730'001);
    CHECK(is_remade(folder));
  }
  SUBCASE("a missing file") {
    fs::remove(folder / "data_batch_1.bin");
    CHECK(is_remade(folder));
  }
  SUBCASE("a folder in a file's place") {
    fs::remove(folder / "data_batch_1.bin");
    fs::create_directory(folder / "data_batch_1.bin");
    CHECK(is_remade(folder));
  }
  SUBCASE("images of an older version") {
    write_bytes(folder / "synthetic.txt",
                "Glassbox synthetic stand-in for CIFAR-10, version 0, seed 0\n");
    CHECK(is_remade(folder));
  }
  SUBCASE("the making was interrupted") {
    CHECK(is_remade(folder, 1));
    CHECK_FALSE(fs::exists(folder / "synthetic.txt"));
    CHECK(is_remade(folder, 0));  // although all sizes are right
  }
}

TEST_CASE("a synthetic set that cannot be written says so") {
  const TempFolder folder;
  write_bytes(folder / "file", "");
  CHECK_THROWS_WITH_AS(make_synthetic_cifar10({folder / "file/set"}),
                       (folder / "file/set: cannot make this folder: Not a directory").c_str(),
                       Error);
  CHECK_THROWS_WITH_AS(make_synthetic_cifar10({folder / "file"}),
                       doctest::Contains("cannot make this folder"), Error);
}

TEST_SUITE("slow") {
  TEST_CASE("a synthetic set is made, used again and made again") {
    const TempFolder folder;
    std::vector<std::int64_t> calls;
    const auto progress = [&](std::int64_t done, std::int64_t total) {
      CHECK(total == 60'000);
      calls.push_back(done);
    };
    {
      const NumThreadsScope threads(2);
      CHECK(make_synthetic_cifar10({folder.path(), 0, progress}) == folder.path());
    }
    REQUIRE(calls.size() > 1);
    CHECK(std::is_sorted(calls.begin(), calls.end()));
    CHECK(calls.front() == 0);
    CHECK(calls.back() == 60'000);
    CHECK(test::names_in(folder.path()) ==
          std::vector<std::string>{"batches.meta.txt", "data_batch_1.bin", "data_batch_2.bin",
                                   "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
                                   "synthetic.txt", "test_batch.bin"});
    CHECK(read_bytes(folder / "synthetic.txt") == manifest0);

    // Whole: every file has 1,000 of each class, and any image is where its index says.
    const CIFAR10 train(folder.path()), test(folder.path(), {.train = false});
    CHECK(train.classes.front() == "disc");
    for (int file = 0; file < 6; ++file) {
      const auto labels =
          file < 5 ? train.labels.data<std::int64_t>().subspan(std::size_t(file) * 10'000, 10'000)
                   : test.labels.data<std::int64_t>();
      std::map<std::int64_t, int> counts;
      for (const std::int64_t label : labels) ++counts[label];
      CHECK(counts.size() == 10);
      for (const auto& count : counts) CHECK(count.second == 1000);
    }
    for (const std::int64_t index :
         {0, 4'999, 5'000, 9'999, 10'000, 37'123, 49'999, 50'000, 59'999}) {
      CAPTURE(index);
      const bool in_train = index < 50'000;
      const auto at = static_cast<std::size_t>(in_train ? index : index - 50'000);
      const CIFAR10& set = in_train ? train : test;
      const auto i = static_cast<std::uint64_t>(index);
      const std::uint8_t label = synthetic_label(0, i);
      CHECK(set.labels.data<std::int64_t>()[at] == label);
      const Image want = image_of(0, i, label);
      CHECK(std::ranges::equal(set.images.data<std::uint8_t>().subspan(at * 3072, 3072), want));
    }

    // Used again: nothing is written.
    std::map<std::string, fs::file_time_type> times;
    for (const std::string& name : test::names_in(folder.path()))
      times[name] = fs::last_write_time(folder / name);
    calls.clear();
    make_synthetic_cifar10({folder.path(), 0, progress});
    CHECK(calls.empty());
    for (const auto& [name, time] : times) CHECK(fs::last_write_time(folder / name) == time);

    // Made again, on another number of threads: the same bytes.
    const std::string third = read_bytes(folder / "data_batch_3.bin"),
                      last = read_bytes(folder / "test_batch.bin");
    fs::resize_file(folder / "test_batch.bin", 5);
    write_bytes(folder / "data_batch_3.bin", "");
    const NumThreadsScope threads(3);
    make_synthetic_cifar10({folder.path(), 0, progress});
    CHECK(calls.size() > 1);
    CHECK(read_bytes(folder / "data_batch_3.bin") == third);
    CHECK(read_bytes(folder / "test_batch.bin") == last);
    CHECK(read_bytes(folder / "synthetic.txt") == manifest0);
  }
}

}  // namespace
}  // namespace glassbox::datasets
