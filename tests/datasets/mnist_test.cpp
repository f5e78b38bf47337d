// MNIST and Fashion-MNIST: IDX files that are right, that lie, and that come over HTTP.
#include "datasets/mnist.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <sstream>

#include "datasets/archive.h"
#include "datasets/idx.h"
#include "datasets/md5.h"
#include "tests/datasets/lying_server.h"
#include "tests/datasets/make_archive.h"
#include "tests/skip.h"
#include "tests/temp_folder.h"

namespace glassbox::datasets {
namespace {

namespace fs = std::filesystem;
using test::TempFolder;

constexpr const char* no_gzip = "this build has no zlib";

std::string big_endian(std::uint32_t value) {
  std::string text;
  for (int shift : {24, 16, 8, 0}) text += static_cast<char>(value >> shift);
  return text;
}

// n images whose bytes are all i.
std::string images(int n) {
  std::string bytes = big_endian(0x803) + big_endian(static_cast<std::uint32_t>(n)) +
                      big_endian(28) + big_endian(28);
  for (int i = 0; i < n; ++i) bytes += std::string(28 * 28, static_cast<char>(i));
  return bytes;
}
// n labels 0, 1, ... 9, 0, ...
std::string labels(int n) {
  std::string bytes = big_endian(0x801) + big_endian(static_cast<std::uint32_t>(n));
  for (int i = 0; i < n; ++i) bytes += static_cast<char>(i % 10);
  return bytes;
}

const std::string train_images = "train-images-idx3-ubyte",
                  train_labels = "train-labels-idx1-ubyte", test_images = "t10k-images-idx3-ubyte",
                  test_labels = "t10k-labels-idx1-ubyte";

// The four files, of 30 and 12 images; packed or not.
void make_mnist(const std::string& folder, bool packed) {
  fs::create_directories(folder);
  const auto write = [&](const std::string& name, const std::string& bytes) {
    test::write_bytes(folder + "/" + name + (packed ? ".gz" : ""),
                      packed ? test::gzip(bytes) : bytes);
  };
  write(train_images, images(30));
  write(train_labels, labels(30));
  write(test_images, images(12));
  write(test_labels, labels(12));
}

TEST_CASE("MNIST is read from each place that it may lie in") {
  const TempFolder folder;
  int made = 0;
  for (const std::string place : {"", "/raw", "/MNIST/raw"}) {
    for (const bool packed : {false, true}) {
      if (packed && !can_read_gzip()) continue;
      const std::string root = folder / std::to_string(made++);
      make_mnist(root + place, packed);
      const MNIST train(root), test(root, {.train = false});
      CHECK(train.images.shape() == Shape{30, 1, 28, 28});
      CHECK(train.images.dtype() == DType::u8);
      CHECK(train.labels.dtype() == DType::i64);
      CHECK(train.images[29][0][27][27].item<int>() == 29);
      CHECK(train.labels.data<std::int64_t>()[13] == 3);
      CHECK(test.size() == 12);
      REQUIRE(train.classes.size() == 10);
      CHECK(train.classes[7] == "7 - seven");
    }
  }
  make_mnist(folder / "f/FashionMNIST/raw", false);
  CHECK(FashionMNIST(folder / "f").classes[9] == "Ankle boot");
}

TEST_CASE("MNIST files that are missing are named, with where to put them") {
  const TempFolder folder;
  CHECK_THROWS_WITH_AS(
      MNIST(folder.path()),
      ("MNIST: no " + train_images + " or " + train_images + ".gz in " + folder.path() + "/ or " +
       folder / "raw or " + folder / "MNIST/raw; put it there, or set download")
          .c_str(),
      Error);
  make_mnist(folder.path(), false);
  fs::remove(folder / test_labels);
  CHECK_THROWS_WITH_AS(MNIST(folder.path(), {.train = false}),
                       doctest::Contains(("no " + test_labels).c_str()), Error);
}

TEST_CASE("an IDX file's header is checked before memory is taken") {
  const TempFolder folder;
  for (const bool packed : {false, true}) {
    if (packed && !can_read_gzip()) continue;
    CAPTURE(packed);
    const std::string suffix = packed ? ".gz" : "";
    const auto check = [&](const std::string& name, const std::string& bytes,
                           const std::string& fact) {
      for (const std::string other : {"", ".gz"}) {
        for (const std::string& file : {train_images, train_labels})
          fs::remove(folder / file + other);
      }
      make_mnist(folder.path(), packed);
      const std::string path = folder / name + suffix;
      test::write_bytes(path, packed ? test::gzip(bytes) : bytes);
      CHECK_THROWS_WITH_AS(MNIST(folder.path()), doctest::Contains((path + ": " + fact).c_str()),
                           Error);
    };
    const std::string whole = images(30), head = big_endian(0x803);
    check(train_images, labels(30),
          "begins with the number 2049; an IDX file of images begins with 2051");
    check(train_labels, whole,
          "begins with the number 2051; an IDX file of labels begins with 2049");
    check(train_images, head + big_endian(30) + big_endian(32) + big_endian(28),
          "has images of 32x28; MNIST's are 28x28");
    check(train_images, head + big_endian(0xffffffff) + big_endian(28) + big_endian(28),
          "says that it has 4294967295 items; at most 10000000");
    check(train_images, head + big_endian(9'999'999) + big_endian(28) + big_endian(28),
          "says that it has 9999999 items, which are 7839999232 bytes; it can hold");
    check(train_labels, big_endian(0x801) + big_endian(9'999'999),
          "says that it has 9999999 items, which are 10000007 bytes; it can hold");
    check(train_images, whole + "x",
          packed ? "has more than the 23536 bytes that belong in it"
                 : "has 23537 bytes; its header says 23536");
    check(train_images, whole.substr(0, whole.size() - 1),
          packed ? "ends after 23535 bytes" : "says that it has 30 items, which are 23536 bytes");
    check(train_images, "", packed ? "ends after 0 bytes" : "is too short for an IDX file");
    check(train_labels, labels(29), "has 29 labels for the 30 images of ");
    std::string wrong = labels(30);
    wrong[8 + 17] = 10;
    check(train_labels, wrong, "item 17 has the label 10; labels are 0 to 9");
  }
}

TEST_CASE("MNIST downloads what is missing, from the first place that has it") {
  if (!can_read_gzip() || !can_download()) return test::skip("needs libcurl and zlib");
  const TempFolder folder, mirror;
  make_mnist(mirror.path(), true);
  const auto file = [&](const std::string& name) {
    return IdxFile{name, md5_of_file(mirror / name + ".gz")};
  };
  const test::LyingServer server([&](const test::HttpRequest& request, test::HttpConnection& c) {
    test::honest(test::read_bytes(mirror.path() + request.path.substr(5)))(request, c);
  });
  const IdxFormat format{"Small",
                         "small",
                         {test::dead_url(), server.url("/sets/")},
                         {"", "Small/raw"},
                         file(train_images),
                         file(train_labels),
                         file(test_images),
                         file(test_labels),
                         {"a"}};
  std::ostringstream out;
  const MNISTOptions options{
      .download = true,
      .fetch = {
          .progress = [](const DownloadProgress&) {}, .out = &out, .retries = 0, .retry_wait = 0}};
  const auto load = [&] {
    ImageDataset set;
    load_idx(format, folder.path(), options, set);
    return set;
  };
  CHECK(load().size() == 30);
  CHECK(server.requests().size() == 4);
  CHECK(out.str().find("verified") == std::string::npos);
  CHECK(test::names_in(folder / "Small/raw").size() == 4);
  out.str("");
  load();
  CHECK(out.str() == "Files already downloaded and verified\n");
  CHECK(server.requests().size() == 4);
  test::write_bytes(folder / "Small/raw/" + test_labels + ".gz", "damaged");
  CHECK(load().size() == 30);
  CHECK(server.requests().size() == 5);
}

}  // namespace
}  // namespace glassbox::datasets
