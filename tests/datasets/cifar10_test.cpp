// Reading CIFAR-10's files: where they lie, what they hold, and what is wrong with them.
#include "datasets/cifar10.h"

#include <doctest/doctest.h>

#include <array>

#include "tests/datasets/cifar_files.h"
#include "tests/temp_folder.h"

namespace glassbox::datasets {
namespace {

namespace fs = std::filesystem;
using test::make_cifar;
using test::set_record;
using test::TempFolder;

// 3,072 bytes that differ by channel, row and column, and by `seed`.
std::string pixels(int seed) {
  std::string bytes;
  for (int i = 0; i < 3072; ++i) bytes += static_cast<char>(i * 7 + i / 256 + seed);
  return bytes;
}
std::string label(int value) { return std::string(1, static_cast<char>(value)); }

const std::vector<std::string> article{"plane", "car",  "bird",  "cat",  "deer",
                                       "dog",   "frog", "horse", "ship", "truck"};

TEST_CASE("CIFAR-10 is read from its own folder or the one around it") {
  const TempFolder folder;
  const std::string inner = folder / "cifar-10-batches-bin";
  make_cifar(inner);
  set_record(inner + "/test_batch.bin", 17, 0, label(4));
  for (const std::string& root : {folder.path(), inner, inner + "/"}) {
    const CIFAR10 set(root, {.train = false});
    CHECK(set.size() == 10'000);
    CHECK(set.images.shape() == Shape{10'000, 3, 32, 32});
    CHECK(set.images.dtype() == DType::u8);
    CHECK(set.labels.shape() == Shape{10'000});
    CHECK(set.labels.dtype() == DType::i64);
    CHECK(set.labels.data<std::int64_t>()[17] == 4);
    CHECK(set.classes == article);
  }
}

TEST_CASE("CIFAR-10 records are in the files' order, their pixels by channel, row and column") {
  const TempFolder folder;
  make_cifar(folder.path());
  for (int file = 0; file < 6; ++file) {
    const std::string path = folder / test::cifar_batches[file];
    set_record(path, 0, 0, label(file) + pixels(file));
    set_record(path, 9'999, 0, label(9 - file) + pixels(100 + file));
  }
  const auto check = [](const CIFAR10& set, std::int64_t index, int want_label, int seed) {
    CAPTURE(index);
    CHECK(set.labels.data<std::int64_t>()[static_cast<std::size_t>(index)] == want_label);
    const std::string want = pixels(seed);
    const Tensor image = set.images[index];
    CHECK(std::string_view(reinterpret_cast<const char*>(image.raw()), 3072) == want);
    for (const auto& [c, y, x] :
         {std::array{0, 0, 1}, std::array{1, 0, 0}, std::array{2, 31, 30}}) {
      const auto at = static_cast<std::size_t>((c * 32 + y) * 32 + x);
      CHECK(image[c][y][x].item<int>() == static_cast<unsigned char>(want[at]));
    }
  };
  const CIFAR10 train(folder.path());
  CHECK(train.size() == 50'000);
  for (int file = 0; file < 5; ++file) {
    check(train, file * 10'000, file, file);
    check(train, file * 10'000 + 9'999, 9 - file, 100 + file);
  }
  const CIFAR10 test(folder.path(), {.train = false});
  check(test, 0, 5, 5);
  check(test, 9'999, 4, 105);
}

TEST_CASE("CIFAR-10 classes are the article's, or those of a set that is not the official one") {
  const TempFolder folder;
  make_cifar(folder.path());
  const auto classes = [&](const std::string& text) {
    test::write_bytes(folder / "batches.meta.txt", text);
    return CIFAR10(folder.path(), {.train = false}).classes;
  };
  CHECK(classes("airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n") ==
        article);
  CHECK(classes("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n") ==
        std::vector<std::string>{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"});
  CHECK(classes("a\r\nb\r\nc\r\nd\r\ne\r\nf\r\ng\r\nh\r\ni\r\nj\r\n").back() == "j");
  CHECK(classes("a\nb\nc\n") == article);
  CHECK(classes("") == article);
}

TEST_CASE("CIFAR-10 files that are missing are named, with where to put them") {
  const TempFolder folder;
  const std::string advice =
      "; put cifar-10-binary.tar.gz there or unpack it there, or set download, or use the "
      "synthetic set";
  const auto message = [&](const std::string& root, bool train = true) -> std::string {
    try {
      const CIFAR10 set(root, {.train = train});
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  const auto nowhere = [&](const std::string& root) {
    return "CIFAR10: no data_batch_1.bin in " + root + " or " + root + "/cifar-10-batches-bin" +
           advice;
  };
  CHECK(message(folder.path()) == nowhere(folder.path()));
  CHECK(message(folder / "none") == nowhere(folder / "none"));
  test::write_bytes(folder / "file", "");  // may be an archive, and is none
  CHECK(message(folder / "file").starts_with(folder / "file: "));
  const std::string endless(5000, 'x');  // longer than any path may be
  CHECK(message(endless) == nowhere(endless));
  CHECK(message("") == "CIFAR10: no data_batch_1.bin in . or cifar-10-batches-bin" + advice);

  make_cifar(folder.path());
  fs::remove(folder / "data_batch_2.bin");
  fs::remove(folder / "data_batch_5.bin");
  CHECK(message(folder.path()) ==
        "CIFAR10: " + folder.path() + " lacks data_batch_2.bin, data_batch_5.bin" + advice);
  CHECK(message(folder.path(), false) == "no error");
  fs::remove(folder / "test_batch.bin");
  CHECK(message(folder.path(), false) ==
        "CIFAR10: " + folder.path() + " lacks test_batch.bin" + advice);
}

TEST_CASE("CIFAR-10 files of another size, a folder, and wrong labels are refused") {
  const TempFolder folder;
  make_cifar(folder.path());
  const std::string file = folder / "test_batch.bin";
  const auto check = [&](const std::string& fact) {
    CHECK_THROWS_WITH_AS(CIFAR10(folder.path(), {.train = false}), (file + ": " + fact).c_str(),
                         Error);
  };
  SUBCASE("truncated") {
    fs::resize_file(file, 30'729'999);
    check("has 30729999 bytes; a CIFAR-10 batch has 30730000 (truncated?)");
  }
  SUBCASE("empty") {
    fs::resize_file(file, 0);
    check("has 0 bytes; a CIFAR-10 batch has 30730000 (truncated?)");
  }
  SUBCASE("too long") {
    fs::resize_file(file, 30'730'001);
    check("has 30730001 bytes; a CIFAR-10 batch has 30730000");
  }
  SUBCASE("too long to be taken into memory") {
    fs::resize_file(file, std::uintmax_t(1) << 40);
    check("has 1099511627776 bytes; a CIFAR-10 batch has 30730000");
  }
  SUBCASE("a folder") {
    fs::remove(file);
    fs::create_directory(file);
    check("is not a regular file");
  }
  SUBCASE("a label of 10") {
    set_record(file, 0, 0, label(9));
    set_record(file, 1234, 0, label(10));
    check("record 1234 has the label 10; labels are 0 to 9");
  }
  SUBCASE("a label of 255") {
    set_record(file, 9'999, 0, label(255));
    check("record 9999 has the label 255; labels are 0 to 9");
  }
  SUBCASE("the fifth of several files") {
    set_record(folder / "data_batch_5.bin", 7, 0, label(11));
    CHECK_THROWS_WITH_AS(
        CIFAR10{folder.path()},
        (folder / "data_batch_5.bin: record 7 has the label 11; labels are 0 to 9").c_str(), Error);
  }
}

}  // namespace
}  // namespace glassbox::datasets
