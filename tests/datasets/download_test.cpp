// download against a server of our own that lies in every way that servers do.
#include "datasets/download.h"

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "tests/datasets/get.h"
#include "tests/skip.h"

namespace glassbox::datasets {
namespace {

namespace fs = std::filesystem;
using test::body;
using test::contains;
using test::content;
using test::Get;
using test::HttpConnection;
using test::HttpRequest;
using test::LyingServer;
using test::md5;
using test::no_curl;
using test::status;

TEST_CASE("download fetches a file, makes its folder, and tells how far it is") {
  if (!can_download()) return test::skip(no_curl);
  const LyingServer server(test::honest(content()));
  Get get;
  get.file = get.folder / "a/b/file.bin";
  get.part = get.file + ".part";
  std::vector<DownloadProgress> seen;
  get.options.progress = [&](const DownloadProgress& p) { seen.push_back(p); };
  CHECK(get.from(server) == "");
  REQUIRE_FALSE(seen.empty());
  for (const DownloadProgress& p : seen) {
    CHECK(p.name == "file.bin");
    CHECK(p.total == 100'000);
  }
  CHECK(seen.back().done == 100'000);
  CHECK(get.out.str() == "Downloading " + server.url() + " to " + get.file + "\n");
  CHECK(test::names_in(get.folder / "a/b") == std::vector<std::string>{"file.bin"});
}

TEST_CASE("download leaves a file with the right checksum alone, and replaces another") {
  if (!can_download()) return test::skip(no_curl);
  const LyingServer server(test::honest(content()));
  Get get;
  test::write_bytes(get.file, "another");
  CHECK(download(server.url(), get.file, get.options));
  CHECK(test::read_bytes(get.file) == content());
  CHECK_FALSE(download(server.url(), get.file, get.options));
  CHECK(server.requests().size() == 1);
  get.options.md5.clear();  // nothing to know it by: fetched again
  CHECK(download(server.url(), get.file, get.options));
  CHECK(server.requests().size() == 2);
}

TEST_CASE("download says that it cannot connect") {
  if (!can_download()) return test::skip(no_curl);
  Get get;
  const std::string text = get.from(test::dead_url());
  CHECK(contains(text, "cannot connect: "));
  CHECK(contains(text, "check the network and the address"));
  CHECK(test::names_in(get.folder.path()).empty());
}

TEST_CASE("download says which HTTP error came") {
  if (!can_download()) return test::skip(no_curl);
  Get get;
  CHECK(get.from(LyingServer(status("404 Not Found"))) ==
        "the server says HTTP 404: there is no such file; check the address");
  CHECK(get.from(LyingServer(status("403 Forbidden"))) ==
        "the server says HTTP 403: it does not give the file to us");
  CHECK(get.from(LyingServer(status("500 Oops"))) == "the server says HTTP 500; try again later");
  CHECK(get.from(LyingServer(status("418 Teapot"))) == "the server says HTTP 418");
  CHECK(test::names_in(get.folder.path()).empty());
}

TEST_CASE("download tries again after an error that may pass, but not for ever") {
  if (!can_download()) return test::skip(no_curl);
  std::atomic<int> count = 0;
  const LyingServer server([&](const HttpRequest& request, HttpConnection& c) {
    if (++count <= 2) return c.answer("503 Busy", "");
    test::honest(content())(request, c);
  });
  Get get;
  get.options.retries = 2;
  CHECK(get.from(server) == "");
  CHECK(count == 3);

  Get other;
  other.options.retries = 3;
  const LyingServer busy(status("503 Busy"));
  CHECK(other.from(busy) == "the server says HTTP 503; try again later");
  CHECK(busy.requests().size() == 4);
  const LyingServer none(status("404 Not Found"));
  CHECK(contains(other.from(none), "404"));
  CHECK(none.requests().size() == 1);
}

TEST_CASE("download follows redirects, and not in circles or to files") {
  if (!can_download()) return test::skip(no_curl);
  Get get;
  SUBCASE("one that leads there") {
    const LyingServer server([](const HttpRequest& request, HttpConnection& c) {
      if (request.path == "/file") return c.answer("302 Found", "moved", "Location: /there\r\n");
      test::honest(content())(request, c);
    });
    CHECK(get.from(server) == "");
    CHECK(server.requests().back().path == "/there");
  }
  SUBCASE("a circle") {
    const LyingServer server(status("302 Found", "Location: /file\r\n"));
    CHECK(get.from(server) == "redirects more than 5 times; a loop?");
    CHECK(server.requests().size() == 6);
  }
  SUBCASE("out of HTTP") {
    const LyingServer server(status("302 Found", "Location: file:///etc/passwd\r\n"));
    CHECK(contains(get.from(server), "only http and https addresses are followed"));
  }
}

TEST_CASE("download throws away what has the wrong checksum") {
  if (!can_download()) return test::skip(no_curl);
  Get get;
  const auto wrong = [](const std::string& came) {
    return cat("what came (", came.size(), " bytes) has the md5 ", md5(came), ", not ",
               md5(content()), "; it was deleted: try again, or another mirror");
  };
  SUBCASE("other bytes") {
    const std::string other(100'000, 'x');
    CHECK(get.from(LyingServer(body(other))) == wrong(other));
  }
  SUBCASE("nothing at all") { CHECK(get.from(LyingServer(body(""))) == wrong("")); }
  SUBCASE("a Content-Length that is too short") {
    const LyingServer server([](const HttpRequest&, HttpConnection& c) {
      c.answer("200 OK", content(), "Content-Length: 500\r\n");
    });
    CHECK(get.from(server) == wrong(content().substr(0, 500)));
  }
  CHECK(test::names_in(get.folder.path()).empty());
}

TEST_CASE("a Content-Length that claims too much does not matter when the checksum is right") {
  if (!can_download()) return test::skip(no_curl);
  const LyingServer server([](const HttpRequest&, HttpConnection& c) {
    c.answer("200 OK", content(), "Content-Length: 100001\r\n");
  });
  Get get;
  CHECK(get.from(server) == "");
}

TEST_CASE("an answer without Content-Length ends where the connection does") {
  if (!can_download()) return test::skip(no_curl);
  const LyingServer server(
      [](const HttpRequest&, HttpConnection& c) { c.send("HTTP/1.0 200 OK\r\n\r\n" + content()); });
  Get get;
  CHECK(get.from(server) == "");
}

TEST_CASE("download refuses absurd sizes before it writes anything") {
  if (!can_download()) return test::skip(no_curl);
  Get get;
  get.options.limit = 1'000'000;
  SUBCASE("claimed") {
    for (const std::string length : {"1000001", "9223372036854775807"}) {
      const LyingServer server([=](const HttpRequest&, HttpConnection& c) {
        c.answer("200 OK", content(), "Content-Length: " + length + "\r\n");
      });
      CHECK(get.from(server) == "the server says that the file has " + length +
                                    " bytes more; at most 1000000 are taken");
    }
  }
  SUBCASE("larger than any number, or none") {
    for (const std::string length : {"99999999999999999999999", "-5", "many"}) {
      const LyingServer server([=](const HttpRequest&, HttpConnection& c) {
        c.answer("200 OK", "abc", "Content-Length: " + length + "\r\n");
      });
      CHECK(get.from(server) != "");
    }
  }
  SUBCASE("sent without a word") {
    get.options.limit = 50'000;
    const LyingServer server([](const HttpRequest&, HttpConnection& c) {
      c.send("HTTP/1.0 200 OK\r\n\r\n" + content());
    });
    CHECK(get.from(server) == "the server sends more than the 50000 bytes that are taken");
  }
  SUBCASE("more than the disk has room for") {
    get.options.limit = std::int64_t(1) << 62;
    const LyingServer server([](const HttpRequest&, HttpConnection& c) {
      c.answer("200 OK", content(), "Content-Length: 1152921504606846976\r\n");
    });
    const std::string text = get.from(server);
    CHECK(contains(text, "1152921504606846976 bytes have to be written to " + get.part));
    CHECK(contains(text, "make room and try again"));
  }
  CHECK(test::names_in(get.folder.path()).empty());
}

TEST_CASE("download tells an HTML page from a file") {
  if (!can_download()) return test::skip(no_curl);
  Get get;
  for (const std::string page : {"<!DOCTYPE html><html>Please log in</html>",
                                 "\xef\xbb\xbf\r\n <HTML><body></body></HTML>"}) {
    CHECK(contains(get.from(LyingServer(body(page))), "sent an HTML page, not the file"));
    CHECK(test::names_in(get.folder.path()).empty());
    DownloadOptions wanted = get.options;
    wanted.html = true;
    wanted.md5 = md5(page);
    const LyingServer server(body(page));
    CHECK(download(server.url(), get.file, wanted));
    fs::remove(get.file);
  }
}

TEST_CASE("download does not understand what is no HTTP") {
  if (!can_download()) return test::skip(no_curl);
  Get get;
  CHECK(get.from(LyingServer([](const HttpRequest&, HttpConnection&) {})) != "");
  CHECK(get.from(LyingServer([](const HttpRequest&, HttpConnection& c) { c.send("hello\n"); })) !=
        "");
  CHECK(contains(get.from("ftp://127.0.0.1/file"), "only http and https"));
  CHECK(get.from("http://") != "");
  CHECK(test::names_in(get.folder.path()).empty());
}

TEST_CASE("download into a place that cannot be written says which") {
  if (!can_download()) return test::skip(no_curl);
  const LyingServer server(test::honest(content()));
  Get get;
  const auto error_for = [&](const std::string& file) -> std::string {
    try {
      download(server.url(), file, get.options);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  CHECK(error_for(get.folder.path()) ==
        get.folder.path() + ": is a folder, where a file is to be downloaded");
  test::write_bytes(get.folder / "a", "");
  CHECK(error_for(get.folder / "a/b") ==
        get.folder / "a: cannot make this folder: Not a directory");
  fs::create_directory(get.folder / "x.part");
  CHECK(contains(error_for(get.folder / "x"), "x.part: cannot write: Is a directory"));
  fs::create_directory(get.folder / "closed");
  fs::permissions(get.folder / "closed", fs::perms(0555));
  {
    const test::WithoutRights rights;
    if (!rights.works(get.folder / "closed")) return test::skip("this user may write everywhere");
    CHECK(error_for(get.folder / "closed/x") ==
          get.folder / "closed/x.part: cannot write: Permission denied");
  }
  CHECK(server.requests().empty());
}

TEST_CASE("what a progress callback throws comes out of download") {
  if (!can_download()) return test::skip(no_curl);
  const LyingServer server(test::honest(content()));
  Get get;
  get.options.progress = [](const DownloadProgress&) { throw std::runtime_error("enough"); };
  CHECK_THROWS_WITH_AS(download(server.url(), get.file, get.options), "enough", std::runtime_error);
  CHECK_FALSE(fs::exists(get.file));
}

TEST_CASE("download refuses options that make no sense") {
  CHECK_THROWS_WITH_AS(download("http://x", "x", {.md5 = "ABC"}),
                       "download: \"ABC\" is no md5: that has 32 of the digits 0-9 and a-f", Error);
  CHECK_THROWS_WITH_AS(download("http://x", "x", {.retries = -1}), doctest::Contains("retries -1"),
                       Error);
  CHECK_THROWS_WITH_AS(download("http://x", "x", {.stall_timeout = 0}),
                       doctest::Contains("stall_timeout 0"), Error);
}

TEST_CASE("progress elsewhere than on a terminal is a line for each tenth") {
  std::ostringstream out;
  const auto print = print_progress(&out);
  constexpr std::int64_t total = 10 << 20;
  for (std::int64_t done = 0; done <= total; done += 1 << 18) print({"set.tar.gz", done, total});
  CHECK(
      out.str().starts_with("set.tar.gz: 10 %, 1.0 of 10.0 MiB\n"
                            "set.tar.gz: 20 %, 2.0 of 10.0 MiB\n"));
  CHECK(out.str().ends_with("set.tar.gz: 100 %, 10.0 of 10.0 MiB\n"));
  std::ostringstream unknown;
  const auto print_unknown = print_progress(&unknown);
  for (std::int64_t done = 0; done <= 40 << 20; done += 1 << 20) print_unknown({"set", done, -1});
  CHECK(unknown.str() == "set: 16.0 MiB\nset: 32.0 MiB\n");
}

}  // namespace
}  // namespace glassbox::datasets
