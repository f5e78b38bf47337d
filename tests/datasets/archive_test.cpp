// Archives: what is extracted, and what is not.
#include "datasets/archive.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>

#include "engine/core/error.h"
#include "tests/datasets/make_archive.h"
#include "tests/skip.h"
#include "tests/temp_folder.h"

namespace glassbox::datasets {
namespace {

namespace fs = std::filesystem;
using test::gzip;
using test::tar;
using test::TempFolder;

constexpr const char* no_archives = "this build has no libarchive";
constexpr const char* no_gzip = "this build has no zlib";

std::string write(const TempFolder& folder, const std::string& bytes) {
  test::write_bytes(folder / "a.tar.gz", bytes);
  return folder / "a.tar.gz";
}

std::map<std::string, std::string> contents(const std::string& archive,
                                            const ArchiveLimits& limits = {}) {
  std::map<std::string, std::string> files;
  read_archive(
      archive,
      [&](ArchiveFile& file) {
        std::string text(static_cast<std::size_t>(file.size), '?');
        file.read(std::as_writable_bytes(std::span(text)));
        files[file.path] = text;
      },
      limits);
  return files;
}

TEST_CASE("an archive's files are read and extracted") {
  if (!can_read_archives()) return test::skip(no_archives);
  const TempFolder folder;
  std::string large;
  for (int i = 0; i < 3'000'000; ++i) large += static_cast<char>(i * 7 + i / 256);
  const std::string archive = write(
      folder,
      gzip(tar(
          {{"set/", "", '5'}, {"./set/a.txt", "one"}, {"set/b/c.bin", large}, {"set/empty", ""}})));
  const std::map<std::string, std::string> want{
      {"set/a.txt", "one"}, {"set/b/c.bin", large}, {"set/empty", ""}};
  CHECK(contents(archive) == want);
  CHECK(extract_archive(archive, folder / "new/out") ==
        std::vector<std::string>{"set/a.txt", "set/b/c.bin", "set/empty"});
  for (const auto& file : want)
    CHECK(test::read_bytes(folder / "new/out/" + file.first) == file.second);
  CHECK(test::names_in(folder / "new") == std::vector<std::string>{"out"});
  CHECK_THROWS_WITH_AS(extract_archive(archive, folder / "new/out"),
                       (folder / "new/out: is there already, and is not written over").c_str(),
                       Error);
  // A file that is not read is passed over.
  int files = 0;
  read_archive(archive, [&](ArchiveFile&) { ++files; });
  CHECK(files == 3);
}

TEST_CASE("an archive that would write elsewhere is refused, and leaves nothing") {
  if (!can_read_archives()) return test::skip(no_archives);
  const TempFolder folder;
  const auto check = [&](const test::TarEntry& entry, const std::string& fact) {
    CAPTURE(entry.path);
    const std::string archive = write(folder, gzip(tar({{"good", "x"}, entry})));
    CHECK_THROWS_WITH_AS(
        extract_archive(archive, folder / "out"),
        (archive + ": holds \"" + entry.path + "\", which is not taken: " + fact).c_str(), Error);
    CHECK(test::names_in(folder.path()) == std::vector<std::string>{"a.tar.gz"});
  };
  const std::string out = "its path leads out of the folder";
  check({"../evil", "x"}, out);
  check({"a/../../evil", "x"}, out);
  check({"/tmp/glassbox-evil", "x"}, out);
  check({"a/..", "x"}, out);
  check({"link", "", '2', "/etc/passwd"}, "it is a link");
  check({"link", "", '2', "good"}, "it is a link");
  check({"link", "", '1', "good"}, "it is a link");
  check({"device", "", '3'}, "it is no regular file");
  check({"pipe", "", '6'}, "it is no regular file");
  check({"good", "y"}, "it comes twice or has no name");
  check({"./good", "y"}, "it comes twice or has no name");
}

TEST_CASE("an archive's sizes are checked before anything is written") {
  if (!can_read_archives()) return test::skip(no_archives);
  const TempFolder folder;
  const std::string archive = write(folder, gzip(tar({{"a", "12345"}, {"b", "12345"}})));
  CHECK(contents(archive, {.file_bytes = 5, .total_bytes = 10, .files = 2}).size() == 2);
  CHECK_THROWS_WITH_AS(
      contents(archive, {.file_bytes = 4}),
      (archive + ": holds \"a\", which is not taken: it has 5 bytes; at most 4").c_str(), Error);
  CHECK_THROWS_WITH_AS(
      contents(archive, {.total_bytes = 9}),
      (archive + ": holds \"b\", which is not taken: all files have more than 9 bytes").c_str(),
      Error);
  CHECK_THROWS_WITH_AS(contents(archive, {.files = 1}),
                       (archive + ": holds \"b\", which is not taken: more than 1 files").c_str(),
                       Error);
  // 8 GiB less one byte, the most that a header's field can say, and a few bytes behind it.
  const std::string lying = write(folder, gzip(tar({{"huge", "abc", '0', "", 077777777777}})));
  CHECK_THROWS_AS(extract_archive(lying, folder / "out"), Error);
  const std::string some = write(folder, gzip(tar({{"short", "abc", '0', "", 100'000}})));
  CHECK_THROWS_AS(extract_archive(some, folder / "out"), Error);
  CHECK(test::names_in(folder.path()) == std::vector<std::string>{"a.tar.gz"});
}

TEST_CASE("what is no archive, is cut off or damaged says so") {
  if (!can_read_archives()) return test::skip(no_archives);
  const TempFolder folder;
  const std::string whole = gzip(tar({{"a", std::string(100'000, 'x')}}));
  std::string damaged = whole;
  damaged[damaged.size() - 8] ^= 1;  // the checksum
  const std::string broken[] = {"",
                                "<html>log in</html>",
                                whole.substr(0, 5),
                                whole.substr(0, 50'000),
                                whole.substr(0, whole.size() - 2000),
                                gzip("not a tar file"),
                                gzip(std::string(10'240, '\0'))};
  for (const std::string& bytes : broken) {
    CAPTURE(bytes.size());
    const std::string archive = write(folder, bytes);
    CHECK_THROWS_WITH_AS(extract_archive(archive, folder / "out"),
                         doctest::Contains(archive.c_str()), Error);
    CHECK(test::names_in(folder.path()) == std::vector<std::string>{"a.tar.gz"});
  }
  CHECK_THROWS_AS(contents(folder / "none"), Error);
  CHECK_THROWS_AS(contents(folder.path()), Error);
}

TEST_CASE("a gzip file is read to its end") {
  if (!can_read_gzip()) return test::skip(no_gzip);
  const TempFolder folder;
  const auto read = [&](const std::string& bytes, std::size_t n, bool to_end = true) {
    test::write_bytes(folder / "x.gz", bytes);
    GzipFile file(folder / "x.gz");
    std::string text(n, '?');
    file.read(std::as_writable_bytes(std::span(text)));
    if (to_end) file.expect_end();
    return text;
  };
  const std::string text(200'000, 'x');
  CHECK(read(gzip(text), 200'000) == text);
  CHECK(read(gzip(text), 100, false) == text.substr(0, 100));
  CHECK(read(gzip(""), 0) == "");
  const std::string name = folder / "x.gz";
  CHECK_THROWS_WITH_AS(read(gzip(text), 199'999),
                       (name + ": has more than the 199999 bytes that belong in it").c_str(),
                       Error);
  CHECK_THROWS_WITH_AS(read(gzip(text), 200'001), (name + ": ends after 200000 bytes").c_str(),
                       Error);
  CHECK_THROWS_WITH_AS(read(gzip(text).substr(0, 100'000), 200'000),
                       doctest::Contains("is damaged or cut off"), Error);
  std::string damaged = gzip(text);
  damaged[damaged.size() - 6] ^= 1;
  CHECK_THROWS_WITH_AS(read(damaged, 200'000), doctest::Contains("is damaged or cut off"), Error);
  for (const char* other : {"", "x", "plain text"}) {
    CHECK_THROWS_WITH_AS(read(other, 1),
                         (name + ": is no gzip file; delete it and download it again").c_str(),
                         Error);
  }
}

}  // namespace
}  // namespace glassbox::datasets
