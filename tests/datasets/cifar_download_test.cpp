// The CIFAR sets from archives and over HTTP, with small sets of the same format.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "datasets/archive.h"
#include "datasets/cifar.h"
#include "datasets/cifar10.h"
#include "datasets/cifar100.h"
#include "datasets/md5.h"
#include "tests/datasets/cifar_files.h"
#include "tests/datasets/lying_server.h"
#include "tests/datasets/make_archive.h"
#include "tests/skip.h"
#include "tests/temp_folder.h"

namespace glassbox::datasets {
namespace {

namespace fs = std::filesystem;
using test::LyingServer;
using test::TempFolder;

constexpr const char* no_archives = "this build has no libarchive";

// Records whose image bytes are all `first`, `first` + 1, ... and whose labels are those modulo 5.
std::string records(int first, int n, const std::string& before = "") {
  std::string bytes;
  for (int i = first; i < first + n; ++i)
    bytes += before + static_cast<char>(i % 5) + std::string(3072, static_cast<char>(i));
  return bytes;
}

std::string small_archive() {
  return test::gzip(test::tar({{"small-bin/names.txt", "a\nb\nc\nd\ne\n"},
                               {"small-bin/two.bin", records(10, 3)},
                               {"small-bin/one.bin", records(0, 2)},
                               {"small-bin/test.bin", records(20, 4)}}));
}

CifarFormat small_format() {
  Md5 md5;
  md5.update(small_archive());
  return {.what = "Small",
          .noun = "a small file",
          .folder = "small-bin",
          .archive = "small.tar.gz",
          .md5 = md5.hex(),
          .files = {{"one.bin", 2, true}, {"two.bin", 3, true}, {"test.bin", 4, false}},
          .labels = {5},
          .class_names = "names.txt"};
}

std::vector<int> first_bytes(const ImageDataset& set) {
  std::vector<int> bytes;
  for (std::int64_t i = 0; i < set.size(); ++i) bytes.push_back(set.images[i][0][0][0].item<int>());
  return bytes;
}

struct Load {
  TempFolder folder;
  std::ostringstream out;
  CifarSource source{
      .fetch = {
          .progress = [](const DownloadProgress&) {}, .out = &out, .retries = 0, .retry_wait = 0}};

  ImageDataset operator()(const std::string& root, bool train = true) {
    ImageDataset set;
    source.train = train;
    load_cifar(small_format(), root, source, set);
    return set;
  }
  ImageDataset operator()() { return (*this)(folder.path()); }
  std::string message(const std::string& root) {
    try {
      (*this)(root);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  // What was printed since the last call.
  std::string printed() {
    const std::string text = out.str();
    out.str("");
    return text;
  }
};

const std::vector<int> train_bytes{0, 1, 10, 11, 12}, test_bytes{20, 21, 22, 23};
const std::string verified = "Files already downloaded and verified\n";

TEST_CASE("a CIFAR set is read straight from its archive, and nothing is written") {
  if (!can_read_archives()) return test::skip(no_archives);
  Load load;
  test::write_bytes(load.folder / "small.tar.gz", small_archive());
  test::write_bytes(load.folder / "renamed", small_archive());
  for (const std::string& root :
       {load.folder.path(), load.folder / "small.tar.gz", load.folder / "renamed"}) {
    const ImageDataset train = load(root);
    CHECK(train.images.shape() == Shape{5, 3, 32, 32});
    CHECK(first_bytes(train) == train_bytes);
    CHECK(train.labels.to_vector<int>() == std::vector<int>{0, 1, 0, 1, 2});
    CHECK(train.classes == std::vector<std::string>{"a", "b", "c", "d", "e"});
    CHECK(first_bytes(load(root, false)) == test_bytes);
  }
  CHECK(test::names_in(load.folder.path()) == std::vector<std::string>{"renamed", "small.tar.gz"});
}

TEST_CASE("a CIFAR archive that lacks files or holds others says so") {
  if (!can_read_archives()) return test::skip(no_archives);
  Load load;
  const std::string path = load.folder / "small.tar.gz";
  const auto message = [&](const std::vector<test::TarEntry>& entries) {
    test::write_bytes(path, test::gzip(test::tar(entries)));
    return load.message(path);
  };
  CHECK(message({{"small-bin/two.bin", records(0, 3)}}) ==
        "Small: " + path +
            " lacks one.bin; put small.tar.gz there or unpack it there, or set download");
  CHECK(message({{"x/one.bin", records(0, 1)}}) ==
        path + ": one.bin: has 3073 bytes; a small file has 6146 (truncated?)");
  CHECK(message({{"x/one.bin", std::string(2 * 3073, '\7')}}) ==
        path + ": one.bin: record 0 has the label 7; labels are 0 to 4");
  test::write_bytes(path, "");
  CHECK(load.message(path).starts_with(path + ": "));
}

TEST_CASE("download = true fetches, extracts and verifies; what is there is verified only") {
  if (!can_read_archives() || !can_download()) return test::skip("needs libcurl and libarchive");
  const LyingServer server(test::honest(small_archive()));
  Load load;
  load.source.download = true;
  load.source.url = server.url("/mirror/");
  const std::string root = load.folder.path(), inner = load.folder / "small-bin";
  CHECK(first_bytes(load()) == train_bytes);
  CHECK(load.printed() ==
        "Downloading " + server.url("/mirror/small.tar.gz to ") + root + "/small.tar.gz\n");
  CHECK(test::names_in(root) == std::vector<std::string>{"small-bin", "small.tar.gz"});
  CHECK(test::names_in(inner) ==
        std::vector<std::string>{"checksums.md5", "names.txt", "one.bin", "test.bin", "two.bin"});
  REQUIRE(server.requests().size() == 1);
  CHECK(server.requests()[0].path == "/mirror/small.tar.gz");

  SUBCASE("the second time it says so, once for each set") {
    CHECK(first_bytes(load()) == train_bytes);
    CHECK(load.printed() == verified);
    CHECK(first_bytes(load(root, false)) == test_bytes);
    CHECK(load.printed() == verified);
    CHECK(first_bytes(load(inner)) == train_bytes);
    CHECK(load.printed() == verified);
    fs::remove(load.folder / "small.tar.gz");  // the extracted files are enough
    CHECK(first_bytes(load()) == train_bytes);
    CHECK(load.printed() == verified);
  }
  SUBCASE("a file that was changed comes anew from the archive, and others stay") {
    std::string bytes = test::read_bytes(inner + "/one.bin");
    bytes[100] = 77;
    test::write_bytes(inner + "/one.bin", bytes);
    test::write_bytes(inner + "/mine.txt", "mine");
    CHECK(first_bytes(load()) == train_bytes);
    CHECK(load.printed() == "Using downloaded and verified file: " + root + "/small.tar.gz\n");
    CHECK(test::read_bytes(inner + "/one.bin") == records(0, 2));
    CHECK(test::read_bytes(inner + "/mine.txt") == "mine");
    load();
    CHECK(load.printed() == verified);
  }
  SUBCASE("a file that is missing, too") {
    fs::remove(inner + "/two.bin");
    CHECK(first_bytes(load()) == train_bytes);
    CHECK(fs::exists(inner + "/two.bin"));
  }
  SUBCASE("files without a list of checksums, too") {
    fs::remove(inner + "/checksums.md5");
    CHECK(first_bytes(load()) == train_bytes);
    CHECK(load.printed().starts_with("Using downloaded"));
  }
  CHECK(server.requests().size() == 1);
  SUBCASE("an archive with another checksum is fetched again") {
    fs::remove_all(inner);
    test::write_bytes(load.folder / "small.tar.gz", "not the archive");
    CHECK(first_bytes(load()) == train_bytes);
    CHECK(server.requests().size() == 2);
  }
}

TEST_CASE("download = true takes an archive that was put there, or is the root itself") {
  if (!can_read_archives() || !can_download()) return test::skip("needs libcurl and libarchive");
  Load load;
  load.source.download = true;
  load.source.url = test::dead_url();
  test::write_bytes(load.folder / "small.tar.gz", small_archive());
  CHECK(first_bytes(load(load.folder / "small.tar.gz")) == train_bytes);
  CHECK(load.printed().starts_with("Using downloaded and verified file: "));
  CHECK(first_bytes(load()) == train_bytes);
  CHECK(load.printed() == verified);
}

TEST_CASE("a download that fails says where to get the file, and leaves no set") {
  if (!can_read_archives() || !can_download()) return test::skip("needs libcurl and libarchive");
  Load load;
  load.source.download = true;
  SUBCASE("no server") { load.source.url = test::dead_url(); }
  SUBCASE("another archive") {
    const LyingServer server(test::honest("something else"));
    load.source.url = server.url("");
    const std::string text = load.message(load.folder.path());
    CHECK(text.find("has the md5 ") != std::string::npos);
  }
  const std::string text = load.message(load.folder.path());
  CHECK(text.find("or put the file at " + load.folder / "small.tar.gz by hand") !=
        std::string::npos);
  CHECK(test::names_in(load.folder.path()).empty());
}

TEST_CASE("an archive with the right checksum and the wrong files is refused") {
  if (!can_read_archives() || !can_download()) return test::skip("needs libcurl and libarchive");
  const std::string other = test::gzip(test::tar({{"elsewhere/one.bin", "x"}}));
  Md5 md5;
  md5.update(other);
  const LyingServer server(test::honest(other));
  Load load;
  load.source.download = true;
  load.source.url = server.url("");
  load.source.fetch.md5 = md5.hex();
  CHECK(load.message(load.folder.path()) ==
        load.folder / "small.tar.gz: holds no small-bin/one.bin; is it the binary version?");
  CHECK(test::names_in(load.folder.path()) == std::vector<std::string>{"small.tar.gz"});
}

TEST_CASE("GLASSBOX_DATA_URL names a mirror, and the option url is stronger") {
  if (!can_read_archives() || !can_download()) return test::skip("needs libcurl and libarchive");
  const LyingServer server(test::honest(small_archive()));
  ::setenv("GLASSBOX_DATA_URL", server.url("/sets").c_str(), 1);
  Load load, other;
  load.source.download = other.source.download = true;
  CHECK(first_bytes(load()) == train_bytes);
  CHECK(server.requests().back().path == "/sets/small.tar.gz");
  other.source.url = server.url("/option");
  CHECK(first_bytes(other()) == train_bytes);
  CHECK(server.requests().back().path == "/option/small.tar.gz");
  ::unsetenv("GLASSBOX_DATA_URL");
}

TEST_CASE("CIFAR-10 is read from its own archive") {
  if (!can_read_archives()) return test::skip(no_archives);
  const TempFolder folder;
  std::string batch(CIFAR10::records_per_file * CIFAR10::record_bytes, '\0');
  batch[3073 * 17] = 4;
  batch[3073 * 17 + 1] = 99;
  test::write_bytes(folder / "cifar-10-binary.tar.gz",
                    test::gzip(test::tar({{"cifar-10-batches-bin/test_batch.bin", batch}})));
  const CIFAR10 set(folder.path(), {.train = false});
  CHECK(set.size() == 10'000);
  CHECK(set.labels.data<std::int64_t>()[17] == 4);
  CHECK(set.images[17][0][0][0].item<int>() == 99);
  CHECK(set.classes.front() == "plane");
}

TEST_CASE("CIFAR-10 has the official names where they are asked for") {
  const TempFolder folder;
  test::make_cifar(folder.path());
  CHECK(CIFAR10(folder.path(), {.train = false, .official_names = true}).classes ==
        std::vector<std::string>{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog",
                                 "horse", "ship", "truck"});
  test::write_bytes(folder / "batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
  CHECK(CIFAR10(folder.path(), {.train = false, .official_names = true}).classes.front() == "a");
}

TEST_CASE("CIFAR-100 has fine labels from 0 to 99 and their names") {
  const TempFolder folder;
  const std::string inner = folder / "cifar-100-binary", file = inner + "/test.bin";
  fs::create_directory(inner);
  test::write_bytes(file, "");
  fs::resize_file(file, 10'000 * 3074);
  const auto set_bytes = [&](std::int64_t at, const std::string& bytes) {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(at);
    out << bytes;
  };
  set_bytes(3074 * 17, "\x13\x63z");
  const CIFAR100 set(folder.path(), {.train = false});
  CHECK(set.images.shape() == Shape{10'000, 3, 32, 32});
  CHECK(set.labels.data<std::int64_t>()[17] == 99);
  CHECK(set.images[17][0][0][0].item<int>() == 'z');
  REQUIRE(set.classes.size() == 100);
  CHECK(set.classes.front() == "apple");
  CHECK(set.classes[52] == "oak_tree");
  CHECK(set.classes.back() == "worm");
  CHECK(std::is_sorted(set.classes.begin(), set.classes.end()));

  std::string names;
  for (int i = 0; i < 100; ++i) names += cat("class", i, "\n");
  test::write_bytes(inner + "/fine_label_names.txt", names);
  CHECK(CIFAR100(inner, {.train = false}).classes[99] == "class99");

  const auto check = [&](const std::string& fact) {
    CHECK_THROWS_WITH_AS(CIFAR100(folder.path(), {.train = false}), (file + ": " + fact).c_str(),
                         Error);
  };
  set_bytes(3074 * 5, "\x13\x64");
  check("record 5 has the label 100; labels are 0 to 99");
  set_bytes(3074 * 5, std::string("\x14\x00", 2));
  check("record 5 has the coarse label 20; labels are 0 to 19");
  fs::resize_file(file, 3074);
  check("has 3074 bytes; this file of CIFAR-100 has 30740000 (truncated?)");
  CHECK_THROWS_WITH_AS(CIFAR100(folder.path()),
                       ("CIFAR100: " + inner +
                        " lacks train.bin; put cifar-100-binary.tar.gz there "
                        "or unpack it there, or set download")
                           .c_str(),
                       Error);
}

}  // namespace
}  // namespace glassbox::datasets
