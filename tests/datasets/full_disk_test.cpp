// What is left of a download when the disk is full: on a small file system of its own, which only
// root can make.
#include <doctest/doctest.h>

#include <sstream>

#include "datasets/archive.h"
#include "datasets/download.h"
#include "datasets/md5.h"
#include "engine/core/error.h"
#include "tests/datasets/lying_server.h"
#include "tests/datasets/make_archive.h"
#include "tests/skip.h"
#include "tests/small_disk.h"
#include "tests/temp_folder.h"

namespace glassbox::datasets {
namespace {

using test::SmallDisk;

TEST_CASE("a download that fills the disk says so and goes on when there is room") {
  if (!can_download()) return test::skip("this build has no libcurl");
  SmallDisk disk;
  if (!disk.why_not().empty()) return test::skip(disk.why_not());
  const std::string content(1'500'000, 'x');
  Md5 md5;
  md5.update(content);
  // Without a length, so that it is not known before.
  const test::LyingServer server([&](const test::HttpRequest&, test::HttpConnection& c) {
    c.send("HTTP/1.0 200 OK\r\n\r\n" + content);
  });
  std::ostringstream out;
  const DownloadOptions options{.md5 = md5.hex(), .out = &out, .retries = 0};
  const std::string file = disk / "file";
  CHECK_THROWS_WITH_AS(download(server.url(), file, options),
                       doctest::Contains("No space left on device; make room and try again"),
                       Error);
  CHECK(test::names_in(disk.path()) == std::vector<std::string>{"file.part"});
  disk.resize("4m");
  CHECK(download(server.url(), file, options));
  CHECK(test::read_bytes(file) == content);
}

TEST_CASE("an archive that fills the disk leaves nothing") {
  if (!can_read_archives()) return test::skip("this build has no libarchive");
  const SmallDisk disk;
  if (!disk.why_not().empty()) return test::skip(disk.why_not());
  const test::TempFolder folder;
  test::write_bytes(folder / "a.tar.gz",
                    test::gzip(test::tar({{"a", "x"}, {"b", std::string(2'000'000, 'x')}})));
  CHECK_THROWS_WITH_AS(extract_archive(folder / "a.tar.gz", disk / "out"),
                       doctest::Contains("No space left on device"), Error);
  CHECK(test::names_in(disk.path()).empty());
}

}  // namespace
}  // namespace glassbox::datasets
